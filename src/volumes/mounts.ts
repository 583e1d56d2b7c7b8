import { quote, SecretboxError } from '../errors.ts'
import { reach } from '../fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/authority.ts'
import type { BoxName, MountId, VolumeName } from '../vault/names.ts'
import type { OpenedVersion, Vault } from '../vault/vault.ts'
import type { Asker } from './asker.ts'
import type { Copies, CopyContents } from './copies.ts'
import type { Holders } from './holders.ts'
import type { Locks } from './locks.ts'
import type { Refusals } from './refusals.ts'
import type { Release } from './release.ts'
import type { Uses } from './uses.ts'
import { findLabelRow, getVolume, putLabel, type CopyLabel, type Volume } from './volume-records.ts'

/** What the Engine's Mount and Unmount do. */
export interface Mounts {
  /**
   * Gives the mount ID its copy and returns the copy's path. An ID whose copy is held, or was asked for before by
   * the same process of the Engine, keeps it and has one use more. When it throws, nothing of the copy is left.
   */
  mount(caller: Caller, name: VolumeName, id: MountId, asker?: Asker | null): Promise<string>
  /** Ends one use. With the last one the copy is wiped, unless the kernel says that something still holds it. */
  unmount(caller: Caller, name: VolumeName, id: MountId): Promise<void>
}

export interface MountsParts {
  readonly store: Store
  readonly vault: Vault
  readonly copies: Copies
  readonly holders: Holders
  readonly uses: Uses
  readonly locks: Locks
  readonly release: Release
  readonly refusals: Refusals
  /** Whether the process that asks for a copy will see it; see `createPropagation`. */
  readonly isSeenBy: (asker: Asker) => boolean
  /** Called when it will not: nothing but a new start of this daemon makes that right. */
  readonly onUnseen: () => void
}

export function createMounts(parts: MountsParts): Mounts {
  const { store, vault, copies, holders, uses, locks, release, refusals } = parts

  /** `twin`: the label of the copy that a container holds where it cannot be reached; then this shows the same version. */
  const open = async (
    caller: Caller,
    volume: Volume,
    id: MountId,
    twin: CopyLabel | null
  ): Promise<OpenedVersion | null> => {
    const { name, options } = volume
    // A container has nothing of a box that has come since: its copy was made without one.
    if (twin !== null && twin.version === null) return null
    const opened = await vault.openForMount(caller, options.box, twin?.version ?? options.version, {
      subject: { volume: name, mount: id },
      optional: options.optional,
      label: info => (twin === null ? [putLabel(newLabel(volume, id, info?.version ?? null))] : [])
    })
    // A version that is younger than a copy of it is not the one: the box was destroyed, and this is another.
    if (twin !== null && opened !== null && opened.info.created > twin.created) {
      opened.wipe()
      throw anotherBox(options.box)
    }
    return opened
  }

  const make = async (caller: Caller, volume: Volume, id: MountId, twin: CopyLabel | null): Promise<void> => {
    const opened = await open(caller, volume, id, twin)
    try {
      FAULT: await reach('mount.labelled')
      const contents: CopyContents = opened && {
        tree: opened.part(volume.options.path),
        read: entry => opened.read(entry)
      }
      await copies.make(id, contents, volume.options)
      FAULT: await reach('mount.done')
    } catch (error) {
      // The Engine sends no Unmount for a Mount that failed.
      await release(caller, volume.name, id)
      throw error
    } finally {
      opened?.wipe()
    }
  }

  return {
    mount: (caller, name, id, asker = null) =>
      locks.run(id, async () => {
        FAULT: await reach('mount.begun')
        const volume = await getVolume(store, name)
        try {
          if (asker !== null && !parts.isSeenBy(asker)) {
            parts.onUnseen()
            throw unseen()
          }
          const row = await findLabelRow(store, name, id)
          const device = copies.deviceOf(id)
          const held = device === null && row === null ? [] : await holders.of(id)
          const isShared =
            device !== null && (uses.isRepeated(id, asker) || held.some(holder => holder.device === device))
          if (isShared) {
            FAULT: await reach('mount.shared')
          } else {
            // Whoever a copy of this ID was made for is gone, and this is another start of the container.
            if (device !== null || row !== null) await release(caller, name, id)
            await make(caller, volume, id, held.length > 0 ? (row?.label ?? null) : null)
          }
          uses.begin(id, name, asker, isShared)
          refusals.forget(name)
          return copies.pathOf(id)
        } catch (error) {
          throw refusals.refuse(name, error)
        }
      }),

    unmount: (caller, name, id) =>
      locks.run(id, async () => {
        const isLast = uses.end(id, name)
        FAULT: await reach('unmount.begun')
        if (isLast) await release(caller, name, id)
        FAULT: await reach('unmount.done')
      })
  }
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

function anotherBox(box: BoxName): SecretboxError {
  return new SecretboxError('not_found', `box ${quote(box)} is another than the one that the container has`, {
    hint: 'restart the container to give it this one'
  })
}

function unseen(): SecretboxError {
  return new SecretboxError('unavailable', 'the Engine does not see what is mounted here', {
    hint: 'the plugin starts again now; try once more when it has'
  })
}
