import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SecretboxError } from '../../src/base/errors.ts'
import { createCommit } from '../../src/store/sqlite-commit.ts'
import { checkSchema, createSchema, watchSchema } from '../../src/store/sqlite-schema.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Write } from '../../src/store/store.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

/** A store with a record, to which somebody wrote once while it was closed. */
async function writtenTo(sql: string): Promise<string> {
  const path = join(temporaryDirectory(), 'store.db')
  const store = await openSqliteStore(path, { create: true })
  await store.commit([{ put: 'box/a', value: Buffer.from('old') }])
  await store.close()
  const database = new DatabaseSync(path, { defensive: false })
  database.exec(`PRAGMA foreign_keys = OFF; ${sql}`)
  database.close()
  return path
}

const rebuilt = (columns: string, rest = ''): string =>
  `CREATE TABLE other(${columns})${rest}; INSERT INTO other(key, revision, value) SELECT key, revision, value FROM records;
   DROP TABLE records; ALTER TABLE other RENAME TO records`
const columns = 'key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL'

describe('a store file', () => {
  test.each<[what: string, sql: string, reason: string, remedy: string]>([
    [
      'a trigger',
      'CREATE TRIGGER freeze BEFORE UPDATE ON records BEGIN SELECT RAISE(IGNORE); END',
      'it holds trigger "freeze", which secretbox did not make',
      "'DROP TRIGGER IF EXISTS freeze'"
    ],
    [
      'a table and what belongs to it',
      'CREATE TABLE kept(key PRIMARY KEY, value)',
      'it holds table "kept", index "sqlite_autoindex_kept_1", which secretbox did not make',
      "'DROP TABLE IF EXISTS kept'"
    ],
    [
      'an index',
      'CREATE INDEX fast ON records(value)',
      'it holds index "fast", which secretbox did not make',
      "'DROP INDEX IF EXISTS fast'"
    ],
    [
      'a view and a trigger on it',
      `CREATE VIEW seen AS SELECT * FROM records;
       CREATE TRIGGER t INSTEAD OF DELETE ON seen BEGIN SELECT 1; END`,
      'it holds view "seen", trigger "t", which secretbox did not make',
      "'DROP VIEW IF EXISTS seen; DROP TRIGGER IF EXISTS t'"
    ],
    [
      'what only tells the query planner something',
      'ANALYZE',
      'it holds table "sqlite_stat1", which secretbox did not make',
      'with sqlite3'
    ],
    [
      'a virtual table',
      'CREATE VIRTUAL TABLE look USING rtree(id, a, b)',
      'it holds table "look", table "look_rowid", table "look_node", table "look_parent", which secretbox did not make',
      "'DROP TABLE IF EXISTS look; "
    ],
    [
      'a name that is a command when it is typed',
      `CREATE VIEW "x'; touch /tmp/x #" AS SELECT 1`,
      `it holds view "x'; touch /tmp/x #", which secretbox did not make`,
      'with sqlite3'
    ],
    [
      'more than can be named',
      Array.from({ length: 130 }, (_, i) => `CREATE VIEW v${i} AS SELECT 1`).join(';'),
      'view "v4", 93 more, which secretbox did not make',
      'with sqlite3'
    ]
  ])(
    'with %s in it is refused, and that named with the way to remove it',
    async (_what, sql, reason, remedy) => {
      const path = await writtenTo(sql)
      const before = readFileSync(path)
      const refused = await openSqliteStore(path, { create: true }).catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'damaged' })
      expect((refused as SecretboxError).message).toContain(reason)
      expect((refused as SecretboxError).hint).toContain(remedy)
      expect(readFileSync(path).equals(before)).toBe(true)
    }
  )

  test('opens again once what the message says was done', async () => {
    const path = await writtenTo(
      `CREATE TRIGGER a AFTER DELETE ON records BEGIN SELECT 1; END; CREATE TABLE b(c UNIQUE)`
    )
    const error = await openSqliteStore(path, { create: true }).catch((thrown: unknown) => thrown)
    const [, sql = ''] = /: sqlite3 .* '(.*)'$/.exec((error as { hint: string }).hint) ?? []
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
    const store = await openSqliteStore(path, { create: false })
    expect((await store.get('box/a'))?.value.toString()).toBe('old')
    await store.close()
  })

  test.each<[what: string, sql: string]>([
    ['other columns', rebuilt(`${columns}, more TEXT`)],
    ['a generated column', rebuilt(`${columns}, more TEXT AS (key || 'x')`)],
    ['another order of its keys', rebuilt(columns.replace('NOT NULL', 'COLLATE NOCASE NOT NULL'))],
    ['no rowid', rebuilt(columns, ' WITHOUT ROWID')],
    ['strict types', rebuilt(columns, ' STRICT')],
    ['a check', rebuilt(`${columns} CHECK (revision < 3)`)],
    ['a foreign key', rebuilt(`${columns} REFERENCES records(key) ON DELETE CASCADE`)],
    ['a default', rebuilt(`${columns} DEFAULT x'00'`)],
    ['a key that is replaced', rebuilt(columns.replace('PRIMARY KEY', 'PRIMARY KEY ON CONFLICT IGNORE'))],
    ['no table', 'DROP TABLE records'],
    ['a view in its place', 'ALTER TABLE records RENAME TO r; CREATE VIEW records AS SELECT * FROM r']
  ])('whose table has %s is refused', async (_what, sql) => {
    const path = await writtenTo(sql)
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": its table "records" is not what was written`
    })
  })

  test('whose schema cannot even be read is refused, and that is named', async () => {
    const path = await writtenTo(
      `CREATE TRIGGER odd AFTER DELETE ON records BEGIN SELECT 1; END; PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = 'CREATE TRIGGER odd no sense' WHERE name = 'odd'`
    )
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": "odd" in its schema cannot be read`
    })
  })

  test('in another encoding is refused', async () => {
    const path = join(temporaryDirectory(), 'store.db')
    const database = new DatabaseSync(path)
    database.exec('PRAGMA encoding = "UTF-16le"; PRAGMA application_id = 0x73636278')
    createSchema(database)
    database.close()
    execFileSync('chmod', ['0600', path])
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": its text is in "UTF-16le", not in UTF-8`
    })
  })
})

function bareDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  createSchema(database)
  return database
}

test('a schema that is changed while the store is open is looked at again', () => {
  const database = bareDatabase()
  const check = watchSchema(database, '/store.db')
  const commit = createCommit(database, check)
  commit([{ put: 'a', value: Buffer.from('1') }])
  database.exec('CREATE TRIGGER late AFTER DELETE ON records BEGIN SELECT 1; END')
  expect(() => commit([{ put: 'a', value: Buffer.from('2') }])).toThrow('it holds trigger "late"')
  expect(() => checkSchema(database, '/store.db')).toThrow('it holds trigger "late"')
  expect(database.prepare('SELECT value FROM records').get()).toEqual({ value: new Uint8Array([0x31]) })
  database.exec('DROP TRIGGER late')
  commit([{ put: 'a', value: Buffer.from('2') }])
  database.close()
})

// The schema is not looked at here: whatever keeps a write from being what was wished, the write itself notices it.
describe('a commit that the database does otherwise than it was told', () => {
  const [put, remove]: Write[] = [{ put: 'box/a', value: Buffer.from('new') }, { remove: 'box/a' }]
  const ignore = 'BEGIN SELECT RAISE(IGNORE); END'

  test.each<[what: string, trigger: string, change: Write | undefined]>([
    ['leaves an update out', `BEFORE UPDATE ON records ${ignore}`, put],
    [
      'leaves an insertion out',
      `BEFORE INSERT ON records ${ignore}`,
      { put: 'box/b', value: Buffer.from('x') }
    ],
    ['leaves a removal out', `BEFORE DELETE ON records ${ignore}`, remove],
    [
      'leaves one of many removals out',
      `BEFORE DELETE ON records WHEN old.key = 'box/a' ${ignore}`,
      { removeAll: 'box/' }
    ],
    [
      'writes something else',
      "AFTER UPDATE OF value ON records BEGIN UPDATE records SET value = x'00' WHERE key = new.key; END",
      put
    ],
    [
      'puts back what was removed',
      'AFTER DELETE ON records BEGIN INSERT INTO records VALUES (old.key, old.revision, old.value); END',
      remove
    ],
    [
      'keeps a copy elsewhere',
      'AFTER DELETE ON records BEGIN INSERT INTO kept VALUES (old.value); END',
      remove
    ],
    ['changes another row', "AFTER UPDATE ON records BEGIN DELETE FROM records WHERE key = 'box/c'; END", put]
  ])('%s changes nothing and is damaged', (_what, trigger, change) => {
    const database = bareDatabase()
    const commit = createCommit(database, () => undefined)
    commit(['box/a', 'box/c'].map(key => ({ put: key, value: Buffer.from('old') })))
    database.exec(`PRAGMA recursive_triggers = OFF; CREATE TABLE kept(value); CREATE TRIGGER t ${trigger}`)
    const rows = (): unknown => database.prepare('SELECT * FROM records, (SELECT count(*) FROM kept)').all()
    const before = rows()
    expect(() => commit([{ put: 'other', value: Buffer.from('x') }, ...(change ? [change] : [])])).toThrow(
      'the store did not write what it was told to'
    )
    expect(rows()).toEqual(before)
    expect(database.isTransaction).toBe(false)
    database.close()
  })
})
