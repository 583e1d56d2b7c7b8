import type { Logger } from 'pino'
import type { Engine } from '../engine/engine.ts'
import { reach } from '../fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/authority.ts'
import type { Gate } from '../vault/gate.ts'
import { parseMountId, type MountId, type VolumeName } from '../vault/names.ts'
import type { Copies } from './copies.ts'
import type { Holder, Holders } from './holders.ts'
import { labelsOf, removeLabel, type CopyLabel } from './volume-records.ts'
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

/** How long the Engine may take to say that a container is not just starting. */
const lockProbeMs = 1000

/**
 * The truth is the kernel's: a copy that a mount table outside its own place shows is held and stays. One that
 * nobody holds may belong to a container that is just starting, between the reply to Mount and the container's
 * own mounts; the Engine holds that container's lock meanwhile. So the tables are read again after the Engine
 * was asked, and only a copy that is neither held nor about to be is wiped, unless it was mounted meanwhile.
 */
export function createReconcile(parts: ReconcileParts): Reconcile {
  const { store, copies, holders, volumes, engine, log } = parts
  const begun = performance.now()

  /** Why a copy of this volume may be about to be held, or null. */
  const startingOn = async (volume: string | null): Promise<string | null> => {
    const idle = (await engine.containers(volume ?? undefined)).filter(
      ({ state }) => state !== 'running' && state !== 'paused'
    )
    const locked = await Promise.all(idle.map(({ id }) => engine.isLocked(id, lockProbeMs)))
    return locked.includes(true) ? 'a container is just starting' : null
  }

  const whyKeep = async (
    id: MountId,
    volume: string | null,
    asked: Map<string | null, Promise<string | null>>
  ) => {
    try {
      const answer = asked.get(volume) ?? startingOn(volume)
      asked.set(volume, answer)
      return await answer
    } catch {
      const age = performance.now() - (volumes.uses.get(id)?.since ?? begun)
      return age < parts.graceMs ? 'the engine does not answer and the copy is young' : null
    }
  }

  const judge = async (
    names: Iterable<string>,
    labels: ReadonlyMap<string, CopyLabel>
  ): Promise<Judgement[]> => {
    const first = await holders.all()
    const asked = new Map<string | null, Promise<string | null>>()
    const candidates = await Promise.all(
      [...names].map(async name => {
        const id = parseMountId(name)
        const volume = labels.get(id)?.volume ?? volumes.uses.get(id)?.volume ?? null
        const since = volumes.uses.get(id)?.since
        const mounted = copies.deviceOf(id) !== null
        const keep = !mounted || first.has(id) ? null : await whyKeep(id, volume, asked)
        return { id, volume, since, mounted, keep }
      })
    )
    const second = await holders.all()
    return candidates.map(({ id, volume, since, mounted, keep }) => {
      const held = second.get(id) ?? []
      const [action, reason]: [Finding['action'], string] =
        held.length > 0
          ? ['keep', `held by ${describe(held)}`]
          : !mounted
            ? ['forget', 'nothing is mounted']
            : keep === null
              ? ['wipe', 'nobody holds it']
              : ['keep', keep]
      return { id, volume, since, finding: { mount: id, volume, action, reason } }
    })
  }

  const carryOut = (caller: Caller, { id, volume, since, finding }: Judgement): Promise<void> =>
    volumes.locks.run(id, async () => {
      // Mounted again while it was judged: then the judgement is about the past.
      if (volumes.uses.get(id)?.since !== since) return
      log.info({ mount: id, volume, action: finding.action }, finding.reason)
      if (finding.action === 'wipe') await volumes.retire(caller, volume, id)
      else {
        await copies.wipe(id)
        if (volume !== null) await store.commit([removeLabel(volume, id)])
      }
    })

  return async (caller, apply) => {
    // The daemon's own passes must work while the vault is sealed, when nothing can be recorded.
    if (caller.kind === 'user') await (await parts.gate.allow(caller, 'reconcile')).commit({}, [])
    const labels = new Map<string, CopyLabel>()
    for await (const label of labelsOf(store, null)) labels.set(label.mount, label)
    const judgements = await judge(new Set([...(await copies.list()), ...labels.keys()]), labels)
    FAULT: await reach('reconcile.judged')
    for (const judgement of judgements) {
      // Held and counted: its Unmount will come.
      if (judgement.finding.action === 'keep' && volumes.uses.has(judgement.id))
        volumes.leaving.delete(judgement.id)
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
  readonly finding: Finding
}

function describe(holders: readonly Holder[]): string {
  const names = new Set(holders.map(({ containerId, pid }) => containerId?.slice(0, 12) ?? `process ${pid}`))
  return [...names].join(', ')
}
