/** That the Engine did not answer in time. */
export class NoAnswer extends Error {
  constructor(limitMs: number) {
    super(`the Engine gave no answer within ${limitMs} ms`)
    this.name = 'NoAnswer'
  }
}

/**
 * What the Engine answers, or `NoAnswer` after so long: of one that was stopped, whose socket hangs, or that goes away in the middle
 * of an answer, which Dockerode does not tell of. `ask` is told by the signal that nobody waits any more.
 */
export async function within<T>(
  limitMs: number,
  ask: (options: { readonly abortSignal: AbortSignal }) => Promise<T>
): Promise<T> {
  const ending = new AbortController()
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new NoAnswer(limitMs)
    late.reject(error)
    ending.abort(error)
  }, limitMs)
  try {
    return await Promise.race([ask({ abortSignal: ending.signal }), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
