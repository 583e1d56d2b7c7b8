import type { Need } from './decide.ts'
import type { EngineWord } from './engine-word.ts'
import type { Facts, Observe } from './facts.ts'

/**
 * Asks for the facts that a decision about one copy needs, and for no others, until it is made. Gives it with the facts that
 * it was made on. For decisions that do not ask about starts.
 */
export async function settle<D extends object>(
  known: Facts,
  decide: (facts: Facts) => D | Need,
  observe: Pick<Observe, 'look'>,
  engine: Pick<EngineWord, 'hasEnded'>
): Promise<{ readonly decision: D; readonly facts: Facts }> {
  let facts = known
  for (;;) {
    const decision = decide(facts)
    if (!('need' in decision)) return { decision, facts }
    if (decision.need === 'look') [facts = facts] = await observe.look([facts])
    else facts = { ...facts, hasEnded: await engine.hasEnded(facts.owner?.volume ?? null) }
  }
}
