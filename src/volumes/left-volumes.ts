import type { Logger } from 'pino'
import type { Engine } from '../engine/engine.ts'
import { isAnonymousVolume } from '../vault/names.ts'
import type { KnownVolume } from './volumes.ts'

/** The volumes of ephemeral boxes that the Engine keeps though their container is gone. */
export interface LeftVolumes {
  /** There may be some: such a container was removed, or nobody told of those that were. */
  expect(): void
  /** True until it was seen that there are none any more, or it was tried in vain. */
  areExpected(): boolean
  /** Looks for them and has the Engine remove them, and so their boxes. */
  remove(): Promise<void>
}

export interface LeftVolumesParts {
  readonly engine: Engine
  readonly volumes: () => Promise<readonly KnownVolume[]>
  readonly log: Logger
}

/**
 * `docker rm` without `--volumes` leaves anonymous volumes, which is not what an ephemeral box is for. The Engine is
 * asked to remove each that no container has. It refuses for one that is just being made, and, unless this plugin was
 * away when it began, for every other. Volumes with a name are their user's to remove.
 */
export function createLeftVolumes({ engine, volumes, log }: LeftVolumesParts): LeftVolumes {
  let triesLeft = 0

  /** True when there is nothing left to be done. */
  const removeAll = async (): Promise<boolean> => {
    const ephemeral = (await volumes()).filter(
      ({ name, volume }) => isAnonymousVolume(name) && volume?.options.ephemeral === true
    )
    if (ephemeral.length === 0) return true
    const used = new Set((await engine.containers()).flatMap(container => container.volumes))
    let isDone = true
    for (const { name } of ephemeral.filter(volume => !used.has(volume.name))) {
      const result = await engine.removeVolume(name)
      if (result === 'removed') log.info({ volume: name }, 'removed an ephemeral volume')
      if (result === 'unknown') isDone = false
    }
    return isDone
  }

  return {
    expect() {
      triesLeft = mostTries
    },
    areExpected: () => triesLeft > 0,

    async remove() {
      // What is expected from now on is looked for anew.
      const triesAfter = triesLeft - 1
      triesLeft = 0
      try {
        if (await removeAll()) return
      } catch (err) {
        if (triesAfter === 0) log.warn({ err }, 'cannot remove an ephemeral volume whose container is gone')
      }
      triesLeft = Math.max(triesLeft, triesAfter)
    }
  }
}

/** An Engine that has just started this plugin does not see its volumes yet; it is tried again at the next look. */
const mostTries = 15
