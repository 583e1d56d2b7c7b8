import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

/** A store with three sound rows, to which somebody wrote once while it was closed. */
async function writtenTo(sql: string): Promise<Store> {
  const path = join(temporaryDirectory(), 'store.db')
  const first = await openSqliteStore(path, { create: true })
  for (const key of ['n/a', 'n/m', 'n/z']) await first.commit([{ put: key, value: Buffer.from(key) }])
  await first.close()
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
  const store = await openSqliteStore(path, { create: false })
  onTestFinished(() => store.close())
  return store
}

const odd = (key: string, revision: string, value: string): string =>
  `INSERT INTO records VALUES (${key}, ${revision}, ${value})`

test.each<[what: string, sql: string, odd: number]>([
  ['a value that is text', odd("'n/b'", '1', "'text'"), 1],
  ['a value that is a number', odd("'n/b'", '1', '7'), 1],
  ['a value that is longer than any of ours', odd("'n/b'", '1', `zeroblob(${(256 << 20) + 1})`), 1],
  ['a revision that is text', odd("'n/b'", "'x'", "x'00'"), 1],
  ['a revision that is a fraction', odd("'n/b'", '1.5', "x'00'"), 1],
  ['a negative revision', odd("'n/b'", '-1', "x'00'"), 1],
  ['no revision yet', odd("'n/b'", '0', "x'00'"), 1],
  ['the greatest revision', odd("'n/b'", '9223372036854775807', "x'00'"), 1],
  ['a key that is not UTF-8', odd("CAST(x'6e2f62ff' AS TEXT)", '1', "'text'"), 1],
  ['a key that is cut off in a character', odd("CAST(x'6e2f62c3' AS TEXT)", '1', "'text'"), 1],
  ['a key with a NUL in it', odd("CAST(x'6e2f6200' AS TEXT)", '1', "'text'"), 1],
  ['a key of bytes', odd("x'6e2f62'", '1', "x'00'"), 0],
  ['a key of a megabyte', odd("'n/b' || hex(zeroblob(1000000))", '1', "'text'"), 1],
  [
    'hundreds of rows without a sound one',
    `WITH RECURSIVE i(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM i WHERE n < 499)
     INSERT INTO records SELECT 'n/b' || n, 'x', 'text' FROM i`,
    400
  ],
  [
    'hundreds of keys that are not UTF-8',
    `WITH RECURSIVE i(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM i WHERE n < 499)
     INSERT INTO records SELECT CAST(x'6e2f62ff' || n AS TEXT), 1, 'text' FROM i`,
    400
  ]
])('a row with %s is empty, and hides no other', async (_what, sql, rows) => {
  const store = await writtenTo(sql)
  const listed = await Array.fromAsync(store.list('n/'))
  const backwards = await Array.fromAsync(store.list('n/', { reverse: true }))
  expect(backwards.toReversed()).toEqual(listed)
  expect(listed.filter(({ value }) => value.length > 0).map(({ key }) => key)).toEqual(['n/a', 'n/m', 'n/z'])
  expect(listed.filter(({ value, revision }) => value.length === 0 && revision === 0)).toHaveLength(rows)
  expect(await store.count('n/')).toBe(rows + 3)
  const empty = { key: 'n/b', revision: 0, value: Buffer.of() }
  if (sql.includes("'n/b',")) expect(await store.get('n/b')).toEqual(empty)
})

test('a row that is not ours can be replaced and removed, but not by who takes it for another', async () => {
  const store = await writtenTo(
    [odd("'n/b'", "'x'", "'text'"), odd("'n/c'", '9223372036854775807', "x'00'")].join(';')
  )
  const value = Buffer.from('new')
  for (const expectation of [null, 1])
    await expect(store.commit([{ put: 'n/b', value, expect: expectation }])).rejects.toMatchObject({
      code: 'conflict'
    })
  await store.commit([
    { put: 'n/b', value },
    { put: 'n/c', value }
  ])
  expect(await store.get('n/b')).toEqual({ key: 'n/b', revision: 1, value })
  expect(await store.get('n/c')).toEqual({ key: 'n/c', revision: 1, value })
  await store.commit([{ remove: 'n/b' }])
  expect(await store.get('n/b')).toBe(null)
})

test('a value longer than any that would be read is not written', async () => {
  const store = await writtenTo('')
  const value = new Uint8Array((256 << 20) + 1)
  await expect(store.commit([{ put: 'n/b', value }])).rejects.toMatchObject({
    code: 'too_large',
    message: 'a record has at most 268435456 bytes'
  })
})
