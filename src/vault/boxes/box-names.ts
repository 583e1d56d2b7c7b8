import { isSecretboxError } from '../../base/errors.ts'
import type { Store } from '../../store/store.ts'
import type { Caller } from '../access/authority.ts'
import type { Permit } from '../action/gate.ts'
import type { Prepared } from '../action/overtaken.ts'
import type { ChangeResult } from './change.ts'
import { getBox, refuseTaken } from './find.ts'
import { removeBox, removeBoxRecord, renameBox, summaryOf, type BoxSummary } from './records.ts'
import { newBox } from './version-records.ts'
import { checkVersion } from './versions.ts'

/** What makes an empty box. Throws `exists`. */
export async function creation(store: Store, permit: Permit<'box.create'>): Promise<Prepared<BoxSummary>> {
  const name = permit.resource.box
  await refuseTaken(store, permit, name)
  const { box, writes } = newBox(permit.keyring, name)
  box.key.wipe()
  return { answer: summaryOf(box), details: { version: 1 }, writes }
}

/** What gives a box another name. Throws `not_found`, `exists`, `precondition`, and what `check` throws, which is asked last. */
export async function renaming(
  store: Store,
  permit: Permit<'box.rename'>,
  { ifVersion, check }: { ifVersion: number | null; check: () => Promise<void> }
): Promise<Prepared<ChangeResult>> {
  const { newName } = permit.resource
  const box = await getBox(store, permit, 'find')
  try {
    checkVersion(box, ifVersion)
    await refuseTaken(store, permit, newName)
    await check()
    const { version, files: applied } = box.newest
    const answer = { version, applied, errors: [], dangling: [] }
    return { answer, details: { version }, writes: renameBox(permit.keyring, box, newName) }
  } finally {
    box.key.wipe()
  }
}

/** What removes a box, or of one that is damaged its record. Throws what `check` throws, which is asked last. */
export async function removal(
  store: Store,
  permit: Permit<'box.destroy'>,
  {
    caller,
    ifVersion,
    check
  }: { caller: Caller; ifVersion: number | null; check: (() => Promise<void>) | undefined }
): Promise<Prepared<void>> {
  const removed = await whatRemoves(store, permit, caller, ifVersion)
  await check?.()
  return { answer: undefined, ...removed }
}

async function whatRemoves(
  store: Store,
  permit: Permit<'box.destroy'>,
  caller: Caller,
  ifVersion: number | null
): Promise<Pick<Prepared<void>, 'details' | 'writes'>> {
  try {
    const box = await getBox(store, permit, 'find')
    box.key.wipe()
    checkVersion(box, ifVersion)
    return { details: { version: box.newest.version }, writes: removeBox(permit.keyring, box) }
  } catch (error) {
    // Only who names it, and no version of it, can mean one that cannot be read.
    if (!isSecretboxError(error, 'damaged') || caller.kind !== 'user' || ifVersion !== null) throw error
    return { details: {}, writes: [removeBoxRecord(permit.keyring, permit.resource.box)] }
  }
}
