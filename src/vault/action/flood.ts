import { createTokenBucket, type TokenBucket } from '../../base/token-bucket.ts'

/**
 * How much of the audit people fill who are not root: whoever may connect could otherwise push all else out of it. So many at once, and
 * then one in so long.
 */
const allowances = {
  /** Denials of strangers, who have no right on anything: of all of them together. */
  strangers: { most: 100, refillMs: 6000 },
  /** Of one person: denials, failures, and what tells of names alone. What is more is not recorded, but counted. */
  told: { most: 300, refillMs: 2000 },
  /** Of one person: what gives contents, or changes something. Each is recorded, so that what is more is not done. */
  done: { most: 1000, refillMs: 100 }
} as const

/** Who is known by a group alone may have thousands of uids (subuid(5)): beyond so many they count as one. */
const mostPeople = 1000

export interface Flood {
  /** How many acts the one that is now to be recorded stands for, or 0 when it is not to be recorded. `null`: of a stranger. */
  admit(uid: number | null): number
  /** Whether one more act that must be recorded may be done. */
  mayDo(uid: number): boolean
}

interface Counted {
  readonly told: TokenBucket
  readonly done: TokenBucket
  unrecorded: number
}

/** `nowMs`: milliseconds that have passed since some moment. */
export function createFlood(nowMs: () => number): Flood {
  const countedAs = (told: keyof typeof allowances): Counted => ({
    told: createTokenBucket(allowances[told], nowMs),
    done: createTokenBucket(allowances.done, nowMs),
    unrecorded: 0
  })
  const [strangers, others] = [countedAs('strangers'), countedAs('told')]
  const people = new Map<number, Counted>()
  const of = (uid: number): Counted => {
    const known = people.get(uid)
    if (known !== undefined) return known
    if (people.size >= mostPeople) return others
    const counted = countedAs('told')
    people.set(uid, counted)
    return counted
  }
  return {
    admit(uid) {
      const counted = uid === null ? strangers : of(uid)
      if (!counted.told.take()) {
        counted.unrecorded++
        return 0
      }
      const stands = counted.unrecorded + 1
      counted.unrecorded = 0
      return stands
    },
    mayDo: uid => of(uid).done.take()
  }
}
