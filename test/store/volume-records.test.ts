import fc from 'fast-check'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { parseBoxName, parseFilePath, parseMountId, parseVolumeName } from '../../src/base/names.ts'
import { parseVolumeOptions } from '../../src/volumes/options.ts'
import {
  damagedRecords,
  findVolumeRow,
  copyRows,
  pinnedVersions,
  putCopyRecord,
  putVolume,
  volumeRows,
  volumesOf,
  type CopyRecord,
  type Volume
} from '../../src/volumes/records.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const db = parseBoxName('db')
const created = '2026-01-01T00:00:00.000Z'

function volumeOf(name: string, given: Record<string, string> = {}): Volume {
  const checked = parseVolumeName(name)
  return { name: checked, options: parseVolumeOptions(checked, given), created }
}

const good = volumeOf('good', { box: 'db', version: '3' })
const label: CopyRecord = {
  ...{
    mount: parseMountId('m1'),
    volume: good.name,
    box: db,
    version: 3,
    created,
    device: { number: 57, boot: 'b' },
    ...{ container: null, madeFor: ['c'.repeat(64), 'd'] },
    origin: {
      ...{ boxId: 'b', path: parseFilePath('d/f'), uid: 0, gid: 4294967294, mode: 0o400, dirmode: null },
      tag: '0a'.repeat(32)
    }
  }
}

let store: Store
beforeEach(async () => {
  store = await openSqliteStore(join(temporaryDirectory(), 'store.db'), { create: true })
  onTestFinished(() => store.close())
  await store.commit([putVolume(good), putCopyRecord(label)])
})

async function put(key: string, value: unknown): Promise<void> {
  await store.commit([
    { put: key, value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) }
  ])
}

/** What is told of good ones stays whatever else is there. */
async function expectGoodOnes(): Promise<void> {
  const volumes = await Array.fromAsync(volumeRows(store))
  expect(volumes.flatMap(({ volume }) => volume ?? [])).toEqual([good])
  const labels = await Array.fromAsync(copyRows(store, null))
  expect(labels.flatMap(row => row.record ?? [])).toEqual([label])
}

describe('a record of a volume', () => {
  const other = volumeOf('v', { box: 'db' })
  const options = (changed: object): object => ({ ...other, options: { ...other.options, ...changed } })
  const bad: [what: string, record: unknown][] = [
    ['is no JSON', 'garbage'],
    ['is no object', '[]'],
    ['is null', 'null'],
    ['is longer than any of ours', `${' '.repeat(70_000)}${JSON.stringify(other)}`],
    ['is of another volume', good],
    ['has a name that is none', { ...other, name: '../v' }],
    ['knows more', { ...other, more: 1 }],
    ['has no options', { name: 'v', created }],
    ['has an option that there is not', options({ colour: 'red' })],
    ['has no time', { ...other, created: '' }],
    ['has a time that the Engine cannot read', { ...other, created: '2026-01-01T00:00Z' }],
    ['has a day that there is not', { ...other, created: '2026-02-30T00:00:00Z' }],
    ['would destroy an ordinary box', options({ ephemeral: true })],
    ['would destroy the box of its own name', options({ box: 'v', ephemeral: true })],
    ...['../db', '', 'a/b', '.', 'a:b', 'x'.repeat(256), null, 7].map((box): [string, object] => [
      `shows the box ${JSON.stringify(box).slice(0, 9)}`,
      options({ box })
    ]),
    ...['/a', 'a//b', '../a', 'a/', 'a\0b', null, {}].map((path): [string, object] => [
      `shows the path ${JSON.stringify(path)}`,
      options({ path })
    ]),
    ...[0, -1, 1.5, 1e300, '3', true, []].map((version): [string, object] => [
      `stays at version ${JSON.stringify(version)}`,
      options({ version })
    ]),
    ...[-1, 4294967295, 0.5, '0', null].map((uid): [string, object] => [
      `is owned by ${JSON.stringify(uid)}`,
      options({ uid })
    ]),
    ...[-1, 4096, 1.5, '0400', true].map((mode): [string, object] => [
      `has the mode ${JSON.stringify(mode)}`,
      options({ mode })
    ]),
    ['has a dirmode of five digits', options({ dirmode: 4096 })],
    ['is writable by a number', options({ rw: 1 })],
    ['has a size and is not writable', options({ size: 1 })],
    ['has no size but zero', options({ rw: true, size: 0 })],
    ['has a size that is no number of bytes', options({ rw: true, size: '1k' })]
  ]

  test.each(bad)('that %s is damaged, by itself', async (_what, record) => {
    await put('volume/v', record)
    expect(await findVolumeRow(store, other.name)).toEqual({ name: 'v', volume: null })
    expect(await Array.fromAsync(damagedRecords(store))).toEqual(['volume/v'])
    await expectGoodOnes()
    // It may have been of this box, and pinned any version.
    expect(await volumesOf(store, db)).toEqual({ volumes: [good], isAll: false })
    expect(await pinnedVersions(store, db)).toBe(null)
  })

  test.each([
    'volume/%',
    'volume/%2',
    'volume/%C3',
    'volume/a%2Fb',
    'volume/..',
    'volume/%61',
    'volume/a b',
    'volume/a/b',
    `volume/${'x'.repeat(300)}`
  ])('under the key %s is of no volume, and breaks nothing', async key => {
    await put(key, { ...other, name: decodedOr(key.slice('volume/'.length)) })
    expect(await Array.fromAsync(damagedRecords(store))).toEqual([key])
    expect(await Array.fromAsync(volumeRows(store))).toHaveLength(1)
    await expectGoodOnes()
    expect(await pinnedVersions(store, db)).toBe(null)
  })

  test('says what was written, whatever the options are', async () => {
    const text = { maxLength: 20 }
    const record = fc.record(
      {
        box: fc.constantFrom('db', 'ephemeral-x', 'ü', '%'),
        version: fc.integer({ min: 1 }).map(String),
        path: fc.string(text).filter(path => path !== '' && !path.includes('\0')),
        uid: fc.integer({ min: 0, max: 0xffff_fffe }).map(String),
        gid: fc.integer({ min: 0, max: 0xffff_fffe }).map(String),
        mode: fc.integer({ min: 0, max: 0o7777 }).map(mode => `0${mode.toString(8)}`),
        dirmode: fc.integer({ min: 0, max: 0o7777 }).map(mode => `0${mode.toString(8)}`),
        rw: fc.constantFrom('true', 'false'),
        optional: fc.constantFrom('true', 'false')
      },
      { requiredKeys: [] }
    )
    await fc.assert(
      fc.asyncProperty(record, fc.constantFrom('v', 'ü', '%', 'a b'), async (given, name) => {
        const volume = volumeOf(name, given)
        await store.commit([{ remove: `volume/${encodeURIComponent(name)}` }, putVolume(volume)])
        expect(await findVolumeRow(store, volume.name)).toEqual({ name, volume })
      }),
      { numRuns: 50 }
    )
  })
})

describe('a copy record', () => {
  test.each<[what: string, record: unknown]>([
    ['is no JSON', 'garbage'],
    ['is of another copy', { ...label, mount: 'm3' }],
    ['is of another volume', { ...label, mount: 'm2', volume: 'v' }],
    ['is of a box that has no name', { ...label, mount: 'm2', box: '..' }],
    ['is of version 0', { ...label, mount: 'm2', version: 0 }],
    ['has a time that is none', { ...label, mount: 'm2', created: 'now' }],
    ['is of a box by no ID', { ...label, mount: 'm2', origin: { ...label.origin, boxId: 1 } }],
    ['has no tag', { ...label, mount: 'm2', origin: { ...label.origin, tag: 'x' } }],
    ['is made for nobody', { ...label, mount: 'm2', madeFor: [] }],
    ['is made for a control character', { ...label, mount: 'm2', madeFor: ['a\nb'] }],
    ['does not say for whom it is made', { ...label, mount: 'm2', madeFor: undefined }],
    ['is made for more than may be', { ...label, mount: 'm2', madeFor: Array(501).fill('a') }],
    ['has a container that is text', { ...label, mount: 'm2', container: 'x' }],
    [
      'has a container with a control character',
      { ...label, mount: 'm2', container: { id: 'a\nb', name: null, image: null } }
    ],
    ['knows more', { ...label, mount: 'm2', more: 1 }]
  ])('that %s is damaged, by itself', async (_what, record) => {
    await put('copy/good/m2', record)
    const rows = await Array.fromAsync(copyRows(store, good.name))
    expect(rows).toEqual([
      { volume: 'good', mount: 'm1', record: label },
      { volume: 'good', mount: 'm2', record: null }
    ])
    expect(await Array.fromAsync(damagedRecords(store))).toEqual(['copy/good/m2'])
    await expectGoodOnes()
  })

  test.each([
    'copy/good/..',
    'copy/good/.',
    'copy/good/',
    'copy/good',
    'copy/good/a/b',
    'copy/good/../../x',
    'copy/%/m2',
    'copy//m2',
    'copy/..%2F/m2',
    `copy/good/${'x'.repeat(129)}`
  ])('under the key %s is of no copy, and breaks nothing', async key => {
    await put(key, label)
    expect(await Array.fromAsync(copyRows(store, null))).toHaveLength(1)
    expect(await Array.fromAsync(damagedRecords(store))).toEqual([key])
    await expectGoodOnes()
  })
})

function decodedOr(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
