import { basename, join } from 'node:path/posix'
import type { Copies } from '../copies/copies.ts'
import { copyKeyOf } from '../copies/copy-key.ts'
import type { Engine } from '../engine/engine.ts'
import { SecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import type { MountId, VolumeName } from '../base/names.ts'
import type { ProcessIdentity } from '../base/process-identity.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/access/authority.ts'
import { findCopyRow, getVolume, type Volume } from '../volumes/records.ts'
import { decideMount, decideUnmount } from './decide.ts'
import type { Uses } from './engine-calls.ts'
import { wordOfEngine } from './engine-word.ts'
import type { Observe } from './facts.ts'
import { createMakeCopy, type MakeCopyParts, type OwnedCopy } from './make-copy.ts'
import type { Refusals } from './refusals.ts'
import type { Release } from './release.ts'
import { settle } from './settle.ts'

/** What the Engine's Mount and Unmount do. */
export interface Mounts {
  /**
   * Gives the mount ID its copy of the volume and returns the path of what the volume shows. One whose copy is held, or was asked for before by
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

export interface MountsParts extends MakeCopyParts {
  readonly store: Store
  readonly copies: Copies
  readonly observe: Observe
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
  const { store, copies, observe, uses, locks, release, refusals, engine } = parts
  const make = createMakeCopy(parts)

  const open = async (
    caller: Caller,
    volume: Volume,
    copy: OwnedCopy,
    engineProcess: ProcessIdentity | null
  ): Promise<string> => {
    const { key, owner } = copy
    if (engineProcess !== null && !parts.isSeenBy(engineProcess)) {
      parts.onUnseen()
      throw unseen()
    }
    const known = observe.one(copy, await findCopyRow(store, owner.volume, owner.mount))
    const { decision } = await settle(
      known,
      facts => decideMount(facts, engineProcess),
      observe,
      wordOfEngine(engine)
    )
    if (decision.do === 'share') {
      if (volume.options.api) await parts.sockets.open(copy)
      FAULT: await reach('mount.shared')
    } else {
      const isGone = decision.releases === null || (await release(caller, copy, decision.releases.hasEnded))
      if (!isGone && copies.deviceOf(key) !== null) throw stillThere()
      await make(caller, volume, copy, decision.twinOf)
    }
    uses.begin(key, owner, engineProcess, decision.do === 'share')
    refusals.forget(owner.volume)
    return placeShown(copies.pathOf(key), volume.options)
  }

  return {
    mount: (caller, name, mount, engineProcess = null) => {
      const copy = copyOf(name, mount)
      return locks.run(copy.key, async () => {
        const begunMs = refusals.nowMs()
        FAULT: await reach('mount.begun')
        const volume = await getVolume(store, name)
        try {
          return await open(caller, volume, copy, engineProcess)
        } catch (error) {
          throw refusals.refuse(name, error, begunMs)
        }
      })
    },

    unmount: (caller, volume, mount) => {
      const copy = copyOf(volume, mount)
      return locks.run(copy.key, async () => {
        const decision = decideUnmount(uses.end(copy.key, copy.owner))
        FAULT: await reach('unmount.begun')
        if (decision.do === 'release') await release(caller, copy, decision.hasEnded)
        FAULT: await reach('unmount.done')
      })
    }
  }
}

/** A bind of a file needs no directory: the Engine mounts whatever the path that it is given leads to (Engine fact 20). */
function placeShown(contents: string, { file, path }: Volume['options']): string {
  return file ? join(contents, basename(path)) : contents
}

function copyOf(volume: VolumeName, mount: MountId): OwnedCopy {
  return { key: copyKeyOf(volume, mount), owner: { volume, mount } }
}

function stillThere(): SecretboxError {
  return new SecretboxError('unavailable', 'the copy of an earlier start is still in use', {
    hint: 'it is overwritten within a minute; try again then'
  })
}

function unseen(): SecretboxError {
  return new SecretboxError('unavailable', 'the Engine does not see what is mounted here', {
    hint: 'the plugin starts again now; try once more when it has'
  })
}
