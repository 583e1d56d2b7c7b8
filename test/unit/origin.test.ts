import { expect, test } from 'vitest'
import { parseBoxName, parseFilePath, parseMountId, parseVolumeName } from '../../src/base/names.ts'
import { isMadeOf, originOf } from '../../src/volumes/origin.ts'
import type { CopyRecord, Origin } from '../../src/volumes/records.ts'

// A tag says which text it was made of, so that whatever is not bound by it is seen.
const tag = (text: string): string => Buffer.from(text).toString('hex').slice(-600).padStart(600, '0')
const box = { id: 'one' }
const facts = {
  ...{ volume: parseVolumeName('v'), mount: parseMountId('m'), box: parseBoxName('db'), version: 3 },
  ...{ created: '2026-01-01T00:00:00.000Z', device: null, container: null, madeFor: null }
}
const shown = { path: parseFilePath('d'), uid: 0, gid: 0, mode: 0o400, dirmode: null }
const origin = originOf(facts, shown, { box: box as never, tag })
const record: CopyRecord = { ...facts, origin }

test('a copy was made of the box that its record says', () => {
  expect(isMadeOf(record, { box, tag })).toBe(true)
  // What is found out later is not bound.
  expect(isMadeOf({ ...record, container: { id: 'c', name: null, image: null } }, { box, tag })).toBe(true)
})

test('of no other box, by no other key, and by no record that does not say', () => {
  expect(isMadeOf(record, { box: { id: 'two' }, tag })).toBe(false)
  expect(isMadeOf(record, { box, tag: () => 'f'.repeat(600) })).toBe(false)
  expect(isMadeOf(facts, { box, tag })).toBe(false)
})

test.each<Partial<CopyRecord> | { origin: Partial<Origin> }>([
  { volume: parseVolumeName('w') },
  { mount: parseMountId('n') },
  { box: parseBoxName('payroll') },
  { version: 2 },
  { created: '2099-01-01T00:00:00.000Z' },
  { origin: { path: parseFilePath('') } },
  { origin: { uid: 33 } },
  { origin: { gid: 33 } },
  { origin: { mode: 0o444 } },
  { origin: { dirmode: 0o755 } }
])('who writes %o into a record without the keys is not believed', changed => {
  const forged = { ...record, ...changed, origin: { ...origin, ...changed.origin } }
  expect(isMadeOf(forged, { box, tag })).toBe(false)
})
