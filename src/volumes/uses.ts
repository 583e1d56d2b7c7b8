import type { MountId, VolumeName } from '../vault/names.ts'
import { isSameAsker, type Asker } from './asker.ts'

/** What the Engine has said about one mount ID. Never changed, always replaced: the same object means that nothing was said since. */
export interface Use {
  readonly volume: VolumeName
  /** Mounts less Unmounts. */
  readonly count: number
  /** When the last Mount was answered, by `performance.now()`. */
  readonly since: number
  /** The Engine's process that asked for it last; null when it is not known. */
  readonly asker: Asker | null
  /** It may be over, though the copy is there: an Unmount left it, or a call of the Engine was lost. */
  readonly isDoubtful: boolean
}

/**
 * What the Engine has said about copies, as far as this process heard it: what it is about to do, not what is. It is
 * the kernel that says whether a copy exists and who holds it.
 */
export interface Uses {
  of(id: MountId): Use | undefined
  /** True when the Mount of `asker` repeats one whose reply was lost: it is there already, and no Unmount came. */
  isRepeated(id: MountId, asker: Asker | null): boolean
  /** A Mount was answered: with the copy that was there, or with a new one. */
  begin(id: MountId, volume: VolumeName, asker: Asker | null, isShared: boolean): void
  /** An Unmount came; true when it was the last use. What it is about stays in doubt until `trust` or `forget`. */
  end(id: MountId, volume: VolumeName): boolean
  /** A call was lost, nobody knows which: every use may have ended. */
  doubtAll(): void
  /** Takes the doubt away unless something was said since; whoever holds the copy will be heard of when it ends. */
  trust(id: MountId, known: Use): void
  /** The copy is gone. */
  forget(id: MountId): void
  /** Whether there is a doubtful use, or one that began after this moment of `performance.now()`. */
  callForALook(sinceMs: number): boolean
}

export function createUses(): Uses {
  const uses = new Map<MountId, Use>()
  return {
    of: id => uses.get(id),

    isRepeated(id, asker) {
      const use = uses.get(id)
      return use !== undefined && use.count > 0 && !use.isDoubtful && isSameAsker(use.asker, asker)
    },

    begin(id, volume, asker, isShared) {
      const count = isShared ? (uses.get(id)?.count ?? 0) + 1 : 1
      uses.set(id, { volume, count, since: performance.now(), asker, isDoubtful: false })
    },

    end(id, volume) {
      const use = uses.get(id) ?? { volume, count: 0, since: performance.now(), asker: null }
      const count = Math.max(0, use.count - 1)
      uses.set(id, { ...use, count, isDoubtful: true })
      return count === 0
    },

    doubtAll() {
      for (const [id, use] of uses) uses.set(id, { ...use, isDoubtful: true })
    },

    trust(id, known) {
      if (uses.get(id) !== known) return
      if (known.count === 0) uses.delete(id)
      else uses.set(id, { ...known, isDoubtful: false })
    },

    forget: id => void uses.delete(id),

    callForALook: sinceMs => [...uses.values()].some(({ isDoubtful, since }) => isDoubtful || since > sinceMs)
  }
}
