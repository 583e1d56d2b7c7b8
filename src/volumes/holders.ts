import { basename } from 'node:path'
import type { MountId } from '../vault/names.ts'
import { sharingRuns } from './sharing-runs.ts'
import { allMountViews, mountSourceOf, type MountEntry, type MountView } from './mount-table.ts'

/** A process through which a copy is held, and the container it belongs to, when its mounts tell. */
export interface Holder {
  readonly pid: number
  readonly device: string
  /** 64 hex digits, or null for a process of no container. */
  readonly containerId: string | null
}

/** Who holds which copies, as the kernel says it. */
export interface Holders {
  /** Those that hold a copy of this mount ID now, in any mount namespace. */
  of(id: MountId): Promise<readonly Holder[]>
  /** The same for all copies, by mount ID. */
  all(): Promise<ReadonlyMap<string, Holder[]>>
}

/** Reads the mount tables of all processes; concurrent questions share a reading that is younger than each of them. */
export function createHolders(readViews: () => Promise<MountView[]> = allMountViews): Holders {
  const all = sharingRuns(async () => holdersIn(await readViews()))
  return {
    all,
    of: async id => (await all()).get(id) ?? []
  }
}

/** The copies in mount tables. A mount whose directory is named after the copy is where it was made, or an image of that: no use. */
export function holdersIn(views: readonly MountView[]): ReadonlyMap<string, Holder[]> {
  const holders = new Map<string, Holder[]>()
  const prefix = mountSourceOf('' as MountId)
  for (const { pid, mounts } of views) {
    for (const { source, target, device } of mounts) {
      if (!source.startsWith(prefix)) continue
      const id = source.slice(prefix.length)
      if (basename(target) === id) continue
      const holder = { pid, device, containerId: containerIn(mounts) }
      holders.set(id, [...(holders.get(id) ?? []), holder])
    }
  }
  return holders
}

/** Docker binds `<data root>/containers/<id>/hosts` and its like into every container. */
function containerIn(mounts: readonly MountEntry[]): string | null {
  for (const { root } of mounts) {
    const match = /\/containers\/([0-9a-f]{64})\/(?:hosts|hostname|resolv\.conf)$/.exec(root)
    if (match?.[1] !== undefined) return match[1]
  }
  return null
}
