import type { Clock } from '../base/clock.ts'
import type { Container } from '../engine/engine.ts'
import type { Refusals } from '../lifecycle/refusals.ts'

/** A container that could not be started yet. */
export interface FailedStart {
  readonly container: string
  readonly tries: number
  /** It is not tried any more before the Engine or this daemon begins anew. */
  readonly isGivenUp: boolean
  /** The Engine's words. */
  readonly error: string
}

/** Which containers were tried, how often, and when it is their turn again. */
export interface Trials {
  /** True when the container may be tried now: it was not yet, or has waited long enough. */
  isTurnOf(container: Container): boolean
  /** Whether one that was tried has waited long enough. */
  areDue(): boolean
  /** Notes a try in vain that began at this moment, and what the Engine said of it; gives how the container stands now. */
  failed(container: Container, begunMs: number, error: string): FailedStart
  forget(id: string): void
  /** Forgets all but these. */
  keepOnly(ids: ReadonlySet<string>): void
  clear(): void
  /** Those of which the Engine said anything, for people. */
  all(): FailedStart[]
}

/** How long a container waits after its first try; after each further one twice as long, up to the second figure. */
const firstWaitMs = 2000
const longestWaitMs = 60_000
/** The tries that a container gets, beside those in which its Mount reached this daemon and was refused. */
const mostTries = 6

/** What is known of a container that was tried. */
interface Trial {
  readonly name: string
  readonly volumes: readonly string[]
  readonly tries: number
  /** The tries that failed for no reason that we know of. */
  readonly unexplained: number
  readonly notBeforeMs: number
  readonly error: string
}

/**
 * A container is tried for as long as it is our own refusals that keep it from starting, which pass. That is what this
 * daemon knows by itself; the Engine's words may deceive it, and are believed a few times only.
 */
export function createTrials(refusals: Refusals, { nowMs }: Pick<Clock, 'nowMs'>): Trials {
  const trials = new Map<string, Trial>()

  /** What the container waits for, beside time. */
  const awaitedBy = (id: string, volumes: readonly string[]): ('missing' | 'come' | null)[] => [
    refusals.grantFor(id),
    ...volumes.map(volume => refusals.boxFor(volume))
  ]

  const isDue = (id: string, trial: Trial): boolean => {
    if (isGivenUp(trial)) return false
    const awaited = awaitedBy(id, trial.volumes)
    return !awaited.includes('missing') && (awaited.includes('come') || nowMs() >= trial.notBeforeMs)
  }

  return {
    isTurnOf({ id, volumes }) {
      const trial = trials.get(id)
      return trial === undefined ? !awaitedBy(id, volumes).includes('missing') : isDue(id, trial)
    },
    areDue: () => [...trials].some(([id, trial]) => isDue(id, trial)),

    failed({ id, name, volumes }, begunMs, error) {
      const { tries, unexplained } = trials.get(id) ?? { tries: 0, unexplained: 0 }
      const isExplained = volumes.some(volume => refusals.wasRefusedSince(volume, begunMs))
      const trial = {
        ...{ name: name ?? id, volumes, error },
        tries: tries + 1,
        unexplained: isExplained ? unexplained : unexplained + 1,
        notBeforeMs: nowMs() + Math.min(longestWaitMs, firstWaitMs * 2 ** tries)
      }
      trials.set(id, trial)
      return told(trial)
    },

    forget: id => void trials.delete(id),
    keepOnly(ids) {
      for (const id of trials.keys()) if (!ids.has(id)) trials.delete(id)
    },
    clear: () => trials.clear(),
    all: () => [...trials.values()].filter(({ error }) => error !== '').map(told)
  }
}

function isGivenUp({ unexplained }: Trial): boolean {
  return unexplained >= mostTries
}

function told(trial: Trial): FailedStart {
  const { name, tries, error } = trial
  return { container: name, tries, isGivenUp: isGivenUp(trial), error }
}
