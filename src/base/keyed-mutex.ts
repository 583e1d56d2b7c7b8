/** Locks by name: work under one name runs one after another, under different names side by side. */
export interface KeyedMutex {
  run<T>(name: string, work: () => Promise<T>): Promise<T>
}

/** Locks that leave nothing behind when nobody waits. */
export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<unknown>>()
  return {
    async run(name, work) {
      const before = tails.get(name)
      const turn = (async () => {
        await before?.catch(() => undefined)
        return work()
      })()
      tails.set(name, turn)
      try {
        return await turn
      } finally {
        if (tails.get(name) === turn) tails.delete(name)
      }
    }
  }
}
