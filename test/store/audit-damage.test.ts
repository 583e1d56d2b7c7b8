import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { parseBoxName } from '../../src/base/names.ts'
import { root, type OpenVault, type VaultSettings } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'
import { damagesOf, entriesOf, readAudit } from './read-audit.ts'

const open = useVault()

describe('an audit whose store somebody wrote to', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'].map(parseBoxName)

  /** Six entries, then the vault is closed, its store written to, and it is opened again. */
  async function writtenTo(sql: string, settings?: VaultSettings): Promise<OpenVault> {
    const opened = await open(settings)
    for (const name of names) await opened.vault.create(root, name)
    await opened.close()
    const database = new DatabaseSync(opened.storeFile)
    database.exec(sql)
    database.close()
    return open(settings)
  }
  const key = (sequence: number): string => `'audit/${String(sequence).padStart(16, '0')}'`
  const remove = (condition: string): string =>
    `DELETE FROM records WHERE key LIKE 'audit/%' AND key ${condition}`
  const unknownBefore = (sequence: number): string =>
    `what came before entry ${sequence} was taken away or altered`

  test.each<[what: string, sql: string, damages: string[], after: string[]]>([
    ['takes the oldest', remove(`<= ${key(2)}`), ['entries 1 to 2 are missing'], []],
    ['takes the oldest one', remove(`<= ${key(1)}`), ['entry 1 is missing'], []],
    ['takes the newest', remove(`>= ${key(5)}`), ['entries 5 to 6 are missing'], []],
    ['takes some in the middle', remove(`IN (${key(3)}, ${key(4)})`), ['entries 3 to 4 are missing'], []],
    ['takes all', remove('> 0'), ['entries 1 to 6 are missing'], []],
    [
      'takes all, and the note of the ends',
      `${remove('> 0')}; DELETE FROM records WHERE key = 'audit'`,
      [],
      [unknownBefore(1)]
    ],
    ['takes the note of the ends', "DELETE FROM records WHERE key = 'audit'", [], [unknownBefore(7)]],
    [
      'damages the note of the ends',
      "UPDATE records SET value = 'x' WHERE key = 'audit'",
      [],
      [unknownBefore(7)]
    ],
    [
      'takes the newest, and the note of the ends',
      `${remove(`>= ${key(5)}`)}; DELETE FROM records WHERE key = 'audit'`,
      [],
      [unknownBefore(5)]
    ],
    [
      'damages three',
      `UPDATE records SET value = x'00' WHERE key IN (${key(1)}, ${key(4)}, ${key(6)})`,
      [1, 4, 6].map(n => `entry ${n} is not what was written`),
      []
    ],
    [
      'makes one a text',
      `UPDATE records SET value = 'x' WHERE key = ${key(2)}`,
      ['entry 2 is not what was written'],
      []
    ],
    [
      'adds one far ahead',
      `INSERT INTO records VALUES ('audit/9999999999999999', 1, x'00')`,
      ['the record "audit/9999999999999999" is of no entry'],
      []
    ],
    [
      'adds the next',
      `INSERT INTO records VALUES (${key(7)}, 1, x'00')`,
      [`the record ${key(7).replaceAll("'", '"')} is of no entry`],
      ['!']
    ],
    [
      'adds keys that are none',
      `INSERT INTO records VALUES ('audit/x', 1, 'x'), ('audit/00000000000000x1', 1, 'x'), ('audit/0', 1, 'x')`,
      ['audit/0', 'audit/00000000000000x1', 'audit/x'].map(odd => `the record "${odd}" is of no entry`),
      []
    ],
    [
      'copies one to another place',
      `INSERT INTO records SELECT ${key(9)}, 1, value FROM records WHERE key = ${key(1)}`,
      [`the record ${key(9).replaceAll("'", '"')} is of no entry`],
      []
    ]
  ])(
    'and %s: it is noticed, stays noticed, and nothing else is hidden',
    async (_what, sql, damages, after) => {
      const opened = await writtenTo(sql)
      expect(await damagesOf(opened)).toEqual(damages)
      await opened.vault.list(root)
      await opened.vault.list(root)
      // What lay in the place of an entry to come is gone with it.
      const expected = after[0] === '!' ? [] : [...damages, ...after]
      expect((await damagesOf(opened)).toSorted()).toEqual(expected.toSorted())
      expect((await entriesOf(opened)).slice(0, 2).map(({ action }) => action)).toEqual([
        'box.list',
        'box.list'
      ])
    }
  )

  test('and puts old entries back that had left: they are no part of it', async () => {
    const opened = await open({ maxAuditEntries: 3 })
    for (const name of names) await opened.vault.create(root, name)
    expect(await damagesOf(opened)).toEqual([])
    const value = (await opened.store.get('audit/0000000000000005'))?.value ?? Buffer.of()
    await opened.store.commit([{ put: 'audit/0000000000000002', value }])
    expect(await damagesOf(opened)).toEqual(['the record "audit/0000000000000002" is of no entry'])
    expect((await readAudit(opened)).at(-1)).toEqual({
      checked: 3,
      damages: 1,
      from: 4,
      to: 6,
      oldest: 4,
      newest: 6
    })
  })

  test('and an older note of the ends overwrites no entry', async () => {
    const opened = await open()
    for (const name of names.slice(0, 3)) await opened.vault.create(root, name)
    const note = (await opened.store.get('audit'))?.value ?? Buffer.of()
    for (const name of names.slice(3)) await opened.vault.create(root, name)
    await opened.store.commit([{ put: 'audit', value: note }])
    await opened.close()
    const again = await open()
    await again.vault.list(root)
    expect((await entriesOf(again)).map(({ sequence }) => sequence)).toEqual([7, 6, 5, 4, 3, 2, 1])
    expect(await damagesOf(again)).toEqual([])
  })
})
