import type { Logger } from 'pino'
import type { Engine } from '../engine/engine.ts'
import { isAnonymousVolume, type VolumeName } from '../base/names.ts'
import type { KnownVolume } from '../volumes/volumes.ts'
import type { Chore } from './chores.ts'

export interface DanglingVolumesParts {
  readonly engine: Pick<Engine, 'containers' | 'removeVolume'>
  readonly volumes: () => Promise<readonly KnownVolume[]>
  readonly log: Logger
}

/**
 * An Engine that has just started this plugin does not see its volumes yet, or says that it is disabled; one that has just
 * removed a container may still count it. It is tried again at the next looks.
 */
const mostTries = 15

/**
 * The volumes that go with their containers, which the Engine keeps though no container has them any more: `docker rm`
 * without `--volumes` leaves anonymous volumes, and with it those that a container has by
 * `--volumes-from`: not what an ephemeral box is for, nor a volume that `docker vault run` made by itself. Our own record
 * of a volume says whether it is one of these. The Engine is asked to remove each that no container has; it refuses for one
 * that is just being made. Volumes with a name are their user's to remove. There may be some when a container was removed, and
 * when nobody told of those that were.
 */
export function createDanglingVolumes({ engine, volumes, log }: DanglingVolumesParts): Chore {
  let triesLeft = 0

  /** True when there is nothing left to be done about it. */
  const removeOne = async (name: VolumeName): Promise<boolean> => {
    try {
      if ((await engine.removeVolume(name)) !== 'removed') return false
      log.info({ volume: name }, 'removed a volume whose containers are gone')
      return true
    } catch (err) {
      log.debug({ err, volume: name }, 'cannot remove a volume whose containers are gone yet')
      return false
    }
  }

  /** The volumes that could not be removed. */
  const removeAll = async (): Promise<VolumeName[]> => {
    const passing = (await volumes()).filter(goesWithContainers).map(({ name }) => name)
    if (passing.length === 0) return []
    const used = new Set((await engine.containers()).flatMap(container => container.volumes))
    const left: VolumeName[] = []
    for (const name of passing.filter(volume => !used.has(volume))) {
      if (!(await removeOne(name))) left.push(name)
    }
    return left
  }

  return {
    name: 'remove volumes whose containers are gone',
    expect() {
      triesLeft = mostTries
    },
    isDue: () => triesLeft > 0,

    async run() {
      // What is expected from now on is looked for anew.
      const triesAfter = triesLeft - 1
      triesLeft = 0
      try {
        const left = await removeAll()
        if (left.length === 0) return
        if (triesAfter === 0) log.warn({ volumes: left }, 'cannot remove volumes whose containers are gone')
      } catch (err) {
        if (triesAfter === 0) log.warn({ err }, 'cannot look for volumes whose containers are gone')
      }
      triesLeft = Math.max(triesLeft, triesAfter)
    }
  }
}

function goesWithContainers({ name, volume }: KnownVolume): boolean {
  return isAnonymousVolume(name) && (volume?.options.ephemeral === true || volume?.options.transient === true)
}
