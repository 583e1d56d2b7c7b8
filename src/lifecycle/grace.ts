import type { Container, Engine } from '../engine/engine.ts'
import type { CopyKey } from '../copies/copy-key.ts'
import { hasEnded } from '../base/process-identity.ts'
import type { CopyName } from './release.ts'
import type { Use } from './engine-calls.ts'
import type { CopyRecord } from '../volumes/records.ts'

/** A copy, and what is known of it beside what the kernel says. */
export interface KnownCopy extends CopyName {
  readonly use: Use | undefined
  readonly record: CopyRecord | null
  /** An earlier look at it found that something held it. */
  readonly wasHeld: boolean
}

/** Why a copy that nobody holds may be about to be held, or null: then it is left over. */
export type Grace = (copy: KnownCopy) => Promise<string | null>

/** How long the Engine may take to say that a container is not just starting. */
const lockProbeMs = 1000
/**
 * How long a copy that nobody holds is left alone after its Mount though no container is starting: the Engine
 * uses a volume by itself in `docker create` and `docker cp`, a moment after it mounted it.
 */
const ownUseMs = 10_000
/**
 * The same for a copy that a container has held, and whether or not the Engine answers: `docker cp` may still read it,
 * but no container is about to hold it, and there may be no Unmount to come, for the Engine forgets mount IDs of
 * containers that run (see docs/lifecycle.md).
 */
const lastUseMs = 1000
/**
 * How long a copy that nobody holds is left alone when the Engine that asked for it has ended: the runtime it
 * had set to work may still be starting the container.
 */
const lingerMs = 1500

/**
 * Between the answer to Mount and the container's own mounts nobody holds a copy. The Engine keeps the container
 * locked meanwhile, and can be asked about that. `graceMs`: how young a copy must be to be left alone when the
 * Engine does not answer. Gives a function that begins a pass: in one pass no question is asked twice.
 */
export function createGrace(engine: Engine, graceMs: number): () => Grace {
  /** When copies whose Engine has ended were first found held by nobody; the last pass's and this one's. */
  let orphanedBefore = new Map<CopyKey, number>()
  let orphaned = new Map<CopyKey, number>()

  const isStartingOn = async (volume: string | null): Promise<boolean> => {
    const idle = (await engine.containers(volume ?? undefined)).filter(container => !isRunning(container))
    return (await Promise.all(idle.map(({ id }) => engine.isLocked(id, lockProbeMs)))).includes(true)
  }

  const lingers = (key: CopyKey): boolean => {
    const since = orphanedBefore.get(key) ?? performance.now()
    orphaned.set(key, since)
    return performance.now() - since < lingerMs
  }

  return () => {
    orphanedBefore = orphaned
    orphaned = new Map()
    const asked = new Map<string | null, Promise<boolean>>()
    const isStarting = (volume: string | null): Promise<boolean> => {
      const answer = asked.get(volume) ?? isStartingOn(volume)
      asked.set(volume, answer)
      return answer
    }

    return async ({ key, owner, use, record, wasHeld }) => {
      // The Engine has let go of it itself.
      if (use?.count === 0) return null
      const engineHasEnded = hasEnded(use?.engineProcess ?? null)
      const ageMs = use === undefined ? ageOf(record) : performance.now() - use.since
      try {
        if (await isStarting(owner?.volume ?? null)) return 'a container is just starting'
        const isClaimed = use !== undefined && !engineHasEnded && !use.isDoubtful
        return isClaimed && ageMs < (wasHeld ? lastUseMs : ownUseMs) ? 'it was mounted just now' : null
      } catch {
        if (engineHasEnded) return lingers(key) ? 'the engine that asked for it ended just now' : null
        return ageMs < (wasHeld ? lastUseMs : graceMs)
          ? 'the engine does not answer and the copy is young'
          : null
      }
    }
  }
}

/** True for a container that has its mounts. */
export function isRunning({ state }: Container): boolean {
  return state === 'running' || state === 'paused'
}

/** By the clock on the wall, which is all that is left when the process that made the copy has ended. */
function ageOf(record: CopyRecord | null): number {
  return record === null ? Infinity : Date.now() - Date.parse(record.created)
}
