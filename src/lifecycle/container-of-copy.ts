import { copyKeyOf } from '../copies/copy-key.ts'
import type { Copies } from '../copies/copies.ts'
import type { Holders } from '../copies/holders.ts'
import type { DescribedContainer } from '../engine/describe.ts'
import type { Engine } from '../engine/engine.ts'
import { SecretboxError } from '../base/errors.ts'
import type { MountId, VolumeName } from '../base/names.ts'

/**
 * Finds the container that has a copy: the one whose first process, by the Engine's word, is in a mount namespace that shows
 * the copy, by the kernel's. What a namespace's own mounts say of a container, as records have it, is not enough here: who may
 * mount can make them say anything. Throws `unavailable` when that cannot be known, or is so of no container or of several.
 */
export type FindContainer = (copy: {
  readonly volume: VolumeName
  readonly mount: MountId
}) => Promise<DescribedContainer>

export function createFindContainer(parts: {
  readonly copies: Pick<Copies, 'deviceOf'>
  readonly holders: Pick<Holders, 'isShownTo'>
  readonly engine: Pick<Engine, 'containers' | 'describe'>
}): FindContainer {
  const { copies, holders, engine } = parts
  return async ({ volume, mount }) => {
    const key = copyKeyOf(volume, mount)
    const device = copies.deviceOf(key)
    if (device === null) throw unknown('its copy is out of reach')
    const listed = await engine.containers(volume).catch((cause: unknown) => {
      throw unknown('nobody answers for the Engine', cause)
    })
    // One that was removed meanwhile is not the one.
    const described = await Promise.allSettled(listed.map(({ id }) => engine.describe(id)))
    const found: DescribedContainer[] = []
    for (const each of described) {
      if (each.status === 'rejected' || each.value.pid === null) continue
      if (await holders.isShownTo(each.value.pid, { key, device })) found.push(each.value)
    }
    const [container] = found
    if (container === undefined) throw unknown('the Engine knows of none that has its copy')
    if (found.length > 1) throw unknown('several show the same copy')
    return container
  }
}

function unknown(reason: string, cause?: unknown): SecretboxError {
  return new SecretboxError('unavailable', `cannot tell which container this is: ${reason}`, {
    hint: 'is docker.source of the plugin the Engine’s socket?',
    cause
  })
}
