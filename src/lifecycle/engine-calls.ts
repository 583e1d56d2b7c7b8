import type { CopyKey } from '../copies/copy-key.ts'
import type { MountId, VolumeName } from '../base/names.ts'
import type { Clock } from '../base/clock.ts'
import type { ProcessIdentity } from '../base/process-identity.ts'

/** What the Engine has said about one copy. Never changed, always replaced: the same object means that nothing was said since. */
export interface Use {
  readonly volume: VolumeName
  readonly mount: MountId
  /** Mounts less Unmounts. */
  readonly count: number
  /** When the last Mount was answered, by the clock that passes. */
  readonly sinceMs: number
  /** The Engine's process that asked for it last; null when it is not known. */
  readonly engineProcess: ProcessIdentity | null
  /** It may be over, though the copy is there: an Unmount left it, or a call of the Engine was lost. */
  readonly isDoubtful: boolean
}

/**
 * What the Engine has said about copies, as far as this process heard it: what it is about to do, not what is. It is
 * the kernel that says whether a copy exists and who holds it.
 */
export interface Uses {
  of(key: CopyKey): Use | undefined
  /** Whether the Engine has asked for a copy of the volume and not let go of it. */
  hasCounted(volume: VolumeName): boolean
  /** A Mount was answered: with the copy that was there, or with a new one. */
  begin(
    key: CopyKey,
    of: { readonly volume: VolumeName; readonly mount: MountId },
    engineProcess: ProcessIdentity | null,
    isShared: boolean
  ): void
  /** An Unmount came. What it is about stays in doubt until `trust` or `forget`. Gives the use as it was before. */
  end(key: CopyKey, of: { readonly volume: VolumeName; readonly mount: MountId }): Use | undefined
  /** A call was lost, nobody knows which: every use may have ended. */
  doubtAll(): void
  /** Takes the doubt away unless something was said since; whoever holds the copy will be heard of when it ends. */
  trust(key: CopyKey, known: Use): void
  /** The copy is gone. */
  forget(key: CopyKey): void
  /** When a copy of the volume was last gone (milliseconds since 1970), if that is less than a minute ago; else null. */
  lastForgotten(volume: VolumeName): number | null
  /** Whether there is a doubtful use, or one that began after this moment. */
  areDoubtful(afterMs: number): boolean
}

/** Longer than an event is on its way. */
const rememberedMs = 60_000

export function createUses(clock: Pick<Clock, 'nowMs' | 'dateMs'>): Uses {
  const uses = new Map<CopyKey, Use>()
  const forgotten = new Map<VolumeName, number>()
  return {
    of: key => uses.get(key),

    hasCounted: volume => [...uses.values()].some(use => use.volume === volume && use.count > 0),

    begin(key, { volume, mount }, engineProcess, isShared) {
      const count = isShared ? (uses.get(key)?.count ?? 0) + 1 : 1
      const sinceMs = clock.nowMs()
      uses.set(key, { volume, mount, count, sinceMs, engineProcess, isDoubtful: false })
    },

    end(key, { volume, mount }) {
      const known = uses.get(key)
      const unknown = { volume, mount, count: 0, sinceMs: clock.nowMs(), engineProcess: null }
      const use = known ?? unknown
      uses.set(key, { ...use, count: Math.max(0, use.count - 1), isDoubtful: true })
      return known
    },

    doubtAll() {
      for (const [key, use] of uses) uses.set(key, { ...use, isDoubtful: true })
    },

    trust(key, known) {
      if (uses.get(key) !== known) return
      if (known.count === 0) uses.delete(key)
      else uses.set(key, { ...known, isDoubtful: false })
    },

    forget(key) {
      const volume = uses.get(key)?.volume
      uses.delete(key)
      if (volume === undefined) return
      const now = clock.dateMs()
      forgotten.delete(volume)
      forgotten.set(volume, now)
      // Oldest first.
      for (const [each, at] of forgotten) {
        if (now - at <= rememberedMs) break
        forgotten.delete(each)
      }
    },

    lastForgotten: volume => forgotten.get(volume) ?? null,

    areDoubtful: afterMs =>
      [...uses.values()].some(({ isDoubtful, sinceMs }) => isDoubtful || sinceMs > afterMs)
  }
}
