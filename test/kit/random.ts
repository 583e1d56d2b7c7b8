/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0 to just below 1. */
  fraction(): number
  /** A whole number from 0 to just below `bound`. */
  below(bound: number): number
  /** One of them; undefined of none. */
  oneOf<T>(items: Iterable<T>): T | undefined
  /** One of them, the heavier the likelier; undefined of none. */
  weighted<T extends { readonly weight: number }>(items: readonly T[]): T | undefined
  bytes(length: number): Buffer
}

/** The generator mulberry32, of which 32 bits are all the state. */
export function randomFrom(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const random: Random = {
    fraction: () => next() / 2 ** 32,
    below: bound => Math.floor(random.fraction() * bound),
    oneOf(items) {
      const all = [...items]
      return all[random.below(all.length)]
    },
    weighted(items) {
      let left = random.fraction() * items.reduce((sum, { weight }) => sum + weight, 0)
      return items.find(({ weight }) => (left -= weight) < 0)
    },
    bytes(length) {
      const bytes = Buffer.alloc(length)
      for (let at = 0; at < length; at++) bytes[at] = next()
      return bytes
    }
  }
  return random
}
