import { existsSync, readdirSync, rmSync, statSync, statfsSync, writeFileSync } from 'node:fs'
import { link, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { newBytes } from '../base/secret.ts'
import { draftMark, storeFileEndings } from '../base/default-paths.ts'
import { syncDirectory } from '../base/fsync.ts'
import { errnoOf, isSecretboxError, SecretboxError } from '../base/errors.ts'
import { quotePath } from '../base/host-paths.ts'
import { openPrivateFile, refuseSharedFile } from '../base/private-files.ts'
import { damaged, full, translated } from './sqlite-errors.ts'
import { createCommit } from './sqlite-commit.ts'
import { inTransaction } from './sqlite-transaction.ts'
import { boundsOf, createRows, type Range } from './sqlite-rows.ts'
import { checkSchema, createSchema, watchSchema } from './sqlite-schema.ts'
import type { Store, Write } from './store.ts'

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
    else throw new SecretboxError('not_found', `cannot open store ${quotePath(path)}: no such file`)
    const database = openDatabase(path, { isNew: false })
    removeDrafts(path)
    emptyLog(database, path)
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
    openDatabase(draft, { isNew: true }).close()
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

/** What link(2) says on a file system that knows no links. */
const linkless: ReadonlySet<string> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

function removeDraft(draft: string): void {
  for (const ending of storeFileEndings) rmSync(draft + ending, { force: true })
}

/** What crashes left; whoever is building a store right now finds ours instead. */
function removeDrafts(path: string): void {
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(basename(path) + draftMark)) rmSync(join(dirname(path), name), { force: true })
}

/**
 * A crash may have come between a commit and the scrub after it: what was replaced lies in what the log holds and, where that has not
 * been moved there, in the file. A store opens, to be read, when the disk is full; then it is overwritten in time.
 */
function emptyLog(database: DatabaseSync, path: string): void {
  if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return
  try {
    translating(path, () => database.exec(emptyingLog))
  } catch (error) {
    if (!isSecretboxError(error, 'full') && !isSecretboxError(error, 'unavailable')) throw error
  }
}

function openDatabase(path: string, { isNew }: { isNew: boolean }): DatabaseSync {
  const database = translating(path, () => new DatabaseSync(path, { timeout: 0, defensive: true }))
  try {
    translating(path, () => prepareDatabase(database, path, isNew))
    refuseSharedFile('store', path, statSync(path))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** A truncated file would otherwise be taken by SQLite for a new, empty database. */
async function refuseStranger(path: string): Promise<void> {
  const file = await openPrivateFile('store', path)
  try {
    const head = newBytes(magic.length)
    await file.read(head, 0, head.length, 0)
    const { size } = await file.stat()
    if (size === 0) throw damaged(path, 'it is empty')
    if (head.toString('latin1') !== magic) throw damaged(path, 'it is not an SQLite file')
  } finally {
    await file.close()
  }
}

function prepareDatabase(database: DatabaseSync, path: string, isNew: boolean): void {
  // The exclusive lock comes before the first read, or two daemons could both think they are alone.
  database.exec('PRAGMA locking_mode = EXCLUSIVE')
  // And distrust: the schema is read, and what it asks for would be done, before it can be compared.
  database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
  database.exec(`PRAGMA page_size = ${pageBytes}`)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY')
  database.exec(
    `PRAGMA wal_autocheckpoint = ${logBytes / pageBytes}; PRAGMA journal_size_limit = ${logBytes}`
  )
  inTransaction(database, () => {
    // Written once only: a store must open, to be read, when the disk is full.
    if (isNew) {
      database.exec(`PRAGMA application_id = ${applicationId}`)
      createSchema(database)
    }
    if (pragma(database, 'application_id') !== applicationId)
      throw damaged(path, 'it is an SQLite file of another program')
    checkSchema(database, path)
  })
  for (const [name, value] of assumed) {
    if (pragma(database, name) !== value) throw damaged(path, `SQLite does not take ${name} for it`)
  }
}

/** What SQLite may refuse without an error, as for a file or file system that cannot have it. */
const assumed: readonly [name: string, value: unknown][] = [
  ['locking_mode', 'exclusive'],
  ['journal_mode', 'wal'],
  ['synchronous', 2],
  ['secure_delete', 1],
  ['trusted_schema', 0]
]

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name]
}

function storeOver(database: DatabaseSync, path: string): Store {
  const check = watchSchema(database, path)
  const rows = createRows(database)
  const commit = createCommit(database, check)
  const selectUnusedPages = database.prepare('PRAGMA freelist_count')

  /** On the disk, and inside the file, which does not shrink. */
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(dirname(path))
    return bavail * bsize + Number(selectUnusedPages.get()?.['freelist_count']) * pageBytes
  }

  const checked = <T>(work: () => T): T =>
    translating(path, () => {
      check()
      return work()
    })

  return {
    get: key => promised(() => checked(() => rows.get(key))),

    async *list(prefix, { reverse = false, limit = Infinity, after = prefix } = {}) {
      const [, high] = boundsOf(prefix)
      // In pages, so that no statement stays open across an await and memory does not grow with the list.
      let range: Range | null = limit > 0 ? { low: Buffer.from(after), high, reverse, limit } : null
      while (range !== null) {
        const wanted: Range = range
        const { records, next } = checked(() => rows.page(wanted))
        yield* records
        range = next
        // A turn of the event loop: a long list must not keep other calls waiting.
        if (range !== null) await setImmediate()
      }
    },

    count: prefix => promised(() => checked(() => rows.count(prefix))),

    commit: (writes, onCommitted) =>
      promised(() => {
        translating(path, () => {
          if (isLarge(writes) && freeBytes() < reserveBytes) throw full(path)
          commit(writes)
        })
        onCommitted?.()
      }),

    // What was replaced is overwritten in the file (`secure_delete`), and lies in the write-ahead log until it is cut.
    scrub: () => promised(() => checked(() => database.exec(emptyingLog))),

    close: () => promised(() => database.close())
  }
}

const emptyingLog = 'PRAGMA wal_checkpoint(TRUNCATE)'
/** SQLite's own pages: with its default of 4 KiB a commit of a large record takes half as long again. */
const pageBytes = 16 << 10
/** The length at which the write-ahead log is moved into the file: every commit waits for that, so it is short. */
const logBytes = 4 << 20
/** What large commits leave free of the disk, so that there is room to remove things, to mount and to record it. */
export const reserveBytes = 16 << 20
/** Commits that put more than this are large. */
const largeBytes = 256 << 10

function isLarge(writes: readonly Write[]): boolean {
  let bytes = 0
  for (const write of writes) if ('put' in write) bytes += write.value.length
  return bytes > largeBytes
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
