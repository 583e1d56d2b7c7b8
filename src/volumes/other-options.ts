import type { Container, Engine, GivenOptions } from '../engine/engine.ts'
import type { VolumeName } from '../base/names.ts'
import { optionDifferences, type OptionDifference } from './options.ts'
import type { Volume } from './records.ts'

/** A container that was given options for a volume which has others. */
export interface OtherOptions {
  readonly container: string
  readonly volume: VolumeName
  readonly options: readonly OptionDifference[]
}

/** As long as the Engine may take to describe a container; one that is just starting it does not. */
const answerWithinMs = 1000
const askedAtOnce = 16

/**
 * The containers that were made with other options for a volume than it has: the Engine asks no driver about a volume
 * that exists, and passes them over. What it does not say now is left out.
 */
export async function findOtherOptions(
  engine: Engine,
  containers: readonly Container[],
  volumes: readonly Volume[]
): Promise<OtherOptions[]> {
  const byName = new Map<string, Volume>(volumes.map(volume => [volume.name, volume]))
  const users = containers.filter(container => container.volumes.some(name => byName.has(name)))
  const found: OtherOptions[] = []
  for (let at = 0; at < users.length; at += askedAtOnce) {
    const asked = users.slice(at, at + askedAtOnce)
    const answers = await Promise.all(
      asked.map(({ id }) => engine.givenOptions(id, answerWithinMs).catch((): GivenOptions[] => []))
    )
    for (const [i, { id, name }] of asked.entries())
      for (const { volume: volumeName, options } of answers[i] ?? []) {
        const volume = byName.get(volumeName)
        const differences = volume ? optionDifferences(volume.name, { ...volume.options }, options) : []
        if (volume && differences.length > 0)
          found.push({ container: name ?? id.slice(0, 12), volume: volume.name, options: differences })
      }
  }
  return found
}
