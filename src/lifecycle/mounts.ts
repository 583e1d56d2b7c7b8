import type { Copies } from '../copies/copies.ts'
import { copyKeyOf } from '../copies/copy-key.ts'
import type { Holders } from '../copies/holders.ts'
import type { CopyContents } from '../copies/send-tree.ts'
import type { Engine } from '../engine/engine.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import type { Change, Store } from '../store/store.ts'
import type { Caller } from '../vault/access/authority.ts'
import type { BoxName, MountId, VolumeName } from '../base/names.ts'
import type { OpenedVersion, Vault } from '../vault/vault.ts'
import type { Asker } from '../base/process-identity.ts'
import { bootId, recordedDevice } from '../volumes/device.ts'
import { hasEngineEnded } from './ended.ts'
import type { Locks } from '../base/keyed-mutex.ts'
import type { Refusals } from './refusals.ts'
import type { CopyName, Release } from './release.ts'
import type { Uses } from './engine-calls.ts'
import { findLabelRow, getVolume, putLabel, type CopyLabel, type Volume } from '../volumes/records.ts'

/** What the Engine's Mount and Unmount do. */
export interface Mounts {
  /**
   * Gives the mount ID its copy of the volume and returns the copy's path. One whose copy is held, or was asked for before by
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
  readonly engine: Engine
  /** Whether the process that asks for a copy will see it; see `createPropagation`. */
  readonly isSeenBy: (asker: Asker) => boolean
  /** Called when it will not: nothing but a new start of this daemon makes that right. */
  readonly onUnseen: () => void
}

export function createMounts(parts: MountsParts): Mounts {
  const { store, vault, copies, holders, uses, locks, release, refusals, engine } = parts

  /** `twin`: the label of the copy that a container holds where it cannot be reached; then this shows the same version. */
  const make = async (
    caller: Caller,
    volume: Volume,
    { key, owner }: Owned,
    twin: CopyLabel | null
  ): Promise<void> => {
    const { options } = volume
    const fill = async (opened: OpenedVersion | null): Promise<Change[]> => {
      // A version that is younger than a copy of it is not the one: the box was destroyed, and this is another.
      if (twin !== null && opened !== null && opened.info.created > twin.created)
        throw anotherBox(options.box)
      const tree = opened && opened.part(options.path)
      const contents: CopyContents = opened && tree && { tree, read: entry => opened.read(entry) }
      const device = await copies.make(key, contents, options)
      FAULT: await reach('mount.labelled')
      // The label stays that of the copy which the container holds.
      if (twin !== null) return []
      return [putLabel(newLabel(volume, owner.mount, opened?.info.version ?? null, device))]
    }
    try {
      // A container has nothing of a box that has come since: its copy was made without one.
      if (twin !== null && twin.version === null) await fill(null)
      else {
        await vault.openForMount(caller, options.box, twin?.version ?? options.version, {
          subject: { volume: owner.volume, mount: owner.mount },
          optional: options.optional,
          fill
        })
      }
      FAULT: await reach('mount.done')
    } catch (error) {
      // The Engine sends no Unmount for a Mount that failed.
      await release(caller, { key, owner }, () => Promise.resolve(true))
      throw error
    }
  }

  const open = async (caller: Caller, volume: Volume, copy: Owned, asker: Asker | null): Promise<string> => {
    const { key, owner } = copy
    if (asker !== null && !parts.isSeenBy(asker)) {
      parts.onUnseen()
      throw unseen()
    }
    const label = (await findLabelRow(store, owner.volume, owner.mount))?.label ?? null
    const device = copies.deviceOf(key)
    const recorded = recordedDevice(label)
    const devices = [...new Set([device, recorded])].filter(one => one !== null)
    const sight = await holders.of(devices.map(one => ({ key, device: one })))
    // What cannot be seen may be there: then a copy is not another start's to replace.
    const isHeld = (on: number): boolean => sight.of({ key, device: on }).length > 0
    const mayBeHeld = devices.length > 0 && !sight.isComplete && !(await hasEngineEnded(engine, owner.volume))
    const isShared = device !== null && (uses.isRepeated(key, asker) || isHeld(device) || mayBeHeld)
    if (isShared) {
      FAULT: await reach('mount.shared')
    } else {
      const isApart = recorded !== null && recorded !== device && (isHeld(recorded) || mayBeHeld)
      // Whoever a copy of this ID was made for is gone, and this is another start of the container.
      if (device !== null || label !== null) await release(caller, copy, () => Promise.resolve(!mayBeHeld))
      await make(caller, volume, copy, isApart ? label : null)
    }
    uses.begin(key, owner, asker, isShared)
    refusals.forget(owner.volume)
    return copies.pathOf(key)
  }

  return {
    mount: (caller, name, mount, asker = null) => {
      const copy = copyOf(name, mount)
      return locks.run(copy.key, async () => {
        FAULT: await reach('mount.begun')
        const volume = await getVolume(store, name)
        try {
          return await open(caller, volume, copy, asker)
        } catch (error) {
          throw refusals.refuse(name, error)
        }
      })
    },

    unmount: (caller, volume, mount) => {
      const copy = copyOf(volume, mount)
      return locks.run(copy.key, async () => {
        const { isLast, isCertain } = uses.end(copy.key, copy.owner)
        FAULT: await reach('unmount.begun')
        if (isLast) {
          await release(caller, copy, () =>
            isCertain ? Promise.resolve(true) : hasEngineEnded(engine, volume)
          )
        }
        FAULT: await reach('unmount.done')
      })
    }
  }
}

/** A copy of which it is known whose it is. */
interface Owned extends CopyName {
  readonly owner: NonNullable<CopyName['owner']>
}

function copyOf(volume: VolumeName, mount: MountId): Owned {
  return { key: copyKeyOf(volume, mount), owner: { volume, mount } }
}

function newLabel(
  { name, options }: Volume,
  mount: MountId,
  version: number | null,
  device: number
): CopyLabel {
  return {
    mount,
    volume: name,
    box: options.box,
    version,
    created: new Date().toISOString(),
    device: { number: device, boot: bootId() },
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
