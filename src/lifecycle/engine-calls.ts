import type { CopyKey } from '../copies/copy-key.ts'
import type { MountId, VolumeName } from '../base/names.ts'
import { isSameProcess, type ProcessIdentity } from '../base/process-identity.ts'

/** What the Engine has said about one copy. Never changed, always replaced: the same object means that nothing was said since. */
export interface Use {
  readonly volume: VolumeName
  readonly mount: MountId
  /** Mounts less Unmounts. */
  readonly count: number
  /** When the last Mount was answered, by `performance.now()`. */
  readonly since: number
  /** The Engine's process that asked for it last; null when it is not known. */
  readonly engineProcess: ProcessIdentity | null
  /** It may be over, though the copy is there: an Unmount left it, or a call of the Engine was lost. */
  readonly isDoubtful: boolean
}

/** How an Unmount leaves a use. */
export interface Ended {
  /** There is no use left, as far as this process heard. */
  readonly isLast: boolean
  /** And it heard of all: it has counted from the first Mount on, and no call was lost. */
  readonly isCertain: boolean
}

/**
 * What the Engine has said about copies, as far as this process heard it: what it is about to do, not what is. It is
 * the kernel that says whether a copy exists and who holds it.
 */
export interface Uses {
  of(key: CopyKey): Use | undefined
  /** Whether the Engine has asked for a copy of the volume and not let go of it. */
  hasCounted(volume: VolumeName): boolean
  /** True when the Mount of `engineProcess` repeats one whose reply was lost: it is there already, and no Unmount came. */
  isRepeated(key: CopyKey, engineProcess: ProcessIdentity | null): boolean
  /** A Mount was answered: with the copy that was there, or with a new one. */
  begin(
    key: CopyKey,
    of: { readonly volume: VolumeName; readonly mount: MountId },
    engineProcess: ProcessIdentity | null,
    isShared: boolean
  ): void
  /** An Unmount came. What it is about stays in doubt until `trust` or `forget`. */
  end(key: CopyKey, of: { readonly volume: VolumeName; readonly mount: MountId }): Ended
  /** A call was lost, nobody knows which: every use may have ended. */
  doubtAll(): void
  /** Takes the doubt away unless something was said since; whoever holds the copy will be heard of when it ends. */
  trust(key: CopyKey, known: Use): void
  /** The copy is gone. */
  forget(key: CopyKey): void
  /** Whether there is a doubtful use, or one that began after this moment of `performance.now()`. */
  areDoubtful(sinceMs: number): boolean
}

export function createUses(): Uses {
  const uses = new Map<CopyKey, Use>()
  return {
    of: key => uses.get(key),

    hasCounted: volume => [...uses.values()].some(use => use.volume === volume && use.count > 0),

    isRepeated(key, engineProcess) {
      const use = uses.get(key)
      return (
        use !== undefined &&
        use.count > 0 &&
        !use.isDoubtful &&
        isSameProcess(use.engineProcess, engineProcess)
      )
    },

    begin(key, { volume, mount }, engineProcess, isShared) {
      const count = isShared ? (uses.get(key)?.count ?? 0) + 1 : 1
      uses.set(key, { volume, mount, count, since: performance.now(), engineProcess, isDoubtful: false })
    },

    end(key, { volume, mount }) {
      const known = uses.get(key)
      const use = known ?? { volume, mount, count: 0, since: performance.now(), engineProcess: null }
      const count = Math.max(0, use.count - 1)
      uses.set(key, { ...use, count, isDoubtful: true })
      return { isLast: count === 0, isCertain: known?.count === 1 && !known.isDoubtful }
    },

    doubtAll() {
      for (const [key, use] of uses) uses.set(key, { ...use, isDoubtful: true })
    },

    trust(key, known) {
      if (uses.get(key) !== known) return
      if (known.count === 0) uses.delete(key)
      else uses.set(key, { ...known, isDoubtful: false })
    },

    forget: key => void uses.delete(key),

    areDoubtful: sinceMs => [...uses.values()].some(({ isDoubtful, since }) => isDoubtful || since > sinceMs)
  }
}
