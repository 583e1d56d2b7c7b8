import { isSecretboxError } from '../../base/errors.ts'
import type { Store, Write } from '../../store/store.ts'
import { uidOfMaker } from '../access/authority.ts'
import { patternOfBox } from '../access/box-pattern.ts'
import type { BoxName } from '../../base/names.ts'
import type { Details } from '../access/actions.ts'
import { isClosedBy, type Grant, type Policy } from '../access/grants.ts'
import type { May, Permit } from '../action/permit.ts'
import type { Prepared } from '../action/overtaken.ts'
import type { ChangeResult } from './change.ts'
import { getBox, refuseTaken } from './find.ts'
import { checkScope } from '../credentials/scope.ts'
import { putGrant, removeGrant } from '../grants/records.ts'
import {
  putBox,
  removeBox,
  removeBoxRecord,
  renameBox,
  summaryOf,
  type Box,
  type BoxSummary
} from './records.ts'
import { newBox } from './version-records.ts'
import { checkVersion, type VaultParts } from './versions.ts'

/** Throws when a box may not go, or lose its name. It is told what else the caller may know of. */
export type Check = (may: May) => Promise<void>

/** What makes an empty box, of a type if it has a kind. Throws `exists`, `not_found` for a type, `invalid` for a scope. */
export async function creation(
  { store, types }: Pick<VaultParts, 'store' | 'types'>,
  permit: Permit<'box.create'>,
  { isNeverRevealed, kind }: Pick<Box, 'isNeverRevealed' | 'kind'>
): Promise<Prepared<BoxSummary>> {
  const { caller, keyring, resource } = permit
  const name = resource.box
  await refuseTaken(store, permit, name)
  if (kind !== null) checkScope(await types.get(kind.type), kind.scope)
  const { box, writes } = newBox(keyring, {
    name,
    kind,
    owner: uidOfMaker(caller),
    isNeverRevealed,
    isClosed: isClosedBy(await permit.grants(), name)
  })
  box.key.wipe()
  return { answer: summaryOf(box), details: { version: 1 }, writes }
}

/** What gives a box another name, which grants of it alone then have, too. Throws `not_found`, `exists`, `precondition`, and what `check` throws, which is asked last. */
export async function renaming(
  store: Store,
  permit: Permit<'box.rename'>,
  { ifVersion, check }: { ifVersion: number | null; check: Check }
): Promise<Prepared<ChangeResult>> {
  const { newName } = permit.resource
  const box = await getBox(store, permit, 'find')
  try {
    checkVersion(box, ifVersion)
    await refuseTaken(store, permit, newName)
    await check(permit.may)
    const { version, files: applied } = box.newest
    const answer = { version, applied, errors: [], dangling: [] }
    const policy = await permit.grants()
    const isClosed = box.isClosed || isClosedBy(policy, newName)
    const writes = [
      ...renameBox(permit.keyring, { ...box, isClosed }, newName),
      ...grantsOf(policy, box.name).map(grant =>
        putGrant(permit.keyring, { ...grant, boxes: patternOfBox(newName) })
      )
    ]
    return { answer, details: { version }, writes }
  } finally {
    box.key.wipe()
  }
}

/** What gives a box to another owner, who may do all with it from then on. Throws `not_found`, `precondition`. */
export async function handing(
  store: Store,
  permit: Permit<'box.own'>,
  ifVersion: number | null
): Promise<Prepared<ChangeResult>> {
  const { owner } = permit.resource
  const box = await getBox(store, permit, 'find')
  try {
    checkVersion(box, ifVersion)
    const { version } = box.newest
    const answer = { version, applied: 1, errors: [], dangling: [] }
    return { answer, details: { version }, writes: [putBox(permit.keyring, { ...box, owner })] }
  } finally {
    box.key.wipe()
  }
}

/** The grants that are about this box alone: they go where it goes. Those of a glob are about names. */
function grantsOf({ grants }: Pick<Policy, 'grants'>, name: BoxName): Grant[] {
  return grants.filter(({ boxes }) => boxes.name === name)
}

/**
 * What removes a box, or of one that is damaged its record, and the grants that are about it alone: they are not for
 * another box that comes to have its name. Throws what `check` throws, which is asked last.
 */
export async function removal(
  store: Store,
  permit: Permit<'box.destroy'>,
  { ifVersion, check }: { ifVersion: number | null; check: Check | undefined }
): Promise<Prepared<void>> {
  const { details, writes } = await whatRemoves(store, permit, ifVersion)
  await check?.(permit.may)
  const grants = grantsOf(await permit.grants(), permit.resource.box)
  return { answer: undefined, details, writes: [...writes, ...grants.map(removeGrant)] }
}

async function whatRemoves(
  store: Store,
  permit: Permit<'box.destroy'>,
  ifVersion: number | null
): Promise<{ details: Details; writes: readonly Write[] }> {
  try {
    const box = await getBox(store, permit, 'find')
    box.key.wipe()
    checkVersion(box, ifVersion)
    return { details: { version: box.newest.version }, writes: removeBox(permit.keyring, box) }
  } catch (error) {
    // Only who names it, and no version of it, can mean one that cannot be read.
    if (!isSecretboxError(error, 'damaged') || permit.caller.kind !== 'user' || ifVersion !== null)
      throw error
    return { details: {}, writes: [removeBoxRecord(permit.keyring, permit.resource.box)] }
  }
}
