import { setTimeout as delay } from 'node:timers/promises'
import { boxKinds } from './box-deeds.ts'
import { wrongWithCopies, wrongWithVault } from './check.ts'
import { containerKinds } from './container-deeds.ts'
import { copyKinds } from './copy-deeds.ts'
import { canShare, type Deed, type Kind, type Site } from './deed.ts'
import { faults } from './faults.ts'
import { volumeKinds } from './volume-deeds.ts'

/** What one step has done. */
export interface Step {
  readonly deeds: readonly string[]
  readonly fault: string | null
  /** Empty when all is as the model has it. */
  readonly violations: readonly string[]
}

const mostDeeds = 4
const faultEvery = 4
const vaultCheckEvery = 10
/** A deed that takes so long hangs; the Engine itself gives up on a plugin before. */
const hangsAfterMs = 90_000

/** Does some deeds at once, with a fault among them at times, and looks at what became of it. */
export async function takeStep(site: Site): Promise<Step> {
  const { rig, random } = site
  const deeds = chooseDeeds(site)
  const strike = random.below(faultEvery) === 0 ? (random.weighted(faults)?.plan(site) ?? null) : null
  const told = { deeds: deeds.map(({ what }) => what), fault: strike?.what ?? null }
  if (strike !== null) await rig.pluginIsAccepted()

  const [answers] = await Promise.all([
    Promise.all(deeds.map(async deed => [deed, await outcomeOf(deed)] as const)),
    strike?.happen()
  ])
  if (strike !== null) await rig.orders.clear()
  await rig.pluginIsUp()

  const violations: string[] = []
  try {
    for (const [deed, failure] of answers.toSorted(boxesFirst)) {
      if (failure !== null) deed.noteFailure?.()
      const wrong = strike === null ? judged(deed, failure) : await settled(deed, failure)
      if (wrong !== null) violations.push(`${deed.what}: ${wrong}`)
    }
    strike?.note?.()
    if (violations.length === 0) violations.push(...(await wrongWithCopies(site)))
    if (strike !== null || random.below(vaultCheckEvery) === 0)
      violations.push(...(await wrongWithVault(site)))
  } catch (error) {
    violations.push(`it cannot be told whether all is well: ${(error as Error).message}`)
  }
  return { ...told, violations }
}

/** Some that do not get into each other's way. */
function chooseDeeds(site: Site): Deed[] {
  const kinds: readonly Kind[] = [...boxKinds, ...volumeKinds, ...containerKinds, ...copyKinds]
  const deeds: Deed[] = []
  const wanted = 1 + site.random.below(mostDeeds)
  // Some kinds have nothing to be done to at times.
  for (let tries = 0; deeds.length < wanted && tries < 3 * wanted; tries++) {
    const deed = site.random.weighted(kinds)?.plan(site) ?? null
    if (deed !== null && deeds.every(other => canShare(other, deed))) deeds.push(deed)
  }
  return deeds
}

/** Null when it worked, otherwise what its failure says. */
async function outcomeOf(deed: Deed): Promise<string | null> {
  const ended = new AbortController()
  try {
    const late = delay(hangsAfterMs, undefined, { signal: ended.signal }).then(() => {
      throw new Error(`it takes longer than ${hangsAfterMs / 1000} s`)
    })
    await Promise.race([deed.act(), late])
    return null
  } catch (error) {
    return (error as Error).message
  } finally {
    ended.abort()
  }
}

/** Copies may show what a box became while they were made, so what boxes became is noted before. */
function boxesFirst([one]: readonly [Deed, unknown], [other]: readonly [Deed, unknown]): number {
  const order = ({ alone }: Deed): number => (alone.some(name => /^box|^change/.test(name)) ? 0 : 1)
  return order(one) - order(other)
}

/** Without a fault each deed must do just what the model says. */
function judged(deed: Deed, failure: string | null): string | null {
  if (failure === null) return deed.refusal instanceof RegExp ? 'it worked, and should not' : deed.note()
  if (deed.refusal === null) return failure
  return deed.refusal === 'any' || deed.refusal.test(failure) ? null : failure
}

/** With a fault any of them may fail, or have worked though it failed. */
async function settled(deed: Deed, failure: string | null): Promise<string | null> {
  if (failure?.startsWith('it takes longer') === true) return failure
  return failure === null || (await deed.happened()) ? deed.note() : null
}
