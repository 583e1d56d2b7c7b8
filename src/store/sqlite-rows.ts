import { viewOf } from '../base/bytes.ts'
import type { DatabaseSync } from 'node:sqlite'
import { newBytes } from '../base/secret.ts'
import type { StoredRecord } from './store.ts'

/** The longest value that is stored or read. */
export const maxValueBytes = 256 << 20

/** Where a page of rows begins and ends (both excluded), and how much of it is wanted. */
export interface Range {
  readonly low: Uint8Array
  readonly high: Uint8Array
  readonly reverse: boolean
  readonly limit: number
}

/** Some rows of a range in order; `next` is where the range goes on, null at its end. */
export interface Page {
  readonly records: readonly StoredRecord[]
  readonly next: Range | null
}

/** Reading of rows, whatever they hold: SQLite keeps values of any type in any column. */
export interface Rows {
  get(key: string): StoredRecord | null
  page(range: Range): Page
  count(prefix: string): number
}

const mostRows = 64
const mostPageBytes = 1 << 20

/*
 * Only what we could have written is read. Keys are compared and gone on from as bytes: not all text is UTF-8, and what
 * JavaScript makes of it may lie before the row itself. `octet_length` does not read the value.
 */
const columns = `CAST(key AS BLOB) AS place,
  CASE WHEN typeof(revision) = 'integer' AND revision BETWEEN 1 AND ${Number.MAX_SAFE_INTEGER} THEN revision END AS revision,
  CASE WHEN typeof(value) = 'blob' AND octet_length(value) <= ${maxValueBytes} THEN value END AS value`
/** A condition: the keys that lie between two, both excluded, which are the first two parameters. */
export const between = 'key > CAST(?1 AS TEXT) AND key < CAST(?2 AS TEXT)'
/** How many rows have such keys, as `n`. */
export const countBetween = `SELECT count(*) AS n FROM records WHERE ${between}`

/** Statements that read rows of `database`. */
export function createRows(database: DatabaseSync): Rows {
  const selectOne = database.prepare(`SELECT ${columns} FROM records WHERE key = ?`)
  const selectForward = database.prepare(
    `SELECT ${columns} FROM records WHERE ${between} ORDER BY key LIMIT ?3`
  )
  const selectBackward = database.prepare(
    `SELECT ${columns} FROM records WHERE ${between} ORDER BY key DESC LIMIT ?3`
  )
  const countRange = database.prepare(countBetween)

  return {
    get(key) {
      const row = selectOne.get(key)
      return row === undefined ? null : recordOf(row)
    },

    page(range) {
      const records: StoredRecord[] = []
      let bytes = 0
      let last: Uint8Array | null = null
      const wanted = Math.min(range.limit, mostRows)
      const statement = range.reverse ? selectBackward : selectForward
      for (const row of statement.iterate(range.low, range.high, wanted)) {
        const record = recordOf(row)
        records.push(record)
        last = row['place'] as Uint8Array
        bytes += record.value.length
        if (bytes >= mostPageBytes) break
      }
      const isEnd = bytes < mostPageBytes && records.length < wanted
      const limit = range.limit - records.length
      if (isEnd || limit === 0 || last === null) return { records, next: null }
      return { records, next: { ...range, ...(range.reverse ? { high: last } : { low: last }), limit } }
    },

    count: prefix => Number(countRange.get(...boundsOf(prefix))?.['n'])
  }
}

/** What lies, both ends excluded, between these are the keys that begin with `prefix`; keys are ASCII. */
export function boundsOf(prefix: string): [low: Uint8Array, high: Uint8Array] {
  return [Buffer.from(prefix), Buffer.from(`${prefix}\x7f`)]
}

// No record of ours has an empty value: who reads it takes a row that we could not have written for the damaged one it is.
function recordOf(row: Record<string, unknown>): StoredRecord {
  const key = Buffer.from(row['place'] as Uint8Array).toString()
  const { revision, value } = row
  if (typeof revision !== 'number' || !(value instanceof Uint8Array)) {
    return { key, revision: 0, value: newBytes(0) }
  }
  return { key, revision, value: viewOf(value) }
}
