import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { describeStore } from './contract.ts'

describeStore('a store in an SQLite file', () => {
  const path = join(temporaryDirectory(), 'store.db')
  return { open: () => openSqliteStore(path, { create: true }) }
})

function newPath(): string {
  return join(temporaryDirectory(), 'store.db')
}

/** A store file with some records in it, closed. */
async function filledStore(): Promise<string> {
  const path = newPath()
  const store = await openSqliteStore(path, { create: true })
  for (let i = 0; i < 50; i++) await store.commit([{ put: `key/${i}`, value: randomBytes(4000) }])
  await store.close()
  return path
}

const restore = 'restore the data directory from a backup, or move the file away to begin a new vault'

describe('a store file', () => {
  test('is made whole under its own name, and leaves nothing beside it once it is closed', async () => {
    const path = await filledStore()
    expect(readdirSync(join(path, '..'))).toEqual(['store.db'])
    const database = new DatabaseSync(path)
    expect(database.prepare('PRAGMA application_id').get()).toEqual({ application_id: 0x73636278 })
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    database.close()
  })

  test('is readable by its owner alone', async () => {
    const path = await filledStore()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('keeps nothing of what was removed', async () => {
    const path = newPath()
    const store = await openSqliteStore(path, { create: true })
    const value = randomBytes(2_000_000)
    await store.commit([{ put: 'a', value }])
    await store.commit([{ remove: 'a' }])
    await store.close()
    const piece = value.subarray(500_000, 500_032)
    expect(readFileSync(path).includes(piece)).toBe(false)
  })

  test('that is missing is an error unless it may be made', async () => {
    const path = newPath()
    await expect(openSqliteStore(path, { create: false })).rejects.toMatchObject({
      code: 'not_found',
      message: `cannot open store "${path}": no such file`
    })
    expect(existsSync(path)).toBe(false)
  })

  test('that is empty is damaged, not new', async () => {
    const path = newPath()
    writeFileSync(path, '')
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": it is empty`,
      hint: restore
    })
    expect(statSync(path).size).toBe(0)
  })

  test('that is emptied beside its write-ahead log is damaged, and the log stays', async () => {
    const path = newPath()
    const store = await openSqliteStore(path, { create: true })
    await store.commit([{ put: 'a', value: Buffer.from('x') }])
    const log = readFileSync(`${path}-wal`)
    await store.close()
    writeFileSync(path, '')
    writeFileSync(`${path}-wal`, log)
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": it is empty`
    })
    expect(readFileSync(`${path}-wal`).equals(log)).toBe(true)
  })

  test('that is gone while its write-ahead log is there is damaged, not new, and the log stays', async () => {
    const path = newPath()
    writeFileSync(`${path}-wal`, randomBytes(9000))
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": it is gone, but its write-ahead log is there`,
      hint: restore
    })
    expect(readdirSync(join(path, '..'))).toEqual(['store.db-wal'])
  })

  test.each<[string, (whole: Buffer) => Buffer]>([
    ['garbage', whole => randomBytes(whole.length)],
    ['text', () => Buffer.from('this is no database, and it is longer than a header of one'.repeat(20))],
    ['shorter than a header', whole => whole.subarray(0, 10)]
  ])('that holds %s is not an SQLite file', async (_name, contents) => {
    const path = await filledStore()
    const bytes = contents(readFileSync(path))
    writeFileSync(path, bytes)
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": it is not an SQLite file`,
      hint: restore
    })
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  test.each([16, 100, 4096, 8192, 40_000])('that was cut to %i bytes is damaged', async bytes => {
    const path = await filledStore()
    truncateSync(path, bytes)
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": its contents are not what was written`,
      hint: restore
    })
    expect(statSync(path).size).toBe(bytes)
  })

  test('whose pages were overwritten is damaged when they are read', async () => {
    const path = await filledStore()
    const bytes = readFileSync(path)
    bytes.fill(0xa5, 4096)
    writeFileSync(path, bytes)
    const reading = openSqliteStore(path, { create: true }).then(async store => {
      try {
        return await Array.fromAsync(store.list('key/'))
      } finally {
        await store.close()
      }
    })
    await expect(reading).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": its contents are not what was written`
    })
  })

  test('of another program is left as it is', async () => {
    const path = newPath()
    const database = new DatabaseSync(path)
    database.exec('CREATE TABLE theirs(a)')
    database.close()
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'damaged',
      message: `cannot open store "${path}": it is an SQLite file of another program`
    })
    const again = new DatabaseSync(path)
    expect(again.prepare('SELECT name FROM sqlite_master').all()).toEqual([{ name: 'theirs' }])
    again.close()
  })

  test('that is a directory cannot be opened, and the message says so', async () => {
    const path = temporaryDirectory()
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot use store "${path}": it is a directory`
    })
  })
})
