import { SecretboxError } from '../../base/errors.ts'
import type { Slot } from './header.ts'

const firstWaitMs = 1000
const longestWaitMs = 60_000

/** Slows down who guesses, by slot: after each wrong try none is taken for a while, twice as long each time, a minute at most. Nobody is locked out. */
export interface Attempts {
  /**
   * Tries slots, one try at a time; null: it was wrong for all of them. Throws `too_many` while one of them takes none.
   */
  readonly run: <T>(slots: readonly Slot[], attempt: () => Promise<T | null>) => Promise<T | null>
}

/** `nowMs`: a clock that only goes on. */
export function createAttempts(nowMs: () => number): Attempts {
  const wrong = new Map<string, { readonly times: number; readonly untilMs: number }>()
  let last: Promise<unknown> = Promise.resolve()

  const tryNow = async <T>(slots: readonly Slot[], attempt: () => Promise<T | null>): Promise<T | null> => {
    const waitMs = Math.max(0, ...slots.map(({ id }) => (wrong.get(id)?.untilMs ?? 0) - nowMs()))
    if (waitMs > 0)
      throw new SecretboxError(
        'too_many',
        `the last try was wrong: the next is taken in ${Math.ceil(waitMs / 1000)} s`
      )
    const result = await attempt()
    for (const { id } of slots) {
      if (result !== null) wrong.delete(id)
      else {
        const times = (wrong.get(id)?.times ?? 0) + 1
        const untilMs = nowMs() + Math.min(longestWaitMs, firstWaitMs * 2 ** (times - 1))
        wrong.set(id, { times, untilMs })
      }
    }
    return result
  }

  return {
    run(slots, attempt) {
      const mine = last.then(() => tryNow(slots, attempt))
      last = mine.catch(() => undefined)
      return mine
    }
  }
}
