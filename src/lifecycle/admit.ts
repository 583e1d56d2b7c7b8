import type { Engine } from '../engine/engine.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import type { BoxName, VolumeName } from '../base/names.ts'
import { unknownImage, type ImageFacts } from '../vault/access/containers.ts'
import type { GrantTo } from '../vault/access/grants.ts'
import type { ContainerSubject } from '../vault/access/subjects.ts'
import {
  decideUse,
  isForSome,
  type StartCandidate,
  type UseDecision,
  type UseFacts,
  type UseNeed
} from '../vault/access/uses.ts'
import { mostMadeFor } from '../volumes/records.ts'
import { isRunning } from './engine-word.ts'
import { refusalOfUse } from './refused-use.ts'

/** A closed box that is to be shown, and the grants that let containers use it now. */
export interface ClosedBox {
  readonly box: BoxName
  readonly volume: VolumeName
  readonly users: readonly GrantTo<ContainerSubject>[]
}

/**
 * Lets a Mount of a closed box go on: gives the containers for one of which it is, by their IDs, or null when it is for any.
 * Throws a `Denial`: `denied` for want of a grant, `unavailable` when the Engine does not answer, `conflict` when two start
 * of which one has no grant, `too_large` for more containers than a record can name.
 */
export type Admit = (closed: ClosedBox) => Promise<readonly string[] | null>

/** How long the Engine may take to say that a container is not just starting. */
const lockProbeMs = 1000

/** Asks the Engine for no more than the decision needs. All of it can be asked from inside Mount. */
export function createAdmit(engine: Engine): Admit {
  return async closed => {
    let facts: UseFacts = { grants: closed.users, candidates: null, locked: new Map() }
    for (;;) {
      const decision = decideUse(facts)
      if ('need' in decision) facts = await answered(engine, closed.volume, facts, decision)
      else return whom(closed, decision)
    }
  }
}

/** Whether one of these grants is for a container that runs. Throws what the Engine's answers do. */
export type IsGranted = (
  container: { readonly id: string },
  volume: VolumeName,
  users: readonly GrantTo<ContainerSubject>[]
) => Promise<boolean>

export function createIsGranted(engine: Pick<Engine, 'containers' | 'image'>): IsGranted {
  return async ({ id }, volume, users) => {
    const known = (await engine.containers(volume)).find(one => one.id === id)
    if (known === undefined) return false
    const { imageId, platform } = known
    const ofImage = imageId === null ? unknownImage : await engine.image(imageId, platform)
    return isForSome({ ...known, ofImage }, users)
  }
}

function whom(closed: ClosedBox, decision: UseDecision): readonly string[] | null {
  if (decision.do === 'refuse') throw refusalOfUse(closed, decision)
  if (decision.to !== null && decision.to.length > mostMadeFor) throw tooMany(closed)
  return decision.to && decision.to.map(({ id }) => id)
}

function tooMany({ volume }: ClosedBox): SecretboxError {
  return new SecretboxError(
    'too_large',
    `more than ${mostMadeFor} containers of volume ${quote(volume)} do not run, and any of them may be the one that starts`,
    { hint: 'remove those that are not needed: docker container prune' }
  )
}

async function answered(
  engine: Engine,
  volume: VolumeName,
  facts: UseFacts,
  need: UseNeed
): Promise<UseFacts> {
  if (need.need === 'locked') return { ...facts, locked: await areLocked(engine, need.first, need.also) }
  try {
    const candidates =
      need.need === 'candidates'
        ? await candidatesOf(engine, volume)
        : await withImages(engine, facts.candidates, need.of)
    return { ...facts, candidates }
  } catch {
    return { ...facts, candidates: 'away' }
  }
}

async function candidatesOf(engine: Engine, volume: VolumeName): Promise<StartCandidate[]> {
  const containers = await engine.containers(volume)
  // The Engine finds one also by where it has a volume.
  return containers
    .filter(one => !isRunning(one) && one.volumes.includes(volume))
    .map(one => ({ ...one, ofImage: null }))
}

async function withImages(
  engine: Engine,
  candidates: UseFacts['candidates'],
  unasked: readonly StartCandidate[]
): Promise<UseFacts['candidates']> {
  if (candidates === null || candidates === 'away') return candidates
  const images = new Map<string, Promise<ImageFacts>>()
  const askOnce = ({ imageId, platform }: StartCandidate): Promise<ImageFacts> => {
    if (imageId === null) return Promise.resolve(unknownImage)
    const key = `${imageId} ${platform ?? ''}`
    const asked = images.get(key) ?? engine.image(imageId, platform)
    images.set(key, asked)
    return asked
  }
  return Promise.all(
    candidates.map(async one => (unasked.includes(one) ? { ...one, ofImage: await askOnce(one) } : one))
  )
}

/** One that the Engine does not tell of may be locked. */
async function areLocked(
  engine: Engine,
  first: readonly string[],
  also: readonly string[]
): Promise<ReadonlyMap<string, boolean>> {
  const ask = async (id: string): Promise<readonly [string, boolean]> => [
    id,
    await engine.isLocked(id, lockProbeMs).catch(() => true)
  ]
  const others = Promise.all(also.map(ask))
  const answers = await Promise.all(first.map(ask))
  const isSettled = answers.every(([, isLocked]) => !isLocked)
  return new Map(isSettled ? answers : [...answers, ...(await others)])
}
