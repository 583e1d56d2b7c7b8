import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import type { Change, Store } from '../../store/store.ts'
import type { Prepared } from '../action/overtaken.ts'
import type { Caller, Subject } from '../access/authority.ts'
import { findBox, getBox, removeBox, removeBoxRecord, renameBox } from './boxes.ts'
import type { ChangeResult } from './change.ts'
import type { Permit } from '../action/gate.ts'
import type { BoxName } from '../../base/names.ts'
import { checkVersion } from './versions.ts'

/** Throws `exists` when a box has that name. */
export async function refuseTaken(store: Store, permit: Permit, name: BoxName): Promise<void> {
  const present = await findBox(store, permit.keyring, name)
  present?.key.wipe()
  if (present !== null) throw new SecretboxError('exists', `box ${quote(name)} exists already`)
}

/** What gives a box another name. Throws `not_found`, `exists`, `precondition`, and what `check` throws, which is asked last. */
export async function renaming(
  store: Store,
  permit: Permit,
  {
    name,
    to,
    ifVersion,
    check
  }: { name: BoxName; to: BoxName; ifVersion: number | null; check: () => Promise<void> }
): Promise<Prepared<ChangeResult>> {
  const box = await getBox(store, permit, name, 'find')
  try {
    checkVersion(box, ifVersion)
    await refuseTaken(store, permit, to)
    await check()
    const { version, files: applied } = box.newest
    const answer = { version, applied, errors: [], dangling: [] }
    return { answer, subject: { version }, changes: renameBox(permit.keyring, box, to) }
  } finally {
    box.key.wipe()
  }
}

/** What removes a box, or of one that is damaged its record. */
export async function removal(
  store: Store,
  caller: Caller,
  permit: Permit,
  name: BoxName,
  ifVersion: number | null
): Promise<{ subject: Subject; changes: Change[] }> {
  try {
    const box = await getBox(store, permit, name, 'find')
    box.key.wipe()
    checkVersion(box, ifVersion)
    return { subject: { version: box.newest.version }, changes: removeBox(permit.keyring, box) }
  } catch (error) {
    // Only who names it, and no version of it, can mean one that cannot be read.
    if (!isSecretboxError(error, 'damaged') || caller.kind !== 'user' || ifVersion !== null) throw error
    return { subject: {}, changes: [removeBoxRecord(permit.keyring, name)] }
  }
}
