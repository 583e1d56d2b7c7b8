import { copyKeyOf, type CopyKey } from '../copies/copy-key.ts'
import type { Holder, Sight } from '../copies/holders.ts'
import type { Engine } from '../engine/engine.ts'
import { isSecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import type { Caller } from '../vault/access/authority.ts'
import type { VolumeName } from '../base/names.ts'
import { devicesOf, recordedDevice } from '../volumes/device.ts'
import { hasEngineEnded } from './ended.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import type { Release, ReleaseParts } from './release.ts'
import { createGrace, isRunning, type KnownCopy } from './grace.ts'
import { copyRows, type CopyRow } from '../volumes/records.ts'

/** What one pass finds about one copy and what it does, or would do, about it. */
export interface Finding {
  /** The copy's mount ID, or the name of its directory where nothing tells the ID. */
  readonly mount: string
  readonly volume: VolumeName | null
  /** `keep`: it is held or may be about to be; `wipe`: nobody holds it; `forget`: only its record or directory is left. */
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

export interface ReconcileParts extends ReleaseParts {
  readonly locks: KeyedMutex
  readonly release: Release
  readonly engine: Engine
  /** How long a copy that nobody holds yet is left alone when the Engine cannot be asked whether its container is starting. */
  readonly graceMs: number
}

/** A finding, what was known when it was made, and who holds the copy: here, or where it cannot be reached. */
interface Judgement {
  readonly copy: KnownCopy
  readonly held: readonly Holder[]
  readonly isHeldHere: boolean
  /** That nobody was found to hold it means that nobody does. */
  readonly hasEnded: boolean
  /** It stays since nobody knows whether it is held. */
  readonly isUnclear: boolean
  readonly finding: Finding
}

/**
 * The truth is the kernel's: a copy that a mount table outside its own place shows is held and stays. That none shows
 * it counts only when every one was read, or with the Engine's word. One that
 * nobody holds may belong to a container that is just starting, which the Engine is asked about. Then the tables are
 * read again, since the container may have started meanwhile, and once more before anything is wiped.
 */
export function createReconcile(parts: ReconcileParts): Reconcile {
  const { store, copies, holders, uses, engine, log } = parts
  const beginPass = createGrace(engine, parts.graceMs)
  /** The copies that a pass has found to be held, with when they were made: an ID may come again. */
  let heldBefore: ReadonlyMap<CopyKey, string | undefined> = new Map()

  /** Every copy that has a directory or a record; `isAll` is false when records cannot be read. */
  const knownCopies = async (): Promise<{ known: KnownCopy[]; isAll: boolean }> => {
    const rows = new Map<CopyKey, CopyRow>()
    let isAll = true
    try {
      for await (const row of copyRows(store, null)) rows.set(copyKeyOf(row.volume, row.mount), row)
    } catch (err) {
      // The kernel's word is enough to wipe what nobody holds.
      log.error({ err }, 'cannot read the records of copies')
      isAll = false
    }
    const known = [...new Set([...(await copies.list()), ...rows.keys()])].map(key => {
      const [row, use] = [rows.get(key), uses.of(key)]
      const whose = row ?? use
      const owner = whose === undefined ? null : { volume: whose.volume, mount: whose.mount }
      const record = row?.record ?? null
      const wasHeld = heldBefore.has(key) && heldBefore.get(key) === record?.created
      return { key, owner, use, record, wasHeld }
    })
    return { known, isAll }
  }

  /** Where copies are or were: who shows these file systems holds them. */
  const lookAt = (known: readonly KnownCopy[]): Promise<Sight> =>
    holders.of(
      known.flatMap(({ key, record }) => devicesOf(key, copies.deviceOf(key), recordedDevice(record)))
    )

  const judge = async (known: readonly KnownCopy[]): Promise<Judgement[]> => {
    const graceOf = beginPass()
    const first = await lookAt(known)
    const unheld = known.filter(({ key }) => {
      const device = copies.deviceOf(key)
      return device !== null && first.of({ key, device }).length === 0
    })
    const graces = new Map(
      await Promise.all(unheld.map(async copy => [copy.key, await graceOf(copy)] as const))
    )
    const sight = unheld.length > 0 ? await lookAt(known) : first
    // Asked once for each volume, however many copies it has.
    const volumes = new Set(sight.isComplete ? [] : known.map(volumeOf))
    const ended = new Map(
      await Promise.all(
        [...volumes].map(async volume => [volume, await hasEngineEnded(engine, volume)] as const)
      )
    )
    const judgements = known.map((copy): Judgement => {
      const device = copies.deviceOf(copy.key)
      const recorded = recordedDevice(copy.record)
      const heldOn = (on: number | null): readonly Holder[] =>
        on === null ? [] : sight.of({ key: copy.key, device: on })
      const here = heldOn(device)
      const apart = recorded === device ? [] : heldOn(recorded)
      const hasEnded = sight.isComplete || ended.get(volumeOf(copy)) === true
      const found = (action: Finding['action'], reason: string, isUnclear = false): Judgement => ({
        ...{ copy, hasEnded, isUnclear, isHeldHere: here.length > 0, held: [...here, ...apart] },
        finding: { mount: copy.owner?.mount ?? copy.key, volume: volumeOf(copy), action, reason }
      })
      if (here.length > 0) return found('keep', `held by ${namesOf(here)}`)
      if (device !== null) {
        const grace = graces.has(copy.key) ? graces.get(copy.key) : 'it was mounted just now'
        if (grace) return found('keep', grace)
        return hasEnded ? found('wipe', 'nobody holds it') : found('keep', unclear, true)
      }
      if (apart.length > 0)
        return found('keep', `held by ${namesOf(apart)}, where it cannot be reached any more`)
      // It may be held where it cannot be reached.
      if (recorded !== null && !hasEnded) return found('keep', unclear, true)
      return found('forget', 'nothing is mounted')
    })
    const everHeld = judgements.filter(({ copy, isHeldHere }) => copy.wasHeld || isHeldHere)
    heldBefore = new Map(everHeld.map(({ copy }) => [copy.key, copy.record?.created]))
    return judgements
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
        uses.trust(copy.key, copy.use)
    }
  }

  /** False when it must be tried again. */
  const carryOut = async (caller: Caller, { copy, finding, hasEnded }: Judgement): Promise<boolean> => {
    const { mount, volume, action, reason } = finding
    if (action === 'keep') return true
    try {
      return await parts.locks.run(copy.key, () => {
        // The Engine said something about it while it was judged: then the judgement is about the past.
        if (uses.of(copy.key) !== copy.use) return Promise.resolve(true)
        log.info({ mount, volume, action }, reason)
        return parts.release(caller, copy, () => Promise.resolve(hasEnded))
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
    parts.kept.judged(
      judgements
        // One that is no longer to be kept is, until it is gone.
        .filter(
          ({ copy, finding, isUnclear }) =>
            isUnclear || (finding.action !== 'keep' && parts.kept.has(copy.key))
        )
        .map(({ copy }) => copy)
    )
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

const unclear = 'not every mount table can be read, and the engine does not say that its container has ended'

function volumeOf({ owner }: KnownCopy): VolumeName | null {
  return owner?.volume ?? null
}

function namesOf(holders: readonly Holder[]): string {
  const names = new Set(
    holders.map(
      ({ containerId, pid }) =>
        containerId?.slice(0, 12) ?? (pid === null ? 'a mount namespace' : `process ${pid}`)
    )
  )
  return [...names].join(', ')
}
