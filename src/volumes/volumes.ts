import type { Copies } from '../copies/copies.ts'
import { copyKeyOf, type CopyKey } from '../copies/copy-key.ts'
import type { Holders } from '../copies/holders.ts'
import { isSecretboxError, quote, SecretboxError } from '../base/errors.ts'
import type { Caller } from '../vault/access/authority.ts'
import { noSuchVersion } from '../vault/boxes/version-records.ts'
import type { Store } from '../store/store.ts'
import type { Gate } from '../vault/action/gate.ts'
import type { BoxName, VolumeName } from '../base/names.ts'
import { shellOperand } from '../base/shell-word.ts'
import type { Vault } from '../vault/vault.ts'
import { recordedDevice } from './device.ts'
import { parseVolumeOptions, sameOptions } from './options.ts'
import {
  findVolumeRow,
  getVolumeRow,
  copyRows,
  putVolume,
  removeVolume,
  unreadable,
  volumeRows,
  volumesOf,
  type Volume,
  type VolumeRow
} from './records.ts'

/** The error of a volume that cannot be removed yet. */
export function volumeInUse(name: VolumeName): SecretboxError {
  return new SecretboxError('in_use', `volume ${quote(name)} is in use by a container`)
}

/** A volume that exists, as far as it can be told of. */
export interface KnownVolume {
  readonly name: VolumeName
  /** Null when its record is damaged. */
  readonly volume: Volume | null
  /** Why less can be said than is so; null when that is not the case. */
  readonly trouble: string | null
}

/** What the VolumeDriver calls about volumes mean. */
export interface Volumes {
  /** Throws `invalid` (name, options), `not_found` (box, unless optional), `exists` (same name, other options), `sealed`. */
  create(caller: Caller, name: VolumeName, options: Readonly<Record<string, string>>): Promise<void>
  /** An ephemeral box goes with the last volume that shows it. Throws `not_found`, `in_use` while a container holds a copy, `sealed`. */
  remove(caller: Caller, name: VolumeName): Promise<void>
  /**
   * Answers in every state of vault, box and store (Engine fact 3: an error of Get reads as "no such volume"). Throws
   * `not_found`, and what the store throws about a volume that it never told of since this process began.
   */
  get(name: VolumeName): Promise<KnownVolume>
  list(): Promise<KnownVolume[]>
}

export interface VolumesParts {
  readonly store: Store
  readonly gate: Gate
  readonly vault: Vault
  readonly holders: Holders
  readonly copies: Pick<Copies, 'deviceOf'>
  /** Whether the Engine has asked for a copy of a volume and not let go of it. */
  readonly uses: { hasCounted(volume: VolumeName): boolean }
}

/** The volumes over a store. */
export function createVolumes(parts: VolumesParts): Volumes {
  const { store, gate, vault } = parts
  /** What the store told last of each volume, for when it tells nothing any more. */
  const told = new Map<VolumeName, KnownVolume>()

  const tell = ({ name, volume }: VolumeRow): KnownVolume => {
    const known = { name, volume, trouble: volume === null ? unreadable(name).message : null }
    told.set(name, known)
    return known
  }

  return {
    async create(caller, name, given) {
      const options = parseVolumeOptions(name, given)
      await gate.run(caller, 'volume.create', { volume: name, box: options.box }, async permit => {
        const present = await findVolumeRow(store, name)
        if (present !== null) {
          if (present.volume !== null && sameOptions(present.volume.options, options)) return
          throw new SecretboxError('exists', `volume ${quote(name)} exists already with other options`, {
            hint: 'remove it first, or use another name'
          })
        }
        if (!options.optional) await requireBox(vault, caller, name, options.box, options.version)
        await permit.commit({}, [putVolume({ name, options, created: new Date().toISOString() })])
      })
    },

    async remove(caller, name) {
      await gate.run(caller, 'volume.remove', { volume: name }, async permit => {
        const { volume } = await getVolumeRow(store, name)
        if (await isInUse(parts, name)) throw volumeInUse(name)
        if (volume?.options.ephemeral === true) await destroyWithLastVolume(parts, name, volume.options.box)
        await permit.commit({}, [removeVolume(name)])
      })
      told.delete(name)
    },

    async get(name) {
      try {
        return tell(await getVolumeRow(store, name))
      } catch (error) {
        const known = told.get(name)
        if (known === undefined || !isSecretboxError(error) || error.code === 'not_found') throw error
        return { ...known, trouble: error.message }
      }
    },

    async list() {
      try {
        return (await Array.fromAsync(volumeRows(store))).map(tell)
      } catch (error) {
        if (!isSecretboxError(error)) throw error
        return [...told.values()].map(known => ({ ...known, trouble: error.message }))
      }
    }
  }
}

/** Before the volume's own end: if that fails, the Engine asks again, and the box is not forgotten. */
async function destroyWithLastVolume(
  { store, vault }: VolumesParts,
  volume: VolumeName,
  box: BoxName
): Promise<void> {
  const { volumes, isAll } = await volumesOf(store, box)
  if (!isAll || volumes.some(other => other.name !== volume)) return
  try {
    await vault.destroy({ kind: 'daemon' }, box, null)
  } catch (error) {
    if (!isSecretboxError(error, 'not_found')) throw error
  }
}

/** A copy of it is counted, or mounted, or held where it cannot be reached any more. */
async function isInUse({ store, copies, holders, uses }: VolumesParts, name: VolumeName): Promise<boolean> {
  if (uses.hasCounted(name)) return true
  const apart: { key: CopyKey; device: number }[] = []
  for await (const { mount, record } of copyRows(store, name)) {
    const key = copyKeyOf(name, mount)
    if (copies.deviceOf(key) !== null) return true
    const device = recordedDevice(record)
    if (device !== null) apart.push({ key, device })
  }
  const sight = await holders.of(apart)
  // What cannot be seen may be there.
  return apart.length > 0 && (!sight.isComplete || apart.some(one => sight.of(one).length > 0))
}

/** Throws `not_found` for a box that is missing, or has no such version. */
async function requireBox(
  vault: Vault,
  caller: Caller,
  volume: VolumeName,
  box: BoxName,
  version: number | null
): Promise<void> {
  const cannot = (error: SecretboxError, hint: string | undefined): SecretboxError =>
    new SecretboxError(
      error.code,
      `cannot create volume ${quote(volume)}: ${error.message}`,
      hint === undefined ? {} : { hint }
    )
  const { versions } = await vault.inspect(caller, box).catch((error: unknown) => {
    if (!isSecretboxError(error, 'not_found')) throw error
    throw cannot(
      error,
      `create the box first (docker vault create ${shellOperand(box)}), or set the option optional=true`
    )
  })
  if (version === null || versions.some(known => known.version === version)) return
  const missing = noSuchVersion(box, version, versions)
  throw cannot(missing, missing.hint)
}
