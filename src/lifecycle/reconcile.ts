import type { CopyKey } from '../copies/copy-key.ts'
import type { Clock } from '../base/clock.ts'
import { isSecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import type { VolumeName } from '../base/names.ts'
import { hasEnded } from '../base/process-identity.ts'
import type { Caller } from '../vault/access/authority.ts'
import { decideReconcile, decideTrust, holdersSeen, type Judgement, type Need } from './decide.ts'
import { wordOfEngine, isRunning, type EngineWord } from './engine-word.ts'
import { recordOf, type Facts } from './facts.ts'
import { isOrphan, type PassFacts } from './grace.ts'
import type { Release, ReleaseParts } from './release.ts'

/** What one pass finds about one copy and what it does, or would do, about it. */
export interface Finding {
  /** The copy's mount ID, or the name of its directory where nothing tells the ID. */
  readonly mount: string
  readonly volume: VolumeName | null
  /** `keep`: it is held or may be about to be; `wipe`: nobody holds it; `forget`: only its record or directory is left. */
  readonly action: Judgement['action']
  readonly reason: string
}

/** What one pass found of all copies, and whether it left nothing that must be looked at again soon. */
export interface Reconciled {
  readonly findings: readonly Finding[]
  readonly isSettled: boolean
}

/** Makes what is there agree with who holds it. With `apply` false it only says what it would do. */
export type Reconcile = (caller: Caller, apply: boolean) => Promise<Reconciled>

export interface ReconcileParts extends ReleaseParts {
  readonly locks: KeyedMutex
  readonly release: Release
  readonly clock: Clock
  /** How long a copy that nobody holds yet is left alone when the Engine cannot be asked whether its container is starting. */
  readonly graceMs: number
}

/** A copy that was judged, and what it was judged by. */
interface Judged {
  readonly facts: PassFacts
  readonly judgement: Judgement
}

/**
 * The truth is the kernel's: a copy that a mount table outside its own place shows is held and stays. That none shows
 * it counts only when every one was read, or with the Engine's word. One that nobody holds may belong to a container that is
 * just starting, which the Engine is asked about. Then the tables are read again, since the container may have started
 * meanwhile, and once more before anything is wiped.
 */
export function createReconcile(parts: ReconcileParts): Reconcile {
  const { observe, engine, uses, kept } = parts
  const remembered = createMemory()

  const judge = async (copies: readonly Facts[]): Promise<Judged[]> => {
    const now = { ms: parts.clock.nowMs(), dateMs: parts.clock.dateMs() }
    const word = wordOfEngine(engine)
    let facts = copies.map(copy => remembered.passFacts(copy, now))
    for (;;) {
      const decisions = facts.map(each => decideReconcile(each, parts.graceMs))
      if (decisions.some(decision => 'need' in decision && decision.need === 'look')) {
        // All in one look, whoever needs it.
        const isLookSecond = facts.some(({ look }) => look !== null)
        facts = (await observe.look(facts)).map(each => ({ ...each, isLookSecond }))
        continue
      }
      const asked = decisions.map(decision => ('need' in decision ? decision : null))
      // A look follows what is said of starts. The end is asked for after the last one: a container may have started meanwhile.
      const isStartAsked = asked.some(need => need?.need === 'start')
      const needs = asked.map(need => (isStartAsked && need?.need === 'end' ? null : need))
      if (needs.some(need => need !== null)) {
        facts = await Promise.all(facts.map((each, index) => answered(each, needs[index] ?? null, word)))
        continue
      }
      const judged = facts.map((each, index) => ({ facts: each, judgement: decisions[index] as Judgement }))
      remembered.pass(judged)
      return judged
    }
  }

  /** Whoever holds these copies will be heard of when it ends; they need not be looked at again and again. */
  const trustHolders = async (judged: readonly Judged[]): Promise<void> => {
    const doubtful = judged.filter(
      ({ facts }) => facts.use?.isDoubtful === true && holdersSeen(facts).length > 0
    )
    if (doubtful.length === 0) return
    // Without its answer they are looked at again, which is no harm.
    const containers = await engine.containers().catch(() => [])
    const running = new Set<string | null>(containers.filter(isRunning).map(({ id }) => id))
    for (const { facts } of doubtful)
      if (facts.use && decideTrust(facts, running)) uses.trust(facts.key, facts.use)
  }

  return async (caller, apply) => {
    // The daemon's own passes are so many that only what they do is recorded.
    if (caller.kind === 'user') await parts.gate.allow(caller, 'reconcile')
    const { facts, isAll } = await observe.all()
    const judged = await judge(facts)
    kept.judged(judged.filter(each => staysKept(each, kept.has(each.facts.key))).map(each => each.facts))
    FAULT: await reach('reconcile.judged')
    await trustHolders(judged)
    // All at once, so that those who ask the kernel once more share its answer.
    const done = apply ? await Promise.all(judged.map(each => carryOut(parts, caller, each))) : []
    const waits = judged.some(({ judgement }) => judgement.action === 'keep' && judgement.why !== 'held')
    return { findings: judged.map(findingOf), isSettled: isAll && !waits && !done.includes(false) }
  }
}

/** False when it must be tried again. */
async function carryOut(
  { locks, uses, release, log }: ReconcileParts,
  caller: Caller,
  judged: Judged
): Promise<boolean> {
  const { facts } = judged
  const { mount, volume, action, reason } = findingOf(judged)
  if (action === 'keep') return true
  try {
    return await locks.run(facts.key, () => {
      // The Engine said something about it while it was judged: then the judgement is about the past.
      if (uses.of(facts.key) !== facts.use) return Promise.resolve(true)
      log.info({ mount, volume, action }, reason)
      return release(caller, facts, facts.look?.isComplete === true || facts.hasEnded === true ? true : null)
    })
  } catch (err) {
    log.error({ err, mount, volume }, 'cannot reconcile a copy')
    // What is in our directory and not ours will be so the next time.
    return isSecretboxError(err, 'conflict')
  }
}

/** One that is no longer to be kept is, until it is gone. */
function staysKept({ judgement }: Judged, wasKept: boolean): boolean {
  return judgement.action === 'keep' ? judgement.why === 'unclear' : wasKept
}

function findingOf({ facts: { key, owner }, judgement: { action, reason } }: Judged): Finding {
  return { mount: owner?.mount ?? key, volume: owner?.volume ?? null, action, reason }
}

async function answered(facts: PassFacts, need: Need | null, word: EngineWord): Promise<PassFacts> {
  const volume = facts.owner?.volume ?? null
  if (need?.need === 'end') return { ...facts, hasEnded: await word.hasEnded(volume) }
  if (need?.need !== 'start') return facts
  const engineHasEnded = hasEnded(facts.use?.engineProcess ?? null)
  return { ...facts, start: { engineHasEnded, isStarting: await word.isStarting(volume) } }
}

/** What a pass knows from those before it. */
interface Memory {
  passFacts(facts: Facts, now: PassFacts['now']): PassFacts
  /** A pass has judged all copies: these there are, and no others. */
  pass(judged: readonly Judged[]): void
}

function createMemory(): Memory {
  /** The copies that a pass has found to be held, with when they were made: an ID may come again. */
  let held: ReadonlyMap<CopyKey, string | undefined> = new Map()
  /** When orphans were first found. */
  let orphaned: ReadonlyMap<CopyKey, number> = new Map()
  const madeAt = (facts: Facts): string | undefined => recordOf(facts)?.created
  return {
    passFacts: (facts, now) => ({
      ...facts,
      now,
      wasHeld: held.has(facts.key) && held.get(facts.key) === madeAt(facts),
      orphanedMs: orphaned.get(facts.key) ?? null,
      start: null,
      isLookSecond: false
    }),
    pass(judged) {
      const all = judged.map(({ facts }) => facts)
      const everHeld = all.filter(({ wasHeld, look }) => wasHeld || (look?.here?.length ?? 0) > 0)
      held = new Map(everHeld.map(facts => [facts.key, madeAt(facts)]))
      orphaned = new Map(all.filter(isOrphan).map(({ key, orphanedMs, now }) => [key, orphanedMs ?? now.ms]))
    }
  }
}
