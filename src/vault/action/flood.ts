import { createTokenBucket } from '../../base/token-bucket.ts'

/**
 * How many denials of strangers are recorded, who have no right on anything: whoever may connect could otherwise push all
 * else out of the audit. A hundred at once, then one in six seconds.
 */
const allowance = { most: 100, refillMs: 6000 } as const

export interface Flood {
  /** How many denials the one that is now to be recorded stands for, or 0 when it is not to be recorded. */
  admit(): number
}

/** `nowMs`: milliseconds that have passed since some moment. */
export function createFlood(nowMs: () => number): Flood {
  const bucket = createTokenBucket(allowance, nowMs)
  let unrecorded = 0
  return {
    admit() {
      if (!bucket.take()) {
        unrecorded++
        return 0
      }
      const stands = unrecorded + 1
      unrecorded = 0
      return stands
    }
  }
}
