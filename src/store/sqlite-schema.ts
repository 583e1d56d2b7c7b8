import type { DatabaseSync } from 'node:sqlite'
import { quote, SecretboxError } from '../base/errors.ts'
import { hostPath, quotePath } from '../base/host-paths.ts'
import { damaged } from './sqlite-errors.ts'

const createTable =
  'CREATE TABLE records(key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL)'

/** All that a store's schema holds, as SQLite keeps it: the table's text letter by letter, and the index of its key. */
const ours: readonly SchemaObject[] = [
  { type: 'table', name: 'records', tbl_name: 'records', sql: createTable },
  { type: 'index', name: 'sqlite_autoindex_records_1', tbl_name: 'records', sql: null }
]

/** A row of sqlite_schema, https://www.sqlite.org/schematab.html; of a file that others wrote to, of any type. */
interface SchemaObject {
  readonly type: unknown
  readonly name: unknown
  readonly tbl_name: unknown
  readonly sql: unknown
}

/** More than a message can name, few enough to be read at once. */
const mostObjects = 100

/** Makes the table, in a transaction of the caller's. */
export function createSchema(database: DatabaseSync): void {
  database.exec(createTable)
}

/**
 * Throws `damaged` unless the schema is ours and nothing but ours. Who can write to the file once could otherwise
 * leave a trigger in it, or a view in the place of the table, that makes of later changes what it likes.
 */
export function checkSchema(database: DatabaseSync, path: string): void {
  const found = database
    .prepare(`SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT ${mostObjects}`)
    .all() as unknown as SchemaObject[]
  const missing = ours.filter(object => !found.some(other => isSame(object, other)))
  if (missing.length > 0) throw damaged(path, 'its table "records" is not what was written')
  const foreign = found.filter(object => !ours.some(other => isSame(object, other)))
  if (foreign.length > 0 || found.length > ours.length) throw foreignObjects(path, foreign)
  const encoding = database.prepare('PRAGMA encoding').get()?.['encoding']
  // The order of keys is that of their bytes.
  if (encoding !== 'UTF-8') throw damaged(path, `its text is in ${quote(String(encoding))}, not in UTF-8`)
}

/** Throws `damaged` when the schema is another than at the last look and not ours any more. */
export function watchSchema(database: DatabaseSync, path: string): () => void {
  const select = database.prepare('PRAGMA schema_version')
  const version = (): unknown => select.get()?.['schema_version']
  let seen = version()
  return () => {
    const now = version()
    if (now === seen) return
    checkSchema(database, path)
    seen = now
  }
}

function isSame(a: SchemaObject, b: SchemaObject): boolean {
  return a.type === b.type && a.name === b.name && a.tbl_name === b.tbl_name && a.sql === b.sql
}

function foreignObjects(path: string, foreign: readonly SchemaObject[]): SecretboxError {
  const names = foreign.slice(0, mostNamed).map(({ type, name }) => `${wordFor(type)} ${quote(String(name))}`)
  const others = foreign.length - names.length
  const all = [...names, ...(others === 0 ? [] : [`${others} more`])].join(', ')
  return new SecretboxError(
    'damaged',
    `cannot open store ${quotePath(path)}: it holds ${all}, which secretbox did not make`,
    {
      hint: `somebody wrote to the store and may have changed more: restore it from a backup, or look into it and then take out what is foreign${commandFor(path, foreign)}`
    }
  )
}

const mostNamed = 5
const words = new Set(['table', 'index', 'trigger', 'view'])

function wordFor(type: unknown): string {
  return typeof type === 'string' && words.has(type) ? type : 'object'
}

/** The command that drops them, if all their names are safe to be typed; a stranger chose them. */
function commandFor(path: string, foreign: readonly SchemaObject[]): string {
  // What belongs to a table goes with it.
  const dropped = foreign.filter(({ name }) => !/^sqlite_/i.test(String(name)))
  const isPlain =
    dropped.length <= mostNamed &&
    dropped.every(({ type, name }) => wordFor(type) !== 'object' && /^\w{1,64}$/.test(String(name))) &&
    /^[\w./-]+$/.test(path)
  if (dropped.length === 0 || !isPlain) return ', with sqlite3'
  const sql = dropped.map(({ type, name }) => `DROP ${wordFor(type).toUpperCase()} IF EXISTS ${String(name)}`)
  return `: sqlite3 ${hostPath(path)} '${sql.join('; ')}'`
}
