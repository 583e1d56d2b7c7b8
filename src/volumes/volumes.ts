import type { Logger } from 'pino'
import { isSecretboxError, quote, SecretboxError } from '../errors.ts'
import { reach } from '../fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/authority.ts'
import type { Gate } from '../vault/gate.ts'
import type { BoxName, MountId, VolumeName } from '../vault/names.ts'
import { subtree } from '../vault/tree.ts'
import type { Vault } from '../vault/vault.ts'
import type { Copies, CopyContents } from './copies.ts'
import type { Holders } from './holders.ts'
import { createLocks, type Locks } from './locks.ts'
import { parseVolumeOptions, sameOptions } from './options.ts'
import {
  allVolumes,
  findVolume,
  getVolume,
  labelsOf,
  putLabel,
  putVolume,
  removeLabel,
  removeVolume,
  type CopyLabel,
  type Volume
} from './volume-records.ts'

/** One mount ID's uses by the Engine, as far as this process saw them. */
export interface Use {
  readonly volume: VolumeName
  /** Mounts less Unmounts. */
  count: number
  /** When the last Mount was answered, by `performance.now()`. */
  since: number
}

/** What the VolumeDriver calls mean. */
export interface Volumes {
  /** Throws `invalid` (name, options), `not_found` (box, unless optional), `exists` (same name, other options), `sealed`. */
  create(caller: Caller, name: VolumeName, options: Readonly<Record<string, string>>): Promise<void>
  /** An ephemeral box goes with the last volume that shows it. Throws `not_found`, `in_use` while a container holds a copy, `sealed`. */
  remove(caller: Caller, name: VolumeName): Promise<void>
  /** Answers in every state of vault and box (Engine fact: an error of Get reads as "no such volume"). Throws `not_found`. */
  get(name: VolumeName): Promise<Volume>
  list(): Promise<Volume[]>
  /**
   * Gives the mount ID its copy and returns the copy's path. A mount ID that is in use already keeps its copy
   * and has one use more. When it throws, nothing of the copy is left.
   */
  mount(caller: Caller, name: VolumeName, id: MountId): Promise<string>
  /** Ends one use. With the last one the copy is wiped, unless the kernel says that something still holds it. */
  unmount(caller: Caller, name: VolumeName, id: MountId): Promise<void>
  /** The uses that this process saw begin and not end; for reconciliation. */
  readonly uses: ReadonlyMap<MountId, Use>
  /** Copies that the Engine let go of while something still held them; they are looked at again until they are free. */
  readonly leaving: Set<MountId>
  /** One lock per mount ID: whoever touches a copy holds its lock. */
  readonly locks: Locks
  /** Wipes a copy and removes its label, with an audit entry; the caller holds the lock and knows that nobody holds the copy. */
  retire(caller: Caller, volume: VolumeName | null, id: MountId): Promise<void>
}

export interface VolumesParts {
  readonly store: Store
  readonly gate: Gate
  readonly vault: Vault
  readonly copies: Copies
  readonly holders: Holders
  readonly log: Logger
}

export function createVolumes(parts: VolumesParts): Volumes {
  const { store, gate, vault, copies, holders, log } = parts
  const uses = new Map<MountId, Use>()
  const leaving = new Set<MountId>()
  const locks = createLocks()

  const makeCopy = async (caller: Caller, volume: Volume, id: MountId): Promise<void> => {
    const { name, options } = volume
    try {
      const opened = await vault.openForMount(caller, options.box, options.version, {
        subject: { volume: name, mount: id },
        optional: options.optional,
        label: info => [putLabel(newLabel(volume, id, info?.version ?? null))]
      })
      try {
        FAULT: await reach('mount.labelled')
        const contents: CopyContents = opened && {
          tree: subtree(opened.tree, options.path),
          read: entry => opened.read(entry)
        }
        await copies.make(id, contents, options)
      } catch (error) {
        await forgetLabel(name, id)
        throw error
      } finally {
        opened?.wipe()
      }
    } catch (error) {
      throw mountFailed(name, error)
    }
  }

  const forgetLabel = async (volume: VolumeName, id: MountId): Promise<void> => {
    try {
      await store.commit([removeLabel(volume, id)])
    } catch (err) {
      log.warn({ err, volume, mount: id }, 'cannot remove the label of a copy')
    }
  }

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

  const volumes: Volumes = {
    uses,
    leaving,
    locks,

    async create(caller, name, given) {
      const options = parseVolumeOptions(name, given)
      const permit = await gate.allow(caller, 'volume.create', { volume: name, box: options.box })
      const present = await findVolume(store, name)
      if (present !== null) {
        if (sameOptions(present.options, options)) return
        throw new SecretboxError('exists', `volume ${quote(name)} exists already with other options`, {
          hint: 'remove it first, or use another name'
        })
      }
      if (!options.optional) await requireBox(vault, caller, name, options.box, options.version)
      await permit.commit({}, [putVolume({ name, options, created: new Date().toISOString() })])
    },

    async remove(caller, name) {
      const permit = await gate.allow(caller, 'volume.remove', { volume: name })
      const { options } = await getVolume(store, name)
      for await (const { mount } of labelsOf(store, name)) {
        const held = await holders.of(mount, copies.deviceOf(mount))
        if (held.length > 0)
          throw new SecretboxError('in_use', `volume ${quote(name)} is in use by a container`)
      }
      if (options.ephemeral) await destroyWithLastVolume(name, options.box)
      await permit.commit({}, [removeVolume(name)])
    },

    get: name => getVolume(store, name),

    list: () => Array.fromAsync(allVolumes(store)),

    mount: (caller, name, id) =>
      locks.run(id, async () => {
        FAULT: await reach('mount.begun')
        const volume = await getVolume(store, name)
        const device = copies.deviceOf(id)
        const use = uses.get(id)
        const alive = device !== null && (use !== undefined || (await holders.of(id, device)).length > 0)
        if (!alive) {
          if (device !== null) await volumes.retire(caller, name, id)
          await makeCopy(caller, volume, id)
        }
        uses.set(id, { volume: name, count: (alive ? (use?.count ?? 0) : 0) + 1, since: performance.now() })
        FAULT: await reach('mount.done')
        return copies.pathOf(id)
      }),

    unmount: (caller, name, id) =>
      locks.run(id, async () => {
        FAULT: await reach('unmount.begun')
        const use = uses.get(id)
        if (use !== undefined && use.count > 1) {
          use.count--
          leaving.add(id)
          return
        }
        uses.delete(id)
        const device = copies.deviceOf(id)
        // A use that began before this process did, or another that the Engine does not count, may still be there.
        if (device !== null && (await holders.of(id, device)).length > 0) {
          log.info({ volume: name, mount: id }, 'copy is still held and stays')
          leaving.add(id)
          return
        }
        FAULT: await reach('unmount.judged')
        await volumes.retire(caller, name, id)
        FAULT: await reach('unmount.done')
      }),

    async retire(caller, volume, id) {
      uses.delete(id)
      leaving.delete(id)
      try {
        await copies.wipe(id)
      } catch (error) {
        if (copies.deviceOf(id) !== null) throw error
        log.error({ err: error, mount: id }, 'copy is gone, but could not be overwritten')
      }
      FAULT: await reach('unmount.wiped')
      if (volume === null) return
      try {
        const permit = await gate.allow(caller, 'copy.wipe', { volume, mount: id })
        await permit.commit({}, [removeLabel(volume, id)])
      } catch (err) {
        // The copy is gone; that the record of it failed must not keep the container's stop from succeeding.
        log.warn({ err, volume, mount: id }, 'cannot record that a copy was wiped')
      }
    }
  }
  return volumes
}

function newLabel({ name, options }: Volume, mount: MountId, version: number | null): CopyLabel {
  return {
    mount,
    volume: name,
    box: options.box,
    version,
    created: new Date().toISOString(),
    container: null
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

function mountFailed(volume: VolumeName, error: unknown): unknown {
  if (!(error instanceof SecretboxError)) return error
  return new SecretboxError(error.code, `cannot mount volume ${quote(volume)}: ${error.message}`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint })
  })
}
