import { timingSafeEqual } from 'node:crypto'
import type { OpenedVersion } from '../vault/opened-version.ts'
import type { CopyRecord, Origin } from './records.ts'

/** What a copy is known by, as far as it never changes. */
type Facts = Pick<CopyRecord, 'volume' | 'mount' | 'box' | 'version' | 'created'>

/**
 * What is noted of a copy that is made of an opened version. Records of copies lie in clear, so that whoever writes the store could
 * say in one that the copy is of any box: a tag under a key of the vault binds what it says.
 */
export function originOf(
  facts: Facts,
  { path, uid, gid, mode, dirmode }: Omit<Origin, 'boxId' | 'tag'>,
  { box: { id: boxId }, tag }: Pick<OpenedVersion, 'box' | 'tag'>
): Origin {
  const said = { boxId, path, uid, gid, mode, dirmode }
  return { ...said, tag: tag(textOf(facts, said)) }
}

/**
 * Whether a copy was made of this box and no other, also none that has its name by now; and its record says what was written by who
 * has the keys.
 */
export function isMadeOf<R extends Facts & Pick<CopyRecord, 'origin'>>(
  record: R,
  { box, tag }: { readonly box: { readonly id: string }; readonly tag: OpenedVersion['tag'] }
): record is R & { readonly origin: Origin } {
  const { origin } = record
  if (origin?.boxId !== box.id) return false
  return timingSafeEqual(Buffer.from(origin.tag), Buffer.from(tag(textOf(record, origin))))
}

/** The record with a tag under other keys; null when its own is wrong, or there is none. */
export function retagged(
  record: CopyRecord,
  from: OpenedVersion['tag'],
  to: OpenedVersion['tag']
): CopyRecord | null {
  const { origin } = record
  if (origin === undefined || !isMadeOf(record, { box: { id: origin.boxId }, tag: from })) return null
  return { ...record, origin: { ...origin, tag: to(textOf(record, origin)) } }
}

function textOf(
  { volume, mount, box, version, created }: Facts,
  { boxId, path, uid, gid, mode, dirmode }: Omit<Origin, 'tag'>
): string {
  return JSON.stringify(['copy', volume, mount, box, version, created, boxId, path, uid, gid, mode, dirmode])
}
