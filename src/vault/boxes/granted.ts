import { quote, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import type { Store, Write } from '../../store/store.ts'
import { includesBox } from '../access/box-pattern.ts'
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
  if (boxes.name !== null) {
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
  const writes: Write[] = []
  if (!closes) return writes
  for await (const { box } of allBoxes(store, keyring)) {
    if (box === null) continue
    if (!box.isClosed && includesBox(boxes, box.name))
      writes.push(putBox(keyring, { ...box, isClosed: true }))
    box.key.wipe()
  }
  return writes
}

/** What is so of a box that somebody may ask about; null when there is none. */
export async function askedAbout(
  store: Store,
  { keyring }: Pick<Permit<'grant.ask'>, 'keyring'>,
  name: BoxName
): Promise<Pick<Box, 'isNeverRevealed' | 'isClosed'> | null> {
  const box = await readBox(store, keyring, name)
  box?.key.wipe()
  return box
}
