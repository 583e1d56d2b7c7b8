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
import type { OpenedVersion } from '../vault/opened-version.ts'
import type { Vault } from '../vault/vault.ts'
import type { ProcessIdentity } from '../base/process-identity.ts'
import { bootId, devicesOf, recordedDevice } from '../volumes/device.ts'
import { hasEngineEnded } from './ended.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import type { Refusals } from './refusals.ts'
import type { CopyName, Release } from './release.ts'
import type { Uses } from './engine-calls.ts'
import { findCopyRow, getVolume, putCopyRecord, type CopyRecord, type Volume } from '../volumes/records.ts'

/** What the Engine's Mount and Unmount do. */
export interface Mounts {
  /**
   * Gives the mount ID its copy of the volume and returns the copy's path. One whose copy is held, or was asked for before by
   * the same process of the Engine, keeps it and has one use more. When it throws, nothing of the copy is left.
   */
  mount(
    caller: Caller,
    name: VolumeName,
    id: MountId,
    engineProcess?: ProcessIdentity | null
  ): Promise<string>
  /** Ends one use. With the last one the copy is wiped, unless the kernel says that something still holds it. */
  unmount(caller: Caller, name: VolumeName, id: MountId): Promise<void>
}

export interface MountsParts {
  readonly store: Store
  readonly vault: Vault
  readonly copies: Copies
  readonly holders: Holders
  readonly uses: Uses
  readonly locks: KeyedMutex
  readonly release: Release
  readonly refusals: Refusals
  readonly engine: Engine
  /** Whether the process that asks for a copy will see it; see `createPropagation`. */
  readonly isSeenBy: (engineProcess: ProcessIdentity) => boolean
  /** Called when it will not: nothing but a new start of this daemon makes that right. */
  readonly onUnseen: () => void
}

export function createMounts(parts: MountsParts): Mounts {
  const { store, vault, copies, holders, uses, locks, release, refusals, engine } = parts

  /** `twin`: the record of the copy that a container holds where it cannot be reached; then this shows the same version. */
  const make = async (
    caller: Caller,
    volume: Volume,
    { key, owner }: Owned,
    twin: CopyRecord | null
  ): Promise<void> => {
    const { options } = volume
    const fill = async (opened: OpenedVersion | null): Promise<Change[]> => {
      // A version that is younger than a copy of it is not the one: the box was destroyed, and this is another.
      if (twin !== null && opened !== null && opened.info.created > twin.created)
        throw anotherBox(options.box)
      const tree = opened && opened.part(options.path)
      const contents: CopyContents = opened && tree && { tree, read: entry => opened.read(entry) }
      const device = await copies.make(key, contents, options)
      FAULT: await reach('mount.recorded')
      // The record stays that of the copy which the container holds.
      if (twin !== null) return []
      return [putCopyRecord(newCopyRecord(volume, owner.mount, opened?.info.version ?? null, device))]
    }
    try {
      // A container has nothing of a box that has come since: its copy was made without one.
      if (twin !== null && twin.version === null) await fill(null)
      else {
        const purpose = options.optional ? 'mountIfThere' : 'mount'
        const resource = { box: options.box, volume: owner.volume, mount: owner.mount }
        await vault.open(caller, purpose, resource, twin?.version ?? options.version, fill)
      }
      FAULT: await reach('mount.done')
    } catch (error) {
      // The Engine sends no Unmount for a Mount that failed.
      await release(caller, { key, owner }, () => Promise.resolve(true))
      throw error
    }
  }

  const open = async (
    caller: Caller,
    volume: Volume,
    copy: Owned,
    engineProcess: ProcessIdentity | null
  ): Promise<string> => {
    const { key, owner } = copy
    if (engineProcess !== null && !parts.isSeenBy(engineProcess)) {
      parts.onUnseen()
      throw unseen()
    }
    const record = (await findCopyRow(store, owner.volume, owner.mount))?.record ?? null
    const device = copies.deviceOf(key)
    const recorded = recordedDevice(record)
    const devices = devicesOf(key, device, recorded)
    const sight = await holders.of(devices)
    // What cannot be seen may be there: then a copy is not another start's to replace.
    const isHeld = (on: number): boolean => sight.of({ key, device: on }).length > 0
    const mayBeHeld = devices.length > 0 && !sight.isComplete && !(await hasEngineEnded(engine, owner.volume))
    const isShared = device !== null && (uses.isRepeated(key, engineProcess) || isHeld(device) || mayBeHeld)
    if (isShared) {
      FAULT: await reach('mount.shared')
    } else {
      const isApart = recorded !== null && recorded !== device && (isHeld(recorded) || mayBeHeld)
      // Whoever a copy of this ID was made for is gone, and this is another start of the container.
      if (device !== null || record !== null) await release(caller, copy, () => Promise.resolve(!mayBeHeld))
      await make(caller, volume, copy, isApart ? record : null)
    }
    uses.begin(key, owner, engineProcess, isShared)
    refusals.forget(owner.volume)
    return copies.pathOf(key)
  }

  return {
    mount: (caller, name, mount, engineProcess = null) => {
      const copy = copyOf(name, mount)
      return locks.run(copy.key, async () => {
        FAULT: await reach('mount.begun')
        const volume = await getVolume(store, name)
        try {
          return await open(caller, volume, copy, engineProcess)
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

function newCopyRecord(
  { name, options }: Volume,
  mount: MountId,
  version: number | null,
  device: number
): CopyRecord {
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
