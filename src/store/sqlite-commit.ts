import type { DatabaseSync } from 'node:sqlite'
import { quote, SecretboxError } from '../base/errors.ts'
import { between, countBetween, boundsOf, maxValueBytes } from './sqlite-rows.ts'
import { inTransaction } from './sqlite-transaction.ts'
import type { Write } from './store.ts'

/** Of what is removed as a whole more than this is only unlinked. */
const mostOverwrittenBytes = 4 << 20

/**
 * Does all writes in one transaction of `database`: all, or none when it throws. `check` may throw once the transaction
 * has begun. Throws `conflict`, `too_large`, and `damaged` when the database did not do exactly what it was told.
 */
export function createCommit(database: DatabaseSync, check: () => void): (writes: readonly Write[]) => void {
  const upsert = database.prepare(
    'INSERT INTO records VALUES (?1, ?2, ?3) ON CONFLICT(key) DO UPDATE SET revision = ?2, value = ?3'
  )
  const deleteOne = database.prepare('DELETE FROM records WHERE key = ?')
  const deleteRange = database.prepare(`DELETE FROM records WHERE ${between}`)
  const countRange = database.prepare(countBetween)
  const selectBytes = database.prepare(
    `SELECT coalesce(sum(octet_length(value)), 0) AS bytes FROM records WHERE ${between}`
  )
  const selectRevision = database.prepare(
    `SELECT CASE WHEN typeof(revision) = 'integer' AND revision BETWEEN 1 AND ${Number.MAX_SAFE_INTEGER - 1}
       THEN revision ELSE 0 END AS revision FROM records WHERE key = ?`
  )
  const selectSame = database.prepare(
    `SELECT 1 AS same FROM records
       WHERE key = ?1 AND revision = ?2 AND typeof(value) = 'blob' AND value = ?3`
  )
  const selectTotal = database.prepare('SELECT total_changes() AS n')
  const total = (): number => Number(selectTotal.get()?.['n'])

  /** The revision of a row, 0 for one that we could not have written, null when there is none. */
  const revisionOf = (key: string): number | null => {
    const row = selectRevision.get(key)
    return row === undefined ? null : Number(row['revision'])
  }

  /** How many rows it changed. */
  const apply = (write: Write): number => {
    if ('removeAll' in write) {
      const bounds = boundsOf(write.removeAll)
      const rows = Number(countRange.get(...bounds)?.['n'])
      // Overwriting a large box's records takes seconds and as much room again. They are encrypted, and the record
      // with their key, removed by its own name, is overwritten.
      const isLarge = Number(selectBytes.get(...bounds)?.['bytes']) > mostOverwrittenBytes
      if (isLarge) database.exec('PRAGMA secure_delete = FAST')
      try {
        require(deleteRange.run(...bounds).changes === rows, write.removeAll)
      } finally {
        if (isLarge) database.exec('PRAGMA secure_delete = ON')
      }
      require(Number(countRange.get(...bounds)?.['n']) === 0, write.removeAll)
      return rows
    }
    const key = 'put' in write ? write.put : write.remove
    const found = revisionOf(key)
    if (write.expect !== undefined && found !== write.expect) {
      throw new SecretboxError('conflict', `record ${quote(key)} was changed by someone else`)
    }
    if ('put' in write) {
      if (write.value.length > maxValueBytes) {
        throw new SecretboxError('too_large', `a record has at most ${maxValueBytes} bytes`)
      }
      const revision = (found ?? 0) + 1
      require(upsert.run(key, revision, write.value).changes === 1, key)
      require(selectSame.get(key, revision, write.value)?.['same'] === 1, key)
      return 1
    }
    const rows = found === null ? 0 : 1
    require(deleteOne.run(key).changes === rows, key)
    require(revisionOf(key) === null, key)
    return rows
  }

  return writes => {
    inTransaction(database, () => {
      check()
      const before = total()
      let expected = 0
      for (const write of writes) expected += apply(write)
      // What others' triggers did to other rows is counted here.
      require(total() - before === expected, 'others')
    })
  }
}

function require(isDone: boolean, what: string): void {
  if (isDone) return
  throw new SecretboxError('damaged', `the store did not write what it was told to: ${quote(what)}`, {
    hint: 'nothing was changed; stop the daemon and restore the store from a backup'
  })
}
