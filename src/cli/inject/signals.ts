import type { ChildProcess } from 'node:child_process'

/** Every signal that would end this process and that it can catch, and those that docker hands to containers. */
const caught = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const
/** Those that a terminal sends to a whole process group: the child gets its own. */
const fromTerminal: ReadonlySet<NodeJS.Signals> = new Set(['SIGHUP', 'SIGINT', 'SIGQUIT'])

/** As long as it is on, a signal does not end this process, so that it can put away what it has to. */
export interface SignalGuard {
  /** The first signal that came while there was no child to hand it to. */
  readonly missed: () => NodeJS.Signals | null
  /** Aborted by that signal: what we wait for ourselves need not come any more. */
  readonly interrupted: AbortSignal
  /** Hands signals on to the child while it runs, but for those that it gets from the terminal. Null: there is none any more. */
  handTo(child: ChildProcess | null): void
  /** Hands on a signal that reached us by another way. */
  receive(signal: NodeJS.Signals): void
  /** Signals act as usual again. */
  end(): void
}

/** Turns the guard on. `atTerminal`: this process and its children are of a terminal's process group. */
export function guardSignals(atTerminal: boolean): SignalGuard {
  let child: ChildProcess | null = null
  let missed: NodeJS.Signals | null = null
  const interruption = new AbortController()
  const receive = (signal: NodeJS.Signals) => {
    if (child !== null) child.kill(signal)
    else {
      missed ??= signal
      interruption.abort()
    }
  }
  const act = (signal: NodeJS.Signals) => {
    if (child === null || !atTerminal || !fromTerminal.has(signal)) receive(signal)
  }
  for (const signal of caught) process.on(signal, act)
  return {
    missed: () => missed,
    interrupted: interruption.signal,
    handTo(started) {
      child = started
    },
    receive,
    end() {
      for (const signal of caught) process.off(signal, act)
    }
  }
}
