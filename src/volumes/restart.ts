import type { Logger } from 'pino'
import type { Engine } from '../engine/engine.ts'
import type { Volumes } from './volumes.ts'

/** How the Engine's message begins or reads when a start failed for want of this driver or of what it serves. */
const mountFailure =
  /VolumeDriver\.|error while mounting volume|error evaluating|plugin .*not (?:found|enabled)|no such volume/

/**
 * Starts the containers that the Engine gave up on because a volume of ours could not be mounted: those with a
 * restart policy, whose last start failed with such a message. The Engine does not try these again by itself
 * (Engine fact). Returns the ids it started.
 */
export async function startFailedContainers(parts: {
  engine: Engine
  volumes: Pick<Volumes, 'list'>
  log: Logger
}): Promise<string[]> {
  const { engine, log } = parts
  const ours = new Set<string>((await parts.volumes.list()).map(({ name }) => name))
  const started: string[] = []
  for (const container of await engine.containers()) {
    const isIdle = container.state === 'exited' || container.state === 'created'
    if (!isIdle || !container.volumes.some(volume => ours.has(volume))) continue
    try {
      const { running, restartPolicy, error } = await engine.lastStart(container.id)
      if (running || restartPolicy === 'no' || restartPolicy === '' || !mountFailure.test(error)) continue
      await engine.start(container.id)
      started.push(container.id)
      log.info({ container: container.name }, 'started a container whose volume could not be mounted before')
    } catch (err) {
      log.warn(
        { err, container: container.name },
        'cannot start a container whose volume could not be mounted before'
      )
    }
  }
  return started
}
