/**
 * How many denials of strangers are recorded, who have no right on anything: whoever may connect could otherwise push all
 * else out of the audit. A hundred at once, then one in six seconds.
 */
const most = 100
const refillMs = 6000

export interface Flood {
  /** How many denials the one that is now to be recorded stands for, or 0 when it is not to be recorded. */
  admit(): number
}

/** `nowMs`: milliseconds that have passed since some moment. */
export function createFlood(nowMs: () => number): Flood {
  let left = most
  let filled = nowMs()
  let unrecorded = 0
  return {
    admit() {
      const now = nowMs()
      left = Math.min(most, left + (now - filled) / refillMs)
      filled = now
      if (left < 1) {
        unrecorded++
        return 0
      }
      left--
      const stands = unrecorded + 1
      unrecorded = 0
      return stands
    }
  }
}
