type Step = () => Promise<void> | void

/** One way of doing something: `work` is timed each time, what comes before and after all of a turn is not. */
export interface Way {
  readonly before?: Step
  readonly work: Step
  readonly after?: Step
}

/** How long `work` takes, in milliseconds. */
export async function timeOf(work: Step): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** The middle of the samples. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? NaN
}

/**
 * Times several ways of doing a thing in turns, A B A B, every other round backwards, so that what the machine
 * does beside it hits all of them alike. In its turn a way does its work `times` times. A tenth more rounds come
 * first, to warm up, and do not count. Returns the median milliseconds of each.
 */
export async function compare<Name extends string>(
  { rounds, times = 1 }: { rounds: number; times?: number },
  ways: Readonly<Record<Name, Way>>
): Promise<Record<Name, number>> {
  const names = Object.keys(ways) as Name[]
  const samples = new Map<Name, number[]>(names.map(name => [name, []]))
  const warmUp = Math.ceil(rounds / 10)
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const { before, work, after } = ways[name]
      await before?.()
      for (let done = 0; done < times; done++) {
        const elapsedMs = await timeOf(work)
        if (round >= warmUp) samples.get(name)?.push(elapsedMs)
      }
      await after?.()
    }
  }
  return Object.fromEntries(names.map(name => [name, median(samples.get(name) ?? [])])) as Record<
    Name,
    number
  >
}
