import type { Logger } from 'pino'
import type { Container, Engine } from '../engine/engine.ts'
import { reach } from '../fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/authority.ts'
import type { Gate } from '../vault/gate.ts'
import type { MountId, VolumeName } from '../vault/names.ts'
import { hasEnded } from './asker.ts'
import type { Copies } from './copies.ts'
import type { Holder, Holders } from './holders.ts'
import { labelsOf, type CopyLabel } from './volume-records.ts'
import type { Volumes } from './volumes.ts'

/** What one pass finds about one mount ID and what it does, or would do, about it. */
export interface Finding {
  readonly mount: string
  readonly volume: string | null
  /** `keep`: it is held or may be about to be; `wipe`: nobody holds it; `forget`: only its label or directory is left. */
  readonly action: 'keep' | 'wipe' | 'forget'
  readonly reason: string
}

export interface ReconcileParts {
  readonly store: Store
  readonly gate: Gate
  readonly copies: Copies
  readonly holders: Holders
  readonly volumes: Volumes
  readonly engine: Engine
  readonly log: Logger
  /** How long a copy that nobody holds yet is left alone when the Engine cannot be asked whether its container is starting. */
  readonly graceMs: number
}

/** Makes what is there agree with who holds it. With `apply` false it only says what it would do. */
export type Reconcile = (caller: Caller, apply: boolean) => Promise<Finding[]>

/** True when the kernel says that something holds the copy. */
export function isHeld({ action, reason }: Finding): boolean {
  return action === 'keep' && reason.startsWith(heldBy)
}

const heldBy = 'held by'
/** How long the Engine may take to say that a container is not just starting. */
const lockProbeMs = 1000
/**
 * How long a copy that nobody holds is left alone after its Mount though no container is starting: the Engine
 * uses a volume by itself in `docker create` and `docker cp`, a moment after it mounted it.
 */
const ownUseMs = 10_000
/**
 * How long a copy that nobody holds is left alone when the Engine that asked for it has ended: the runtime it
 * had set to work may still be starting the container.
 */
const lingerMs = 1500

/**
 * The truth is the kernel's: a copy that a mount table outside its own place shows is held and stays. One that
 * nobody holds may belong to a container that is just starting, between the reply to Mount and the container's
 * own mounts; the Engine holds that container's lock meanwhile. So the tables are read again after the Engine
 * was asked, and only a copy that is neither held nor about to be is wiped, unless it was mounted meanwhile.
 */
export function createReconcile(parts: ReconcileParts): Reconcile {
  const { store, copies, holders, volumes, engine, log } = parts
  /** Since when copies whose Engine has ended have been found held by nobody. */
  const orphaned = new Map<MountId, number>()

  const isStartingOn = async (volume: string | null): Promise<boolean> => {
    const idle = (await engine.containers(volume ?? undefined)).filter(container => !isRunning(container))
    return (await Promise.all(idle.map(({ id }) => engine.isLocked(id, lockProbeMs)))).includes(true)
  }

  /** Why a copy that nobody holds may be about to be, or null. */
  const whyKeep = async (
    id: MountId,
    label: CopyLabel | undefined,
    isStarting: () => Promise<boolean>
  ): Promise<string | null> => {
    const use = volumes.uses.get(id)
    const askerHasEnded = hasEnded(use?.asker ?? null)
    const isClaimed = use !== undefined && !askerHasEnded && !volumes.leaving.has(id)
    const ageMs = use === undefined ? ageOf(label) : performance.now() - use.since
    try {
      if (await isStarting()) return 'a container is just starting'
      return isClaimed && ageMs < ownUseMs ? 'it was mounted just now' : null
    } catch {
      if (askerHasEnded) {
        const since = orphaned.get(id) ?? performance.now()
        orphaned.set(id, since)
        return performance.now() - since < lingerMs ? 'the engine that asked for it ended just now' : null
      }
      return ageMs < parts.graceMs ? 'the engine does not answer and the copy is young' : null
    }
  }

  const judge = async (
    ids: ReadonlySet<MountId>,
    labels: ReadonlyMap<MountId, CopyLabel>
  ): Promise<Judgement[]> => {
    const asked = new Map<string | null, Promise<boolean>>()
    const first = await holders.all()
    const doubts = new Map<string, string | null>()
    const known = [...ids].map(id => {
      const use = volumes.uses.get(id)
      return { id, volume: labels.get(id)?.volume ?? use?.volume ?? null, since: use?.since }
    })
    const isHeldHere = (id: MountId, held: ReadonlyMap<string, Holder[]>): boolean => {
      const device = copies.deviceOf(id)
      return (held.get(id) ?? []).some(holder => holder.device === device)
    }
    await Promise.all(
      known.map(async ({ id, volume }) => {
        if (copies.deviceOf(id) === null || isHeldHere(id, first)) return
        const isStarting = (): Promise<boolean> => {
          const answer = asked.get(volume) ?? isStartingOn(volume)
          asked.set(volume, answer)
          return answer
        }
        doubts.set(id, await whyKeep(id, labels.get(id), isStarting))
      })
    )
    for (const id of orphaned.keys()) if (!doubts.has(id)) orphaned.delete(id)
    const second = doubts.size > 0 ? await holders.all() : first
    return known.map(({ id, volume, since }) => {
      const held = second.get(id) ?? []
      const isMounted = copies.deviceOf(id) !== null
      const doubt = doubts.get(id) ?? null
      const found = (action: Finding['action'], reason: string): Judgement => ({
        id,
        volume,
        since,
        held,
        finding: { mount: id, volume, action, reason }
      })
      if (isHeldHere(id, second)) return found('keep', `${heldBy} ${describe(held)}`)
      if (isMounted) return doubt === null ? found('wipe', 'nobody holds it') : found('keep', doubt)
      if (held.length > 0)
        return found('keep', `${heldBy} ${describe(held)}, where it cannot be reached any more`)
      return found('forget', 'nothing is mounted')
    })
  }

  const carryOut = (caller: Caller, { id, volume, since, held, finding }: Judgement): Promise<void> =>
    volumes.locks.run(id, async () => {
      // Mounted again while it was judged: then the judgement is about the past.
      if (volumes.uses.get(id)?.since !== since) return
      log.info({ mount: id, volume, action: finding.action }, finding.reason)
      if (finding.action === 'forget' || held.length > 0) await copies.wipe(id)
      else await volumes.retire(caller, volume, id)
      if (finding.action === 'forget' && volume !== null) await volumes.forget(caller, volume, id)
    })

  /** Whoever holds these copies will be heard of when it ends; they need not be looked at again and again. */
  const trustAgain = async (judgements: readonly Judgement[]): Promise<void> => {
    const held = judgements.filter(({ id, finding }) => volumes.leaving.has(id) && isHeld(finding))
    if (held.length === 0) return
    // Without its answer they are looked at again, which is no harm.
    const listed = await engine.containers().catch(() => [])
    const running = new Set(listed.filter(isRunning).map(({ id }) => id))
    for (const { id, held: by } of held) {
      if (
        volumes.uses.has(id) ||
        by.some(({ containerId }) => containerId !== null && running.has(containerId))
      )
        volumes.leaving.delete(id)
    }
  }

  return async (caller, apply) => {
    // The daemon's own passes are so many that only what they do is recorded.
    if (caller.kind === 'user') await parts.gate.allow(caller, 'reconcile')
    const labels = new Map<MountId, CopyLabel>()
    for await (const label of labelsOf(store, null)) labels.set(label.mount, label)
    const judgements = await judge(new Set([...(await copies.list()), ...labels.keys()]), labels)
    FAULT: await reach('reconcile.judged')
    await trustAgain(judgements)
    for (const judgement of judgements) {
      if (!apply || judgement.finding.action === 'keep') continue
      try {
        await carryOut(caller, judgement)
      } catch (err) {
        log.error({ err, mount: judgement.id }, 'cannot reconcile a copy')
      }
    }
    return judgements.map(({ finding }) => finding)
  }
}

interface Judgement {
  readonly id: MountId
  readonly volume: VolumeName | null
  /** When the copy was last mounted, as known when it was judged. */
  readonly since: number | undefined
  readonly held: readonly Holder[]
  readonly finding: Finding
}

function isRunning({ state }: Container): boolean {
  return state === 'running' || state === 'paused'
}

/** By the clock on the wall, which is all that is left when the process that made the copy has ended. */
function ageOf(label: CopyLabel | undefined): number {
  return label === undefined ? Infinity : Date.now() - Date.parse(label.created)
}

function describe(holders: readonly Holder[]): string {
  const names = new Set(holders.map(({ containerId, pid }) => containerId?.slice(0, 12) ?? `process ${pid}`))
  return [...names].join(', ')
}
