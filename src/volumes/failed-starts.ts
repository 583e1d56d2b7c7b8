import type { Logger } from 'pino'
import type { Engine, LastStart } from '../engine/engine.ts'
import { quote } from '../errors.ts'

/** The containers that the Engine could not start for want of this driver, or of a vault that is open. */
export interface FailedStarts {
  /** There may be such containers: the Engine or this daemon has just begun, or the vault is sealed. */
  expect(): void
  /** True until it was seen that there are none any more. */
  areExpected(): boolean
  /** Starts them, now that their copies can be made, and resolves when that is done or has failed. */
  makeUp(): Promise<void>
}

export interface FailedStartsParts {
  readonly engine: Engine
  /** The names of our volumes. */
  readonly volumes: () => Promise<Iterable<string>>
  readonly log: Logger
}

/**
 * Starts containers with a restart policy whose last start failed because the plugin was not ready or the vault had
 * no key; the Engine does not try these again by itself (Engine fact). What the Engine notes about the last start
 * says whether a container is one of them, so a start that fails for another reason is not tried again, and one that
 * the Engine was too busy for is.
 */
export function createFailedStarts({ engine, volumes, log }: FailedStartsParts): FailedStarts {
  let areExpected = false
  let isAtIt = false

  /** False when it should be tried again. */
  const makeUpFor = async (id: string, name: string | null, ours: ReadonlySet<string>): Promise<boolean> => {
    let isOne = false
    try {
      const last = await engine.lastStart(id)
      isOne = !last.isRunning && last.hasRestartPolicy && isForWantOfUs(last, ours)
      if (!isOne) return true
      if (await engine.start(id))
        log.info({ container: name }, 'started a container whose volume could not be mounted before')
      return true
    } catch (err) {
      // The Engine does not tell of a container that it is just starting.
      const level = isOne ? 'warn' : 'debug'
      log[level](
        { err, container: name },
        'cannot start a container whose volume could not be mounted before'
      )
      return false
    }
  }

  return {
    expect() {
      areExpected = true
    },
    areExpected: () => areExpected,

    async makeUp() {
      if (isAtIt) return
      isAtIt = true
      areExpected = false
      try {
        const ours = new Set(await volumes())
        const idle = (await engine.containers()).filter(
          ({ state, volumes }) =>
            (state === 'exited' || state === 'created') && volumes.some(name => ours.has(name))
        )
        const done = await Promise.all(idle.map(({ id, name }) => makeUpFor(id, name, ours)))
        if (done.includes(false)) areExpected = true
      } catch (err) {
        areExpected = true
        log.warn({ err }, 'cannot look for containers whose volume could not be mounted before')
      } finally {
        isAtIt = false
      }
    }
  }
}

/**
 * True when the Engine's words about a start say that the plugin was not there (its own words, with the driver's
 * name or the socket's), or are those of a Mount of ours that will do better now. There is nothing but words.
 */
function isForWantOfUs({ error, drivers }: LastStart, ours: ReadonlySet<string>): boolean {
  for (const [volume, driver] of drivers) {
    if (!ours.has(volume)) continue
    const refused = `VolumeDriver.Mount: cannot mount volume ${quote(volume)}: `
    const isAway = [driver, JSON.stringify(driver)].some(
      name =>
        error.includes(`plugin ${name} found but disabled`) || error.includes(`plugin ${name} not found`)
    )
    // http://%2Frun%2Fdocker%2Fplugins%2F<id>%2Fsecretbox.sock/VolumeDriver.Mount
    const isUnreached = error.includes('secretbox.sock/VolumeDriver.')
    if (isAway || isUnreached || passing.some(cause => error.includes(refused + cause))) return true
  }
  return false
}

/** How the causes of a refused Mount begin that pass: a sealed vault, a plugin that the Engine starts anew. */
const passing = ['the vault is sealed', 'the Engine does not see what is mounted here']
