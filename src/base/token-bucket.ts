/** What lets something happen a number of times at once, and then no more often than once in a time. */
export interface TokenBucket {
  /** Takes one; false when there is none left for now. */
  take(): boolean
  /** Takes one also when there is none left: it is waited for before the next. */
  spend(): void
}

/** A token bucket, full at first. `nowMs`: milliseconds that have passed since some moment. */
export function createTokenBucket(
  { most, refillMs }: { readonly most: number; readonly refillMs: number },
  nowMs: () => number
): TokenBucket {
  let left = most
  let countedMs = nowMs()
  return {
    take() {
      const now = nowMs()
      left = Math.min(most, left + (now - countedMs) / refillMs)
      countedMs = now
      if (left < 1) return false
      left--
      return true
    },
    spend: () => left--
  }
}
