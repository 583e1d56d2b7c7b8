import { existsSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { publishFile } from '../durable.ts'
import { quote, SecretboxError } from '../errors.ts'
import type { Change, Store, StoredRecord } from './store.ts'

/** SQLite's result codes, https://www.sqlite.org/rescode.html */
const sqliteBusy = 5
const sqliteIoError = 10
const sqliteCorrupt = 11
const sqliteFull = 13
const sqliteCannotOpen = 14
const sqliteNotADatabase = 26

const magic = 'SQLite format 3\0'
/** "scbx", so that `file` and we tell a store from any other SQLite file. */
const applicationId = 0x73636278

/**
 * Opens, or with `create` makes, the store in an SQLite file. The file is locked for this process alone until
 * `close`. WAL with `synchronous=FULL`: a commit is on disk when it returns. Throws `in_use` when another
 * process holds it, `damaged` when it is no store, `not_found` when it is missing and `create` is false.
 */
export async function openSqliteStore(path: string, options: { create: boolean }): Promise<Store> {
  if (existsSync(path)) await refuseStranger(path)
  else if (options.create) await createDatabase(path)
  else throw new SecretboxError('not_found', `cannot open store ${quote(path)}: no such file`)
  return storeOver(openDatabase(path), path)
}

/** Built under another name and renamed, so that a crash in between leaves no half store behind. */
async function createDatabase(path: string): Promise<void> {
  const draft = `${path}.new`
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true })
  openDatabase(draft).close()
  await publishFile(draft, path)
}

function openDatabase(path: string): DatabaseSync {
  const database = translating(path, () => new DatabaseSync(path, { timeout: 0 }))
  try {
    translating(path, () => prepareDatabase(database, path))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** A truncated file would otherwise be taken by SQLite for a new, empty database. */
async function refuseStranger(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    const head = Buffer.alloc(magic.length)
    await file.read(head, 0, head.length, 0)
    const { size } = await file.stat()
    if (size === 0 && !existsSync(`${path}-wal`)) throw damaged(path, 'it is empty')
    if (size > 0 && head.toString('latin1') !== magic) throw damaged(path, 'it is not an SQLite file')
  } finally {
    await file.close()
  }
}

function prepareDatabase(database: DatabaseSync, path: string): void {
  // The exclusive lock comes before the first read, or two daemons could both think they are alone.
  database.exec('PRAGMA locking_mode = EXCLUSIVE')
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY')
  database.exec(
    'PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 4194304'
  )
  database.exec('BEGIN IMMEDIATE')
  const seen = Number(database.prepare('PRAGMA application_id').get()?.['application_id'])
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_master').get()?.['n'])
  if (tables > 0 && seen !== applicationId) {
    database.exec('ROLLBACK')
    throw damaged(path, 'it is an SQLite file of another program')
  }
  database.exec(
    `PRAGMA application_id = ${applicationId};
     CREATE TABLE IF NOT EXISTS records(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL)`
  )
  database.exec('COMMIT')
}

function storeOver(database: DatabaseSync, path: string): Store {
  const selectOne = database.prepare('SELECT key, revision, value FROM records WHERE key = ?')
  const selectForward = database.prepare(
    'SELECT key, revision, value FROM records WHERE key > ? AND key < ? ORDER BY key LIMIT ?'
  )
  const selectBackward = database.prepare(
    'SELECT key, revision, value FROM records WHERE key > ? AND key < ? ORDER BY key DESC LIMIT ?'
  )
  const countRange = database.prepare('SELECT count(*) AS n FROM records WHERE key > ? AND key < ?')
  const selectRevision = database.prepare('SELECT revision FROM records WHERE key = ?')
  const upsert = database.prepare(
    'INSERT INTO records VALUES (?1, 1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2, revision = revision + 1'
  )
  const deleteOne = database.prepare('DELETE FROM records WHERE key = ?')
  const deleteRange = database.prepare('DELETE FROM records WHERE key > ? AND key < ?')

  const apply = (change: Change): void => {
    if ('removeAll' in change) {
      deleteRange.run(change.removeAll, endOf(change.removeAll))
      return
    }
    const key = 'put' in change ? change.put : change.remove
    if (change.expect !== undefined) {
      const found = selectRevision.get(key)
      if ((found === undefined ? null : Number(found['revision'])) !== change.expect) {
        throw new SecretboxError('conflict', `record ${quote(key)} was changed by someone else`)
      }
    }
    if ('put' in change) upsert.run(key, change.value)
    else deleteOne.run(key)
  }

  return {
    get: key => promised(() => translating(path, () => recordOf(selectOne.get(key)))),

    async *list(prefix, { reverse = false, limit = Infinity } = {}) {
      // In pages, so that no statement stays open across an await and memory does not grow with the list.
      let [low, high] = [prefix, endOf(prefix)]
      let left = limit
      while (left > 0) {
        const wanted = Math.min(left, pageRows)
        const rows = translating(path, () =>
          (reverse ? selectBackward : selectForward).all(low, high, wanted)
        )
        for (const row of rows) {
          const record = recordOf(row)
          if (record === null) continue
          if (reverse) high = record.key
          else low = record.key
          yield record
        }
        if (rows.length < wanted) return
        left -= rows.length
        await Promise.resolve()
      }
    },

    count: prefix =>
      promised(() => translating(path, () => Number(countRange.get(prefix, endOf(prefix))?.['n']))),

    commit: changes =>
      promised(() =>
        translating(path, () => {
          database.exec('BEGIN IMMEDIATE')
          try {
            for (const change of changes) apply(change)
            database.exec('COMMIT')
          } catch (error) {
            // A full disk or an I/O error may have rolled back already.
            if (database.isTransaction) database.exec('ROLLBACK')
            throw error
          }
        })
      ),

    close: () => promised(() => database.close())
  }
}

const pageRows = 64

/** The least string above every string that begins with `prefix`; keys are ASCII. */
function endOf(prefix: string): string {
  return `${prefix}\x7f`
}

function recordOf(row: Record<string, unknown> | undefined): StoredRecord | null {
  if (row === undefined) return null
  const { key, revision, value } = row
  if (typeof key !== 'string' || !(value instanceof Uint8Array)) return null
  return {
    key,
    revision: Number(revision),
    value: Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
}

/** Runs synchronous work so that what it throws becomes a rejection. */
async function promised<T>(work: () => T): Promise<T> {
  await Promise.resolve()
  return work()
}

/** Runs `work` and turns SQLite's errors into ours, with the file's name and what would be right. */
function translating<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') throw error
    const options = { cause: error }
    switch (error.errcode & 0xff) {
      case sqliteBusy:
        throw new SecretboxError(
          'in_use',
          `cannot open store ${quote(path)}: another secretbox daemon holds it`,
          {
            ...options,
            hint: 'stop the other daemon, or give this one a data directory of its own'
          }
        )
      case sqliteFull:
        throw new SecretboxError('full', `cannot write store ${quote(path)}: the disk is full`, {
          ...options,
          hint: 'free room on the disk that holds the data directory; nothing was changed'
        })
      case sqliteCorrupt:
      case sqliteNotADatabase:
        throw damaged(path, 'its contents are not what was written', error)
      case sqliteIoError:
      case sqliteCannotOpen:
        throw new SecretboxError('unavailable', `cannot use store ${quote(path)}: ${error.message}`, options)
      default:
        throw error
    }
  }
}

function damaged(path: string, reason: string, cause?: unknown): SecretboxError {
  return new SecretboxError('damaged', `cannot open store ${quote(path)}: ${reason}`, {
    hint: 'restore the data directory from a backup, or move the file away to begin a new vault',
    cause
  })
}
