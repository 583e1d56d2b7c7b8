import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import type { CopyKey } from '../copies/copy-key.ts'
import type { Holders } from '../copies/holders.ts'
import { reach } from '../base/fault-points.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/access/authority.ts'
import type { Gate } from '../vault/action/gate.ts'
import type { MountId, VolumeName } from '../base/names.ts'
import { devicesOf, recordedDevice } from '../volumes/device.ts'
import type { Kept } from './kept.ts'
import type { Uses } from './engine-calls.ts'
import { findCopyRow, removeCopyRecord, type CopyRow } from '../volumes/records.ts'

/** A copy, by its directory, and whose it is as far as that is known: without a record nothing but its use tells. */
export interface CopyName {
  readonly key: CopyKey
  readonly owner: { readonly volume: VolumeName; readonly mount: MountId } | null
}

/**
 * Wipes a copy and forgets its record, unless the kernel says that something holds it. The caller holds the copy's lock
 * and knows that no container is about to hold it. `hasEnded` is asked when not every mount table could be read: the
 * Engine's word that whatever used the copy has ended; without that the copy stays. True when nothing is left; false
 * when it is held, here or where it cannot be reached, or may be, or cannot be overwritten just now, or its record
 * cannot be removed. Throws only when the copy is there and cannot be unmounted.
 */
export type Release = (caller: Caller, copy: CopyName, hasEnded: () => Promise<boolean>) => Promise<boolean>

export interface ReleaseParts {
  readonly store: Store
  readonly gate: Gate
  readonly copies: Copies
  readonly holders: Holders
  readonly uses: Uses
  readonly kept: Kept
  readonly log: Logger
}

export function createRelease({ store, gate, copies, holders, uses, kept, log }: ReleaseParts): Release {
  const wipe = async (key: CopyKey): Promise<boolean> => {
    try {
      const isGone = await copies.wipe(key)
      if (!isGone)
        log.warn({ copy: key }, 'a file of a copy is kept from being overwritten: it is tried again')
      return isGone
    } catch (err) {
      if (copies.deviceOf(key) !== null) throw err
      log.error({ err, copy: key }, 'copy is gone, but could not be overwritten')
      return true
    }
  }

  const forgetRecord = async (caller: Caller, volume: VolumeName, mount: MountId): Promise<boolean> => {
    const change = removeCopyRecord(volume, mount)
    try {
      await gate.run(caller, 'copy.wipe', { volume, mount }, permit => permit.commit({}, [change]))
      return true
    } catch (err) {
      // The copy is gone; that this cannot be recorded must not keep the container's stop from succeeding.
      log.warn({ err, volume, mount }, 'cannot record that a copy was wiped')
      return store.commit([change]).then(
        () => true,
        () => false
      )
    }
  }

  /** `unread`: the store does not tell; a copy is wiped whatever it says. */
  const readCopyRow = async ({ owner, key }: CopyName): Promise<CopyRow | 'unread' | null> => {
    if (owner === null) return null
    try {
      return await findCopyRow(store, owner.volume, owner.mount)
    } catch (err) {
      log.error({ err, ...owner, copy: key }, 'cannot read the record of a copy')
      return 'unread'
    }
  }

  return async (caller, name, hasEnded) => {
    const { key, owner } = name
    const told = { ...owner, copy: key }
    const device = copies.deviceOf(key)
    const row = await readCopyRow(name)
    const recorded = row === 'unread' ? null : recordedDevice(row?.record ?? null)
    const devices = devicesOf(key, device, recorded)
    const sight = await holders.of(devices)
    const isHeld = (on: number): boolean => sight.of({ key, device: on }).length > 0
    if (device !== null && isHeld(device)) {
      log.info(told, 'copy is still held and stays')
      return false
    }
    if (devices.length > 0 && !sight.isComplete && !(await hasEnded())) {
      log.warn(
        told,
        'not every mount table could be read: a copy stays until the Engine says that its container has ended'
      )
      kept.add(name)
      return false
    }
    FAULT: await reach('unmount.judged')
    if (!(await wipe(key))) return false
    FAULT: await reach('unmount.wiped')
    if (recorded !== null && isHeld(recorded)) {
      log.info(told, 'copy is still held where it cannot be reached')
      return false
    }
    if (owner !== null && row !== null && !(await forgetRecord(caller, owner.volume, owner.mount)))
      return false
    uses.forget(key)
    kept.remove(key)
    return true
  }
}
