import type { Vault } from './vault.ts'

/** Who reads what boxes hold. */
export interface Readers {
  /** The vault, whose openings are counted as reading as long as they are used. */
  of(vault: Vault): Vault
  /** Resolves when all who read now have ended, whoever has begun since. */
  settled(): Promise<void>
}

export function createReaders(): Readers {
  const now = new Set<Promise<unknown>>()
  const reading = async <T>(mine: Promise<T>): Promise<T> => {
    now.add(mine)
    try {
      return await mine
    } finally {
      now.delete(mine)
    }
  }
  return {
    of: vault => ({
      ...vault,
      open: (caller, purpose, resource, version, use) =>
        reading(vault.open(caller, purpose, resource, version, use)),
      use: (caller, box, version, use) => reading(vault.use(caller, box, version, use))
    }),
    async settled() {
      await Promise.allSettled([...now])
    }
  }
}
