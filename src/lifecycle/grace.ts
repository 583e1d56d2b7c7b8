import { recordOf, type Facts } from './facts.ts'

/** What a pass knows of a copy beside that: the time, what earlier passes found, and what the Engine says of starts. */
export interface PassFacts extends Facts {
  readonly now: { readonly ms: number; readonly dateMs: number }
  /** An earlier pass found that something held it. */
  readonly wasHeld: boolean
  /** Since when passes have found it to be an orphan (`isOrphan`), by the clock of `now.ms`. */
  readonly orphanedMs: number | null
  /** Null is what was not asked yet. */
  readonly start: StartWord | null
  /** The look is the second one of this pass, and younger than what the Engine said. */
  readonly isLookSecond: boolean
}

/** What is heard of a container that may be about to hold the copy. */
export interface StartWord {
  /** The Engine's word; null when it does not answer. */
  readonly isStarting: boolean | null
  /** The Engine's process that asked for the copy is known, and is there no more. */
  readonly engineHasEnded: boolean
}

/**
 * How long a copy that nobody holds is left alone after its Mount though no container is starting: the Engine
 * uses a volume by itself in `docker create` and `docker cp`, a moment after it mounted it.
 */
export const ownUseMs = 10_000
/**
 * The same for a copy that a container has held, and whether or not the Engine answers: `docker cp` may still read it,
 * but no container is about to hold it, and there may be no Unmount to come, for the Engine forgets mount IDs of
 * containers that run (see docs/lifecycle.md).
 */
export const lastUseMs = 1000
/**
 * How long a copy that nobody holds is left alone when the Engine that asked for it has ended: the runtime it
 * had set to work may still be starting the container.
 */
export const lingerMs = 1500

/** What is said of one that nobody holds yet, or was found to be held a moment ago. */
export const mountedJustNow = 'it was mounted just now'

/**
 * Why a copy that nobody holds may be about to be held, or null: then it is left over. `graceMs`: how young it must be to be
 * left alone when the Engine does not answer.
 */
export function graceOf(
  facts: PassFacts,
  { isStarting, engineHasEnded }: StartWord,
  graceMs: number
): string | null {
  const { use, wasHeld, orphanedMs, now } = facts
  if (isStarting === true) return 'a container is just starting'
  if (isStarting === false) {
    const isClaimed = use !== undefined && !engineHasEnded && !use.isDoubtful
    return isClaimed && ageOf(facts) < (wasHeld ? lastUseMs : ownUseMs) ? mountedJustNow : null
  }
  if (engineHasEnded)
    return now.ms - (orphanedMs ?? now.ms) < lingerMs ? 'the engine that asked for it ended just now' : null
  return ageOf(facts) < (wasHeld ? lastUseMs : graceMs)
    ? 'the engine does not answer and the copy is young'
    : null
}

/** True for one that nobody holds, whose Engine has ended, while no other answers. */
export function isOrphan({ start }: PassFacts): boolean {
  return start?.isStarting === null && start.engineHasEnded
}

/** By the clock on the wall, which is all that is left when the process that made the copy has ended. */
function ageOf(facts: PassFacts): number {
  const { use, now } = facts
  if (use !== undefined) return now.ms - use.sinceMs
  const record = recordOf(facts)
  return record === null ? Infinity : now.dateMs - Date.parse(record.created)
}
