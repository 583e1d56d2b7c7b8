import { existsSync, readdirSync, rmSync, statSync, statfsSync, writeFileSync } from 'node:fs'
import { link, open, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { syncDirectory } from '../durable.ts'
import { errnoOf, quote, SecretboxError } from '../errors.ts'
import { refuseSharedFile } from '../private-place.ts'
import { damaged, full, translated } from './sqlite-errors.ts'
import type { Change, Store, StoredRecord } from './store.ts'

const magic = 'SQLite format 3\0'
/** "scbx", so that `file` and we tell a store from any other SQLite file. */
const applicationId = 0x73636278

/**
 * Opens, or with `create` makes, the store in an SQLite file. The file is locked for this process alone until
 * `close`. WAL with `synchronous=FULL`: a commit is on disk when it returns. Throws `in_use` when another
 * process holds it, `denied` when others may use the file, `damaged` when it is no store, `not_found` when it is missing and `create` is false,
 * `unavailable` or `full` when the disk refuses.
 */
export async function openSqliteStore(path: string, options: { create: boolean }): Promise<Store> {
  try {
    if (existsSync(path)) await refuseStranger(path)
    else if (existsSync(`${path}-wal`)) throw damaged(path, 'it is gone, but its write-ahead log is there')
    else if (options.create) await createDatabase(path)
    else throw new SecretboxError('not_found', `cannot open store ${quote(path)}: no such file`)
    const database = openDatabase(path)
    removeDrafts(path)
    return storeOver(database, path)
  } catch (error) {
    throw translated(path, error)
  }
}

/**
 * Built under another name and linked, so that a crash in between leaves no half store behind, and so that of two
 * processes that find no store neither can replace the one that the other has opened already.
 */
async function createDatabase(path: string): Promise<void> {
  const draft = `${path}${draftMark}${process.pid}`
  removeDraft(draft)
  try {
    writeFileSync(draft, '', { flag: 'wx', mode: 0o600 })
    openDatabase(draft).close()
    await link(draft, path)
  } catch (error) {
    // Another process was first, and has cleared our draft away as one that a crash left; or there are no links here.
    if (!existsSync(path)) {
      if (!linkless.has(errnoOf(error) ?? '')) throw error
      await rename(draft, path)
    }
  } finally {
    removeDraft(draft)
  }
  await syncDirectory(dirname(path))
}

const draftMark = '.new.'
/** What link(2) says on a file system that knows no links. */
const linkless: ReadonlySet<string> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

function removeDraft(draft: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true })
}

/** What crashes left; whoever is building a store right now finds ours instead. */
function removeDrafts(path: string): void {
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(basename(path) + draftMark)) rmSync(join(dirname(path), name), { force: true })
}

function openDatabase(path: string): DatabaseSync {
  const database = translating(path, () => new DatabaseSync(path, { timeout: 0 }))
  try {
    translating(path, () => prepareDatabase(database, path))
    refuseSharedFile('store', path, statSync(path))
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
    if (size === 0) throw damaged(path, 'it is empty')
    if (head.toString('latin1') !== magic) throw damaged(path, 'it is not an SQLite file')
  } finally {
    await file.close()
  }
}

function prepareDatabase(database: DatabaseSync, path: string): void {
  // The exclusive lock comes before the first read, or two daemons could both think they are alone.
  database.exec('PRAGMA locking_mode = EXCLUSIVE')
  database.exec(`PRAGMA page_size = ${pageBytes}`)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY')
  database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
  database.exec(
    `PRAGMA wal_autocheckpoint = ${logBytes / pageBytes}; PRAGMA journal_size_limit = ${logBytes}`
  )
  database.exec('BEGIN IMMEDIATE')
  const seen = Number(database.prepare('PRAGMA application_id').get()?.['application_id'])
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_master').get()?.['n'])
  if (tables > 0 && seen !== applicationId) {
    database.exec('ROLLBACK')
    throw damaged(path, 'it is an SQLite file of another program')
  }
  // Written once only: a store must open, to be read, when the disk is full.
  if (tables === 0) {
    database.exec(
      `PRAGMA application_id = ${applicationId};
       CREATE TABLE records(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL)`
    )
  }
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
  const selectUnusedPages = database.prepare('PRAGMA freelist_count')
  const deleteOne = database.prepare('DELETE FROM records WHERE key = ?')
  const deleteRange = database.prepare('DELETE FROM records WHERE key > ? AND key < ?')

  const apply = (change: Change): void => {
    if ('removeAll' in change) {
      // Overwriting a large box's records takes seconds and as much room again. They are sealed, and the record
      // with their key, removed by its own name, is overwritten.
      database.exec('PRAGMA secure_delete = FAST')
      try {
        deleteRange.run(change.removeAll, endOf(change.removeAll))
      } finally {
        database.exec('PRAGMA secure_delete = ON')
      }
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

  /** On the disk, and inside the file, which does not shrink. */
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize + Number(selectUnusedPages.get()?.['freelist_count']) * pageBytes
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
        // A turn of the event loop: a long list must not keep other calls waiting.
        await setImmediate()
      }
    },

    count: prefix =>
      promised(() => translating(path, () => Number(countRange.get(prefix, endOf(prefix))?.['n']))),

    commit: changes =>
      promised(() =>
        translating(path, () => {
          if (isLarge(changes) && freeBytes() < reserveBytes) throw full(path)
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

/** SQLite's own pages: with its default of 4 KiB a commit of a large record takes half as long again. */
const pageBytes = 16 << 10
/** The length at which the write-ahead log is moved into the file: every commit waits for that, so it is short. */
const logBytes = 4 << 20
const pageRows = 64
/** What large commits leave free of the disk, so that there is room to remove things, to mount and to record it. */
const reserveBytes = 16 << 20
/** Commits that put more than this are large. */
const largeBytes = 256 << 10

function isLarge(changes: readonly Change[]): boolean {
  let bytes = 0
  for (const change of changes) if ('put' in change) bytes += change.value.length
  return bytes > largeBytes
}

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

/** Runs `work` and turns what it throws into errors of ours. */
function translating<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw translated(path, error)
  }
}
