import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import { copyKeyOf, type CopyKey } from '../copies/copy-key.ts'
import type { Holder, Holders } from '../copies/holders.ts'
import type { Store } from '../store/store.ts'
import type { MountId, VolumeName } from '../base/names.ts'
import { devicesOf, recordedDevice } from '../volumes/device.ts'
import { copyRows, type CopyRecord, type CopyRow } from '../volumes/records.ts'
import type { Use, Uses } from './engine-calls.ts'

/** A copy, by its directory, and whose it is as far as that is known: without a record nothing but its use tells. */
export interface CopyName {
  readonly key: CopyKey
  readonly owner: { readonly volume: VolumeName; readonly mount: MountId } | null
}

/** What the kernel says of a copy: who shows its file systems where they were not made. */
export interface Look {
  /** Who holds what is mounted in the copy's place; null: nothing is mounted there. */
  readonly here: readonly Holder[] | null
  /** Who holds another file system, which was recorded for it in this boot and is out of reach; null: there is no record of one. */
  readonly apart: readonly Holder[] | null
  /** Every mount namespace was looked at: whoever was not found is not there. */
  readonly isComplete: boolean
}

/**
 * What is known of one copy at one moment. Null is what was not asked yet: a decision that cannot do without it says so
 * (decide.ts).
 */
export interface Facts extends CopyName {
  /** What this process heard the Engine say. */
  readonly use: Use | undefined
  /** What the store has of it; `unread`: the store does not tell. */
  readonly row: CopyRow | 'unread' | null
  readonly look: Look | null
  /** There is other evidence than this look that whatever used the copy has ended: the Engine's word, most of all. */
  readonly hasEnded: boolean | null
}

/** The record, where there is one that can be read. */
export function recordOf({ row }: Pick<Facts, 'row'>): CopyRecord | null {
  return row === 'unread' ? null : (row?.record ?? null)
}

/** Where facts come from. */
export interface Observe {
  /** What is known without asking the kernel. */
  one(copy: CopyName, row: Facts['row']): Facts
  /** The same of every copy that has a directory or a record; `isAll` is false when records cannot be read. */
  all(): Promise<{ readonly facts: Facts[]; readonly isAll: boolean }>
  /** Asks the kernel about all of these at once. */
  look<F extends Facts>(facts: readonly F[]): Promise<F[]>
}

export interface ObserveParts {
  readonly store: Store
  readonly copies: Copies
  readonly holders: Holders
  readonly uses: Uses
  readonly log: Logger
}

export function createObserve({ store, copies, holders, uses, log }: ObserveParts): Observe {
  const one = ({ key, owner }: CopyName, row: Facts['row']): Facts => ({
    ...{ key, owner, row, use: uses.of(key) },
    look: null,
    hasEnded: null
  })

  const readRows = async (): Promise<{ rows: Map<CopyKey, CopyRow>; isAll: boolean }> => {
    const rows = new Map<CopyKey, CopyRow>()
    try {
      for await (const row of copyRows(store, null)) rows.set(copyKeyOf(row.volume, row.mount), row)
      return { rows, isAll: true }
    } catch (err) {
      // The kernel's word is enough to wipe what nobody holds.
      log.error({ err }, 'cannot read the records of copies')
      return { rows, isAll: false }
    }
  }

  return {
    one,

    async all() {
      const { rows, isAll } = await readRows()
      const facts = [...new Set([...(await copies.list()), ...rows.keys()])].map(key => {
        const row = rows.get(key) ?? null
        const whose = row ?? uses.of(key)
        const owner = whose === undefined ? null : { volume: whose.volume, mount: whose.mount }
        return one({ key, owner }, row)
      })
      return { facts, isAll }
    },

    async look(facts) {
      const places = facts.map(fact => {
        const [here, recorded] = [copies.deviceOf(fact.key), recordedDevice(recordOf(fact))]
        return { fact, here, recorded, devices: devicesOf(fact.key, here, recorded) }
      })
      const sight = await holders.of(places.flatMap(({ devices }) => devices))
      return places.map(({ fact, here, recorded }) => {
        const heldOn = (device: number | null): readonly Holder[] | null =>
          device === null ? null : sight.of({ key: fact.key, device })
        const apart = recorded === here ? null : recorded
        const look: Look = { here: heldOn(here), apart: heldOn(apart), isComplete: sight.isComplete }
        return { ...fact, look }
      })
    }
  }
}
