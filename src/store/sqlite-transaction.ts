import type { DatabaseSync } from 'node:sqlite'

/** Runs `act` in one transaction of `database`: all that it does is done, or nothing when it throws. */
export function inTransaction(database: DatabaseSync, act: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    act()
    database.exec('COMMIT')
  } catch (error) {
    // A full disk or an I/O error may have rolled back already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
