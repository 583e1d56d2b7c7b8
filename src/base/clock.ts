import { setTimeout as delay } from 'node:timers/promises'

/** The time, for all that waits or asks how long ago something was: tests have one that goes on when they say so. */
export interface Clock {
  /** Milliseconds that have passed since some moment. Never goes back; of use within this process alone. */
  nowMs(): number
  /** Milliseconds since 1970, as the clock on the wall says: what records hold. */
  dateMs(): number
  /** Resolves when so much time has passed, or `signal` aborts. Keeps no process from ending. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  wait: (ms, signal) => delay(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
