import type { Logger } from 'pino'
import { reach } from '../fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/authority.ts'
import type { Gate } from '../vault/gate.ts'
import type { MountId, VolumeName } from '../vault/names.ts'
import type { Copies } from './copies.ts'
import type { Holders } from './holders.ts'
import type { Uses } from './uses.ts'
import { findLabelRow, removeLabel } from './volume-records.ts'

/** What became of a copy: it is gone, or something holds it here, or where it cannot be reached any more. */
export type Released = 'gone' | 'held' | 'held out of reach'

/**
 * Wipes a copy and forgets its label, unless the kernel says that something holds it. The caller holds the copy's lock
 * and knows that no container is about to hold it; `volume` null: not even a label says whose it is. Throws only when
 * the copy is still there.
 */
export type Release = (caller: Caller, volume: VolumeName | null, id: MountId) => Promise<Released>

export interface ReleaseParts {
  readonly store: Store
  readonly gate: Gate
  readonly copies: Copies
  readonly holders: Holders
  readonly uses: Uses
  readonly log: Logger
}

export function createRelease({ store, gate, copies, holders, uses, log }: ReleaseParts): Release {
  const wipe = async (id: MountId): Promise<void> => {
    try {
      await copies.wipe(id)
    } catch (err) {
      if (copies.deviceOf(id) !== null) throw err
      log.error({ err, mount: id }, 'copy is gone, but could not be overwritten')
    }
  }

  const forgetLabel = async (caller: Caller, volume: VolumeName, id: MountId): Promise<void> => {
    const change = removeLabel(volume, id)
    try {
      await gate.run(caller, 'copy.wipe', { volume, mount: id }, permit => permit.commit({}, [change]))
    } catch (err) {
      // The copy is gone; that this cannot be recorded must not keep the container's stop from succeeding.
      log.warn({ err, volume, mount: id }, 'cannot record that a copy was wiped')
      await store.commit([change]).catch((cause: unknown) => {
        log.warn({ err: cause, volume, mount: id }, 'cannot remove the label of a copy')
      })
    }
  }

  const isLabelled = async (volume: VolumeName, id: MountId): Promise<boolean> => {
    try {
      return (await findLabelRow(store, volume, id)) !== null
    } catch (err) {
      // A copy is wiped whatever the store says.
      log.error({ err, volume, mount: id }, 'cannot read the label of a copy')
      return true
    }
  }

  return async (caller, volume, id) => {
    const device = copies.deviceOf(id)
    const labelled = volume !== null && (await isLabelled(volume, id)) ? volume : null
    // An ID that nothing is known of needs no look at all mount tables.
    const held = device === null && labelled === null ? [] : await holders.of(id)
    if (device !== null && held.some(holder => holder.device === device)) {
      log.info({ volume, mount: id }, 'copy is still held and stays')
      return 'held'
    }
    FAULT: await reach('unmount.judged')
    await wipe(id)
    FAULT: await reach('unmount.wiped')
    if (held.length > 0) {
      log.info({ volume, mount: id }, 'copy is still held where it cannot be reached')
      return 'held out of reach'
    }
    uses.forget(id)
    if (labelled !== null) await forgetLabel(caller, labelled, id)
    return 'gone'
  }
}
