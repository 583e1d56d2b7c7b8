import type { Clock } from '../../base/clock.ts'

/** So many at once, and after that one in this time: each leaves an entry in the audit, and asks the Engine. */
export const mostAtOnce = 30
export const oneEveryMs = 10_000

/** How often one container may ask. */
export interface Allowance {
  /** Takes one; false when there is none left for now. */
  take(): boolean
}

/** A token bucket, full at first. */
export function createAllowance({ nowMs }: Pick<Clock, 'nowMs'>): Allowance {
  let left = mostAtOnce
  let countedMs = nowMs()
  return {
    take() {
      const now = nowMs()
      left = Math.min(mostAtOnce, left + (now - countedMs) / oneEveryMs)
      countedMs = now
      if (left < 1) return false
      left--
      return true
    }
  }
}
