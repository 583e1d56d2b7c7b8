/** Who has connections open at a socket that all may connect to, so that nobody keeps others from it. */
export interface Crowd {
  /** Counts a connection; what it gives is called when that is over. Null: there are as many as there may be. */
  enter(uid: number): (() => void) | null
}

/** Root is not counted. */
export function createCrowd({ perUid, all }: { readonly perUid: number; readonly all: number }): Crowd {
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
