/** Who has connections open at a socket that all may connect to, so that nobody keeps others from it. */
export interface Crowd {
  /** Counts a connection; what it gives is called when that is over. Null: there are as many as there may be. */
  enter(uid: number): (() => void) | null
}

/** How many connections there may be: of each user, and of all together. */
export interface CrowdLimits {
  readonly perUid: number
  readonly all: number
}

/** Root is not counted. */
export function createCrowd({ perUid, all }: CrowdLimits): Crowd {
  const open = new Map<number, number>()
  let sum = 0
  return {
    enter(uid) {
      if (uid === 0) return () => undefined
      const own = open.get(uid) ?? 0
      if (own >= perUid || sum >= all) return null
      open.set(uid, own + 1)
      sum++
      return () => {
        const left = (open.get(uid) ?? 1) - 1
        if (left === 0) open.delete(uid)
        else open.set(uid, left)
        sum--
      }
    }
  }
}

/**
 * A crowd for each kind of people, with room of its own. A user may have thousands of uids (subuid(5)), and with them be in all of their
 * groups, so that a number for each uid is no bound: nobody can keep those out by them who are of another kind.
 */
export function createCrowds<Kind extends string>(
  limits: Readonly<Record<Kind, CrowdLimits>>
): (kind: Kind) => Crowd {
  const crowds = new Map(
    Object.entries<CrowdLimits>(limits).map(([kind, limit]) => [kind, createCrowd(limit)])
  )
  return kind => crowds.get(kind) ?? createCrowd(limits[kind])
}
