import { isSecretboxError, quote, SecretboxError } from '../errors.ts'
import type { Caller } from '../vault/authority.ts'
import type { BoxName, VolumeName } from '../vault/names.ts'
import type { Vault } from '../vault/vault.ts'
import { createMounts, type Mounts, type MountsParts } from './mounts.ts'
import { parseVolumeOptions, sameOptions, type VolumeOptions } from './options.ts'
import {
  allVolumes,
  findVolume,
  getVolume,
  labelsOf,
  putVolume,
  removeVolume,
  volumeNames,
  type Volume
} from './volume-records.ts'

/** What the VolumeDriver calls mean. */
export interface Volumes extends Mounts {
  /** Throws `invalid` (name, options), `not_found` (box, unless optional), `exists` (same name, other options), `sealed`. */
  create(caller: Caller, name: VolumeName, options: Readonly<Record<string, string>>): Promise<void>
  /** An ephemeral box goes with the last volume that shows it. Throws `not_found`, `in_use` while a container holds a copy, `sealed`. */
  remove(caller: Caller, name: VolumeName): Promise<void>
  /** Answers in every state of vault and box. Throws `not_found`, `damaged` when the volume's own record is not one. */
  get(name: VolumeName): Promise<Volume>
  list(): Promise<{ name: VolumeName; created: string | null }[]>
}

/** The volumes over a store, and their copies. */
export function createVolumes(parts: MountsParts): Volumes {
  const { store, gate, vault, holders } = parts

  /** Before the volume's own end: if that fails, the Engine asks again, and the box is not forgotten. */
  const destroyWithLastVolume = async (volume: VolumeName, box: BoxName): Promise<void> => {
    for await (const other of allVolumes(store)) {
      if (other.name !== volume && other.options.box === box) return
    }
    try {
      await vault.destroy({ kind: 'daemon' }, box, null)
    } catch (error) {
      if (!isSecretboxError(error, 'not_found')) throw error
    }
  }

  /** Null for a volume whose record is damaged: it can be removed all the same. */
  const optionsOf = async (name: VolumeName): Promise<VolumeOptions | null> => {
    try {
      return (await getVolume(store, name)).options
    } catch (error) {
      if (!isSecretboxError(error, 'damaged')) throw error
      return null
    }
  }

  return {
    ...createMounts(parts),

    async create(caller, name, given) {
      const options = parseVolumeOptions(name, given)
      await gate.run(caller, 'volume.create', { volume: name, box: options.box }, async permit => {
        const present = await findVolume(store, name)
        if (present !== null) {
          if (sameOptions(present.options, options)) return
          throw new SecretboxError('exists', `volume ${quote(name)} exists already with other options`, {
            hint: 'remove it first, or use another name'
          })
        }
        if (!options.optional) await requireBox(vault, caller, name, options.box, options.version)
        await permit.commit({}, [putVolume({ name, options, created: new Date().toISOString() })])
      })
    },

    remove: (caller, name) =>
      gate.run(caller, 'volume.remove', { volume: name }, async permit => {
        const options = await optionsOf(name)
        for await (const { mount } of labelsOf(store, name)) {
          if ((await holders.of(mount)).length > 0)
            throw new SecretboxError('in_use', `volume ${quote(name)} is in use by a container`)
        }
        if (options?.ephemeral === true) await destroyWithLastVolume(name, options.box)
        await permit.commit({}, [removeVolume(name)])
      }),

    get: name => getVolume(store, name),

    list: () => Array.fromAsync(volumeNames(store))
  }
}

async function requireBox(
  vault: Vault,
  caller: Caller,
  volume: VolumeName,
  box: BoxName,
  version: number | null
): Promise<void> {
  try {
    const summary = await vault.inspect(caller, box)
    if (version !== null && !summary.versions.some(known => known.version === version)) {
      throw new SecretboxError('not_found', `box ${quote(box)} has no version ${version}`)
    }
  } catch (error) {
    if (!isSecretboxError(error, 'not_found')) throw error
    throw new SecretboxError('not_found', `cannot create volume ${quote(volume)}: ${error.message}`, {
      hint: `create the box first (docker vault create ${box}), or set the option optional=true`
    })
  }
}
