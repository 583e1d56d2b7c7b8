import type { Logger } from 'pino'
import type { Clock } from '../base/clock.ts'
import type { Container, Engine, LastStart } from '../engine/engine.ts'
import { readStartError } from '../engine/words.ts'
import { refusalOf, refusalOfEmpty, type Refusals } from '../lifecycle/refusals.ts'
import type { Chore } from './chores.ts'
import { createTrials, type FailedStart } from './trials.ts'

/**
 * The containers that the Engine could not start for want of this driver, or of a copy that can be made. It is expected that
 * there are some when the Engine or this daemon has just begun, and while the vault is sealed: all are tried anew then.
 * A run resolves when those whose turn it is are asked for: one that takes long keeps nobody waiting but others of its volume.
 */
export interface FailedStarts extends Chore {
  /** Resolves when what was asked for is done or has failed. */
  settled(): Promise<void>
  /** Those that were tried and could not be started, for people. */
  all(): FailedStart[]
}

export interface FailedStartsParts {
  readonly engine: Engine
  /** The names of our volumes. */
  readonly volumes: () => Promise<Iterable<string>>
  readonly refusals: Refusals
  /** That of `refusals`. */
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Logger
}

/**
 * Starts containers with a restart policy whose last start failed because the plugin was not there or refused a Mount;
 * the Engine does not try these again by itself (Engine fact 10). What the Engine notes about the last start says whether
 * a container is one of them, so one that fails for another reason is left alone.
 */
export function createFailedStarts(parts: FailedStartsParts): FailedStarts {
  const { engine, refusals, clock, log } = parts
  let isNews = false
  let lookedMs = -Infinity
  const trials = createTrials(refusals, clock)
  const underWay = new Map<string, Promise<void>>()

  const tryOne = async (container: Container, ours: ReadonlySet<string>): Promise<void> => {
    const { id, name } = container
    let error = ''
    const begunMs = clock.nowMs()
    try {
      const last = await engine.lastStart(id)
      error = last.error
      const isOurs = !last.isRunning && last.hasRestartPolicy && failedForUs(last, ours)
      if (isOurs) await engine.start(id)
      trials.forget(id)
      if (isOurs)
        log.info({ container: name }, 'started a container whose volume could not be mounted before')
    } catch (err) {
      sayFailed(log, trials.failed(container, begunMs, error), err)
    }
  }

  const tryAll = async (): Promise<void> => {
    const ours = new Set(await parts.volumes())
    const idle = (await engine.containers()).filter(isIdleWith(ours))
    trials.keepOnly(new Set(idle.map(({ id }) => id)))
    const tried = idle.filter(one => !underWay.has(one.id) && trials.isTurnOf(one))
    for (const [index, container] of tried.entries()) {
      const { id } = container
      // Of two that start at once nobody can say whose Mount one is.
      const before = tried.slice(0, index).filter(one => shareVolume(one, container))
      const turn = Promise.all(before.flatMap(one => underWay.get(one.id) ?? []))
      const trial = turn.then(() => tryOne(container, ours)).finally(() => underWay.delete(id))
      underWay.set(id, trial)
    }
  }

  return {
    name: 'look for containers whose volume could not be mounted before',
    expect() {
      isNews = true
      trials.clear()
    },
    isDue: () => isNews || refusals.newestMs() > lookedMs || trials.areDue(),

    async run() {
      isNews = false
      lookedMs = clock.nowMs()
      try {
        await tryAll()
      } catch (err) {
        isNews = true
        log.warn({ err }, 'cannot look for containers whose volume could not be mounted before')
      }
    },

    async settled() {
      await Promise.all(underWay.values())
    },
    all: () => trials.all()
  }
}

function shareVolume(one: Container, other: Container): boolean {
  return one.volumes.some(volume => other.volumes.includes(volume))
}

function isIdleWith(volumes: ReadonlySet<string>): (container: Container) => boolean {
  return container =>
    (container.state === 'exited' || container.state === 'created') &&
    container.volumes.some(name => volumes.has(name))
}

function sayFailed(log: Logger, { container, tries, isGivenUp, error }: FailedStart, err: unknown): void {
  // The Engine does not tell of a container that it is just starting.
  if (error === '') log.debug({ err, container }, 'cannot ask for a container')
  else if (isGivenUp) log.warn({ err, container, tries }, 'gave up starting a container: start it yourself')
  else if (tries === 1)
    log.warn({ err, container }, 'cannot start a container whose volume could not be mounted before')
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
