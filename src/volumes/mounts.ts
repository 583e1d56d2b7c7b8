import type { Logger } from 'pino'
import { quote, SecretboxError } from '../errors.ts'
import { reach } from '../fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/authority.ts'
import type { Gate } from '../vault/gate.ts'
import type { MountId, VolumeName } from '../vault/names.ts'
import { subtree } from '../vault/tree.ts'
import type { Vault } from '../vault/vault.ts'
import { isSameAsker, type Asker } from './asker.ts'
import type { Copies, CopyContents } from './copies.ts'
import type { Holders } from './holders.ts'
import { createLocks, type Locks } from './locks.ts'
import { findLabel, getVolume, putLabel, removeLabel, type CopyLabel, type Volume } from './volume-records.ts'

/** One mount ID's uses by the Engine, as far as this process saw them. */
export interface Use {
  readonly volume: VolumeName
  /** Mounts less Unmounts. */
  count: number
  /** When the last Mount was answered, by `performance.now()`. */
  readonly since: number
  /** The Engine's process that asked for it last; null when it is not known. */
  readonly asker: Asker | null
}

/** Mount and Unmount. The kernel says who holds a copy; what is noted here only says what the Engine is about to do. */
export interface Mounts {
  /**
   * Gives the mount ID its copy and returns the copy's path. An ID whose copy is held, or was asked for before by
   * the same process of the Engine, keeps it and has one use more. When it throws, nothing of the copy is left.
   */
  mount(caller: Caller, name: VolumeName, id: MountId, asker?: Asker | null): Promise<string>
  /** Undoes a Mount whose reply reached nobody. */
  giveBack(caller: Caller, name: VolumeName, id: MountId): Promise<void>
  /** Ends one use. With the last one the copy is wiped, unless the kernel says that something still holds it. */
  unmount(caller: Caller, name: VolumeName, id: MountId): Promise<void>
  /** The uses that this process saw begin and not end; for reconciliation. */
  readonly uses: ReadonlyMap<MountId, Use>
  /** Copies that the Engine may have let go of though they are still there; they are looked at again until that is clear. */
  readonly leaving: Set<MountId>
  /** Says that a call of the Engine was lost, nobody knows which: every use may have ended. */
  mistrust(): void
  /** One lock per mount ID: whoever touches a copy holds its lock. */
  readonly locks: Locks
  /** Wipes a copy and forgets its label; the caller holds the lock and knows that nobody holds the copy. */
  retire(caller: Caller, volume: VolumeName | null, id: MountId): Promise<void>
  /** Removes the label of a copy that is no more, with an audit entry unless the vault is sealed. */
  forget(caller: Caller, volume: VolumeName, id: MountId): Promise<void>
}

export interface MountsParts {
  readonly store: Store
  readonly gate: Gate
  readonly vault: Vault
  readonly copies: Copies
  readonly holders: Holders
  /** Whether the process that asks for a copy will see it; see `createPropagation`. */
  readonly isSeenBy: (asker: Asker) => boolean
  /** Called when it will not: nothing but a new start of this daemon makes that right. */
  readonly onUnseen: () => void
  readonly log: Logger
}

export function createMounts(parts: MountsParts): Mounts {
  const { store, gate, vault, copies, holders, log } = parts
  const uses = new Map<MountId, Use>()
  const leaving = new Set<MountId>()
  const locks = createLocks()

  /** `held`: the label of the copy that a container has of this ID, out of our sight; then this is another of the same version. */
  const makeCopy = async (
    caller: Caller,
    volume: Volume,
    id: MountId,
    held: CopyLabel | null
  ): Promise<void> => {
    const { name, options } = volume
    try {
      const opened = await vault.openForMount(caller, options.box, held?.version ?? options.version, {
        subject: { volume: name, mount: id },
        optional: options.optional,
        label: info => (held === null ? [putLabel(newLabel(volume, id, info?.version ?? null))] : [])
      })
      try {
        FAULT: await reach('mount.labelled')
        const contents: CopyContents = opened && {
          tree: subtree(opened.tree, options.path),
          read: entry => opened.read(entry)
        }
        await copies.make(id, contents, options)
        FAULT: await reach('mount.done')
      } catch (error) {
        await copies.wipe(id)
        if (held === null) await removeQuietly(name, id)
        throw error
      } finally {
        opened?.wipe()
      }
    } catch (error) {
      throw mountFailed(name, error)
    }
  }

  const removeQuietly = async (volume: VolumeName, id: MountId): Promise<void> => {
    try {
      await store.commit([removeLabel(volume, id)])
    } catch (err) {
      log.warn({ err, volume, mount: id }, 'cannot remove the label of a copy')
    }
  }

  /** Ends the last use; true when the copy is gone. */
  const letGo = async (caller: Caller, volume: VolumeName, id: MountId): Promise<boolean> => {
    uses.delete(id)
    const device = copies.deviceOf(id)
    const label = await findLabel(store, volume, id)
    if (device === null && label === null) {
      await copies.wipe(id)
      return true
    }
    // A use that began before this process did, or another that the Engine does not count, may still be there.
    const held = await holders.of(id)
    if (held.some(holder => holder.device === device)) {
      log.info({ volume, mount: id }, 'copy is still held and stays')
      return false
    }
    if (held.length > 0) {
      log.info({ volume, mount: id }, 'copy is still held where it cannot be reached')
      await copies.wipe(id)
      return false
    }
    FAULT: await reach('unmount.judged')
    await mounts.retire(caller, volume, id)
    return true
  }

  const mounts: Mounts = {
    uses,
    leaving,
    locks,

    mount: (caller, name, id, asker = null) =>
      locks.run(id, async () => {
        FAULT: await reach('mount.begun')
        const volume = await getVolume(store, name)
        if (asker !== null && !parts.isSeenBy(asker)) {
          parts.onUnseen()
          throw mountFailed(name, unseen())
        }
        const label = await findLabel(store, name, id)
        const device = copies.deviceOf(id)
        const held = device === null && label === null ? [] : await holders.of(id)
        const use = uses.get(id)
        // Asked for again by the same process without an Unmount in between: the first reply was lost.
        const isAgain = use !== undefined && isSameAsker(use.asker, asker) && !leaving.has(id)
        const isShared = device !== null && (isAgain || held.some(holder => holder.device === device))
        if (!isShared) {
          // Whoever it was made for is gone, and this is another start of the container.
          if (held.length > 0) await copies.wipe(id)
          else if (device !== null) await mounts.retire(caller, name, id)
          await makeCopy(caller, volume, id, held.length > 0 ? label : null)
        }
        FAULT: if (isShared) await reach('mount.shared')
        const count = isShared ? (use?.count ?? 0) + 1 : 1
        uses.set(id, { volume: name, count, since: performance.now(), asker })
        leaving.delete(id)
        return copies.pathOf(id)
      }),

    giveBack: (caller, name, id) =>
      locks.run(id, async () => {
        const use = uses.get(id)
        if (use !== undefined && use.count > 1) use.count--
        else if (!(await letGo(caller, name, id))) leaving.add(id)
      }),

    unmount: (caller, name, id) =>
      locks.run(id, async () => {
        // Until it is clear that it did not, so that an Unmount that fails is made good for.
        leaving.add(id)
        FAULT: await reach('unmount.begun')
        const use = uses.get(id)
        if (use !== undefined && use.count > 1) use.count--
        else if (await letGo(caller, name, id)) leaving.delete(id)
        FAULT: await reach('unmount.done')
      }),

    mistrust() {
      for (const id of uses.keys()) leaving.add(id)
    },

    async retire(caller, volume, id) {
      uses.delete(id)
      try {
        await copies.wipe(id)
      } catch (error) {
        if (copies.deviceOf(id) !== null) throw error
        log.error({ err: error, mount: id }, 'copy is gone, but could not be overwritten')
      }
      leaving.delete(id)
      FAULT: await reach('unmount.wiped')
      if (volume !== null) await mounts.forget(caller, volume, id)
    },

    async forget(caller, volume, id) {
      try {
        await gate.run(caller, 'copy.wipe', { volume, mount: id }, permit =>
          permit.commit({}, [removeLabel(volume, id)])
        )
      } catch (err) {
        // The copy is gone; that this cannot be recorded must not keep the container's stop from succeeding.
        log.warn({ err, volume, mount: id }, 'cannot record that a copy was wiped')
        await removeQuietly(volume, id)
      }
    }
  }
  return mounts
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

function unseen(): SecretboxError {
  return new SecretboxError('unavailable', 'the Engine does not see what is mounted here', {
    hint: 'the plugin starts again now; try once more when it has'
  })
}

function mountFailed(volume: VolumeName, error: unknown): unknown {
  if (!(error instanceof SecretboxError)) return error
  return new SecretboxError(error.code, `cannot mount volume ${quote(volume)}: ${error.message}`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint })
  })
}
