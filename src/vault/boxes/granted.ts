import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import type { Store, Write } from '../../store/store.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import { includesBox, type BoxPattern } from '../access/box-pattern.ts'
import type { Grant } from '../access/grants.ts'
import { isPerson } from '../access/subjects.ts'
import type { Permit } from '../action/permit.ts'
import { allBoxes, putBox, readBox, type Box } from './records.ts'

/** Of a box that was made so. */
export function neverRevealed(box: BoxName): SecretboxError {
  return new SecretboxError('denied', `box ${quote(box)} is never revealed`, {
    hint: 'it was made so, for good, and for root, too; containers are given it as ever'
  })
}

/**
 * The records of boxes that go with a grant, written again: that of the one that it names, so that who destroys or renames
 * it meanwhile is overtaken and finds the grant; and those that a grant to containers closes. Throws `not_found`, and
 * `denied` when it would reveal what is never revealed.
 */
export async function boxesWithGrant(
  store: Store,
  { keyring }: Pick<Permit<'grant.add'>, 'keyring'>,
  { boxes, subject, rights }: Pick<Grant, 'boxes' | 'subject' | 'rights'>
): Promise<Write[]> {
  const closes = !isPerson(subject)
  if (boxes.name === null) return closes ? closingAll(store, keyring, boxes) : []
  const box = await readBox(store, keyring, boxes.name)
  if (box === null)
    throw new SecretboxError('not_found', `no such box ${quote(boxes.name)}`, {
      hint: 'for boxes that are to be made, grant on a glob, such as "team-*"'
    })
  try {
    if (box.isNeverRevealed && rights.includes('reveal')) throw neverRevealed(boxes.name)
    return [putBox(keyring, { ...box, isClosed: box.isClosed || closes })]
  } finally {
    box.key.wipe()
  }
}

/**
 * What closes boxes for good that grants to containers are about, before these are taken away: a box that was made while such a
 * grant was may be closed by nothing else.
 */
export async function boxesWithout(
  store: Store,
  { keyring }: Pick<Permit<'grant.revoke'>, 'keyring'>,
  grants: readonly Pick<Grant, 'boxes' | 'subject'>[]
): Promise<Write[]> {
  const boxes = grants.find(({ subject }) => !isPerson(subject))?.boxes
  if (boxes === undefined) return []
  // All that are revoked at once are about the same boxes.
  return closingAll(store, keyring, boxes)
}

async function closingAll(store: Store, keyring: Keyring, boxes: BoxPattern): Promise<Write[]> {
  const writes: Write[] = []
  for await (const box of boxesOf(store, keyring, boxes)) {
    if (!box.isClosed) writes.push(putBox(keyring, { ...box, isClosed: true }))
    box.key.wipe()
  }
  return writes
}

/** Those that there are; what is damaged can be none. */
async function* boxesOf(store: Store, keyring: Keyring, boxes: BoxPattern): AsyncGenerator<Box> {
  if (boxes.name !== null) {
    const record = await readBox(store, keyring, boxes.name).catch((error: unknown) => {
      if (isSecretboxError(error, 'damaged')) return null
      throw error
    })
    if (record !== null) yield record
    return
  }
  for await (const { box } of allBoxes(store, keyring)) {
    if (box === null) continue
    if (includesBox(boxes, box.name)) yield box
    else box.key.wipe()
  }
}

/** What is so of a box that somebody may ask about; null when there is none. */
export async function askedAbout(
  store: Store,
  permit: Pick<Permit<'grant.ask'>, 'keyring' | 'isClosed'>,
  name: BoxName
): Promise<Pick<Box, 'isNeverRevealed' | 'isClosed'> | null> {
  const box = await readBox(store, permit.keyring, name)
  box?.key.wipe()
  return box && { ...box, isClosed: box.isClosed || (await permit.isClosed(name)) }
}
