import type { Logger } from 'pino'
import type { Container, Engine, LastStart } from '../engine/engine.ts'
import { readStartError } from '../engine/words.ts'
import { refusalOf, refusalOfEmpty, type Refusals } from '../lifecycle/refusals.ts'

/** The containers that the Engine could not start for want of this driver, or of a copy that can be made. */
export interface FailedStarts {
  /** There may be such containers, and all are to be tried anew: the Engine or this daemon has just begun, or the vault is sealed. */
  expect(): void
  /** True when it is time to look for them: there may be new ones, or one has waited long enough. */
  areExpected(): boolean
  /** Starts those that are due. Resolves when all of them are asked for: one that takes long keeps nobody waiting. */
  startAgain(): Promise<void>
  /** Resolves when what was asked for is done or has failed. */
  settled(): Promise<void>
  /** Those that were tried and could not be started, for people. */
  all(): FailedStart[]
}

/** A container that could not be started yet. */
export interface FailedStart {
  readonly container: string
  readonly tries: number
  /** It is not tried any more before the Engine or this daemon begins anew. */
  readonly isGivenUp: boolean
  /** The Engine's words. */
  readonly error: string
}

export interface FailedStartsParts {
  readonly engine: Engine
  /** The names of our volumes. */
  readonly volumes: () => Promise<Iterable<string>>
  readonly refusals: Refusals
  readonly log: Logger
  /** The clock of `refusals`. */
  readonly now?: () => number
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
 * Starts containers with a restart policy whose last start failed because the plugin was not there or refused a Mount;
 * the Engine does not try these again by itself (Engine fact 10). What the Engine notes about the last start says whether
 * a container is one of them, so one that fails for another reason is left alone.
 *
 * A container is tried for as long as it is our own refusals that keep it from starting, which pass. That is what this
 * daemon knows by itself; the Engine's words may deceive it, and are believed a few times only.
 */
export function createFailedStarts(parts: FailedStartsParts): FailedStarts {
  const { engine, volumes, refusals, log, now = () => performance.now() } = parts
  let isNews = false
  let lookedMs = -Infinity
  const trials = new Map<string, Trial>()
  const underWay = new Map<string, Promise<void>>()

  const isGivenUp = ({ unexplained }: Trial): boolean => unexplained >= mostTries
  const isDue = (trial: Trial): boolean => {
    if (isGivenUp(trial)) return false
    const boxes = trial.volumes.map(volume => refusals.boxFor(volume))
    return !boxes.includes('missing') && (boxes.includes('come') || now() >= trial.notBeforeMs)
  }

  const noteFailure = (container: Container, sinceMs: number, error: string, err: unknown): void => {
    const { id, volumes } = container
    const name = container.name ?? id
    const { tries, unexplained } = trials.get(id) ?? { tries: 0, unexplained: 0 }
    const isExplained = volumes.some(volume => refusals.wasRefusedSince(volume, sinceMs))
    const trial = {
      ...{ name, volumes, error },
      tries: tries + 1,
      unexplained: isExplained ? unexplained : unexplained + 1,
      notBeforeMs: now() + Math.min(longestWaitMs, firstWaitMs * 2 ** tries)
    }
    trials.set(id, trial)
    // The Engine does not tell of a container that it is just starting.
    if (error === '') log.debug({ err, container: name }, 'cannot ask for a container')
    else if (isGivenUp(trial)) {
      log.warn(
        { err, container: name, tries: trial.tries },
        'gave up starting a container: start it yourself'
      )
    } else if (tries === 0) {
      log.warn({ err, container: name }, 'cannot start a container whose volume could not be mounted before')
    }
  }

  const makeUpFor = async (container: Container, ours: ReadonlySet<string>): Promise<void> => {
    const { id, name } = container
    let error = ''
    const begunMs = now()
    try {
      const last = await engine.lastStart(id)
      error = last.error
      if (last.isRunning || !last.hasRestartPolicy || !failedForUs(last, ours)) {
        trials.delete(id)
        return
      }
      await engine.start(id)
      trials.delete(id)
      log.info({ container: name }, 'started a container whose volume could not be mounted before')
    } catch (err) {
      noteFailure(container, begunMs, error, err)
    }
  }

  return {
    expect() {
      isNews = true
      trials.clear()
    },
    areExpected: () => isNews || refusals.newestMs() > lookedMs || [...trials.values()].some(isDue),

    async startAgain() {
      isNews = false
      lookedMs = now()
      try {
        const ours = new Set(await volumes())
        const idle = (await engine.containers()).filter(
          ({ state, volumes }) =>
            (state === 'exited' || state === 'created') && volumes.some(name => ours.has(name))
        )
        const ids = new Set(idle.map(({ id }) => id))
        for (const id of trials.keys()) if (!ids.has(id)) trials.delete(id)
        for (const container of idle) {
          const { id, volumes } = container
          const trial = trials.get(id)
          const isTheirTurn =
            trial === undefined ? !volumes.some(name => refusals.boxFor(name) === 'missing') : isDue(trial)
          if (!isTheirTurn || underWay.has(id)) continue
          underWay.set(
            id,
            makeUpFor(container, ours).finally(() => underWay.delete(id))
          )
        }
      } catch (err) {
        isNews = true
        log.warn({ err }, 'cannot look for containers whose volume could not be mounted before')
      }
    },

    async settled() {
      await Promise.all(underWay.values())
    },

    all: () =>
      [...trials.values()]
        .filter(({ error }) => error !== '')
        .map(trial => ({
          container: trial.name,
          tries: trial.tries,
          isGivenUp: isGivenUp(trial),
          error: trial.error
        }))
  }
}

/** True when what the Engine noted about a start says that our plugin was not there or refused the Mount of one of our volumes. */
function failedForUs({ error, drivers }: LastStart, ours: ReadonlySet<string>): boolean {
  return [...drivers].some(([volume, driver]) => {
    const failure = ours.has(volume) ? readStartError(error, volume, driver) : null
    if (failure === null) return false
    if (failure.means !== 'refused') return true
    return (
      failure.answer.startsWith(refusalOf(volume)) || failure.answer === refusalOfEmpty('VolumeDriver.Mount')
    )
  })
}
