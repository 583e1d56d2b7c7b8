/** The signals by which a terminal, a user or the system ends a program, and which a program can catch. */
export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * From now on such a signal ends this process only after `cleanUp`, which does its work before it returns. The result
 * makes signals act as usual again.
 */
export function beforeEnding(cleanUp: () => void): () => void {
  const release = (): void => {
    for (const signal of endingSignals) process.off(signal, act)
  }
  const act = (signal: NodeJS.Signals): void => {
    release()
    try {
      cleanUp()
    } finally {
      process.kill(process.pid, signal)
    }
  }
  for (const signal of endingSignals) process.on(signal, act)
  return release
}
