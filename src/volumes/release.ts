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

/**
 * Wipes a copy and forgets its label, unless the kernel says that something holds it. The caller holds the copy's lock
 * and knows that no container is about to hold it; `volume` null: not even a label says whose it is. True when
 * nothing is left; false when it is held, here or where it cannot be reached, or its label cannot be removed. Throws
 * only when the copy is there and cannot be unmounted.
 */
export type Release = (caller: Caller, volume: VolumeName | null, id: MountId) => Promise<boolean>

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

  const forgetLabel = async (caller: Caller, volume: VolumeName, id: MountId): Promise<boolean> => {
    const change = removeLabel(volume, id)
    try {
      await gate.run(caller, 'copy.wipe', { volume, mount: id }, permit => permit.commit({}, [change]))
      return true
    } catch (err) {
      // The copy is gone; that this cannot be recorded must not keep the container's stop from succeeding.
      log.warn({ err, volume, mount: id }, 'cannot record that a copy was wiped')
      return store.commit([change]).then(
        () => true,
        () => false
      )
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
      return false
    }
    FAULT: await reach('unmount.judged')
    await wipe(id)
    FAULT: await reach('unmount.wiped')
    if (held.length > 0) {
      log.info({ volume, mount: id }, 'copy is still held where it cannot be reached')
      return false
    }
    if (labelled !== null && !(await forgetLabel(caller, labelled, id))) return false
    uses.forget(id)
    return true
  }
}
