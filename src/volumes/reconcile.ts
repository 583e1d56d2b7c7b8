import type { Logger } from 'pino'
import type { Engine } from '../engine/engine.ts'
import { isSecretboxError } from '../errors.ts'
import { reach } from '../fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/authority.ts'
import type { Gate } from '../vault/gate.ts'
import type { MountId, VolumeName } from '../vault/names.ts'
import type { Copies } from './copies.ts'
import type { Holder, Holders } from './holders.ts'
import type { Locks } from './locks.ts'
import type { Release } from './release.ts'
import { createReprieves, isRunning, type KnownCopy } from './reprieve.ts'
import type { Uses } from './uses.ts'
import { labelRows, type LabelRow } from './volume-records.ts'

/** What one pass finds about one mount ID and what it does, or would do, about it. */
export interface Finding {
  readonly mount: MountId
  readonly volume: VolumeName | null
  /** `keep`: it is held or may be about to be; `wipe`: nobody holds it; `forget`: only its label or directory is left. */
  readonly action: 'keep' | 'wipe' | 'forget'
  readonly reason: string
}

/** What one pass found of all copies, and whether it left nothing that must be looked at again soon. */
export interface Reconciled {
  readonly findings: readonly Finding[]
  readonly isSettled: boolean
}

/** Makes what is there agree with who holds it. With `apply` false it only says what it would do. */
export type Reconcile = (caller: Caller, apply: boolean) => Promise<Reconciled>

export interface ReconcileParts {
  readonly store: Store
  readonly gate: Gate
  readonly copies: Copies
  readonly holders: Holders
  readonly uses: Uses
  readonly locks: Locks
  readonly release: Release
  readonly engine: Engine
  readonly log: Logger
  /** How long a copy that nobody holds yet is left alone when the Engine cannot be asked whether its container is starting. */
  readonly graceMs: number
}

/** A finding, what was known when it was made, and who holds the copy: here, or where it cannot be reached. */
interface Judgement {
  readonly copy: KnownCopy
  readonly held: readonly Holder[]
  readonly finding: Finding
}

/**
 * The truth is the kernel's: a copy that a mount table outside its own place shows is held and stays. One that
 * nobody holds may belong to a container that is just starting, which the Engine is asked about. Then the tables are
 * read again, since the container may have started meanwhile, and once more before anything is wiped.
 */
export function createReconcile(parts: ReconcileParts): Reconcile {
  const { store, copies, holders, uses, engine, log } = parts
  const beginPass = createReprieves(engine, parts.graceMs)
  /** The copies that a pass has found to be held, with when they were made: an ID may come again. */
  let heldBefore: ReadonlyMap<MountId, string | undefined> = new Map()

  /** Every mount ID that has a directory or a label; `isAll` is false when labels cannot be read. */
  const knownCopies = async (): Promise<{ known: KnownCopy[]; isAll: boolean }> => {
    const rows = new Map<MountId, LabelRow>()
    let isAll = true
    try {
      for await (const row of labelRows(store, null)) rows.set(row.mount, row)
    } catch (err) {
      // The kernel's word is enough to wipe what nobody holds.
      log.error({ err }, 'cannot read the labels of copies')
      isAll = false
    }
    const known = [...new Set([...(await copies.list()), ...rows.keys()])].map(id => {
      const [row, use] = [rows.get(id), uses.of(id)]
      const volume = row?.volume ?? use?.volume ?? null
      const label = row?.label ?? null
      const wasHeld = heldBefore.has(id) && heldBefore.get(id) === label?.created
      return { id, volume, use, label, wasHeld }
    })
    return { known, isAll }
  }

  const isHeldHere = (id: MountId, held: readonly Holder[] | undefined): boolean => {
    const device = copies.deviceOf(id)
    return device !== null && (held ?? []).some(holder => holder.device === device)
  }

  const judge = async (known: readonly KnownCopy[]): Promise<Judgement[]> => {
    const reprieveOf = beginPass()
    const first = await holders.all()
    const unheld = known.filter(({ id }) => copies.deviceOf(id) !== null && !isHeldHere(id, first.get(id)))
    const reprieves = new Map(
      await Promise.all(unheld.map(async copy => [copy.id, await reprieveOf(copy)] as const))
    )
    const second = unheld.length > 0 ? await holders.all() : first
    const everHeld = known.filter(({ id, wasHeld }) => wasHeld || isHeldHere(id, second.get(id)))
    heldBefore = new Map(everHeld.map(({ id, label }) => [id, label?.created]))
    return known.map(copy => {
      const held = second.get(copy.id) ?? []
      const found = (action: Finding['action'], reason: string): Judgement => ({
        copy,
        held,
        finding: { mount: copy.id, volume: copy.volume, action, reason }
      })
      if (isHeldHere(copy.id, held)) return found('keep', `held by ${namesOf(held)}`)
      if (copies.deviceOf(copy.id) !== null) {
        const reprieve = reprieves.has(copy.id) ? reprieves.get(copy.id) : 'it was mounted just now'
        return reprieve ? found('keep', reprieve) : found('wipe', 'nobody holds it')
      }
      if (held.length > 0)
        return found('keep', `held by ${namesOf(held)}, where it cannot be reached any more`)
      return found('forget', 'nothing is mounted')
    })
  }

  /** Whoever holds these copies will be heard of when it ends; they need not be looked at again and again. */
  const trustHolders = async (judgements: readonly Judgement[]): Promise<void> => {
    const doubtful = judgements.filter(({ copy, held }) => copy.use?.isDoubtful === true && held.length > 0)
    if (doubtful.length === 0) return
    // Without its answer they are looked at again, which is no harm.
    const containers = await engine.containers().catch(() => [])
    const running = new Set<string | null>(containers.filter(isRunning).map(({ id }) => id))
    for (const { copy, held } of doubtful) {
      const isCounted = copy.use !== undefined && copy.use.count > 0
      if (copy.use && (isCounted || held.some(({ containerId }) => running.has(containerId))))
        uses.trust(copy.id, copy.use)
    }
  }

  /** False when it must be tried again. */
  const carryOut = async (caller: Caller, { copy, finding }: Judgement): Promise<boolean> => {
    const { mount, volume, action, reason } = finding
    if (action === 'keep') return true
    try {
      return await parts.locks.run(mount, () => {
        // The Engine said something about it while it was judged: then the judgement is about the past.
        if (uses.of(mount) !== copy.use) return Promise.resolve(true)
        log.info({ mount, volume, action }, reason)
        return parts.release(caller, volume, mount)
      })
    } catch (err) {
      log.error({ err, mount, volume }, 'cannot reconcile a copy')
      // What is in our directory and not ours will be so the next time.
      return isSecretboxError(err, 'conflict')
    }
  }

  return async (caller, apply) => {
    // The daemon's own passes are so many that only what they do is recorded.
    if (caller.kind === 'user') await parts.gate.allow(caller, 'reconcile')
    const { known, isAll } = await knownCopies()
    const judgements = await judge(known)
    FAULT: await reach('reconcile.judged')
    await trustHolders(judgements)
    // All at once, so that those who ask the kernel once more share its answer.
    const done = apply ? await Promise.all(judgements.map(each => carryOut(caller, each))) : []
    const waits = judgements.some(({ held, finding }) => finding.action === 'keep' && held.length === 0)
    return {
      findings: judgements.map(({ finding }) => finding),
      isSettled: isAll && !waits && !done.includes(false)
    }
  }
}

function namesOf(holders: readonly Holder[]): string {
  const names = new Set(holders.map(({ containerId, pid }) => containerId?.slice(0, 12) ?? `process ${pid}`))
  return [...names].join(', ')
}
