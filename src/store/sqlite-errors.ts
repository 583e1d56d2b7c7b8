import { errnoOf, quote, reasonOf, SecretboxError } from '../base/errors.ts'
import { quotePath } from '../base/host-paths.ts'

/** SQLite's result codes, https://www.sqlite.org/rescode.html */
const sqliteBusy = 5
const sqliteReadOnly = 8
const sqliteIoError = 10
const sqliteCorrupt = 11
const sqliteFull = 13
const sqliteCannotOpen = 14
const sqliteNotADatabase = 26

/** What SQLite or the system said as an error of ours, with the file's name and what would be right. */
export function translated(path: string, error: unknown): unknown {
  if (errnoOf(error) === 'ENOSPC') return full(path, error)
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : null
  switch (code) {
    case sqliteBusy:
      return new SecretboxError(
        'in_use',
        `cannot open store ${quotePath(path)}: another secretbox daemon holds it`,
        { cause: error, hint: 'stop the other daemon, or give this one a data directory of its own' }
      )
    case sqliteFull:
      return full(path, error)
    case sqliteCorrupt:
    case sqliteNotADatabase:
      return damaged(path, damageIn(error), error)
    case sqliteIoError:
    case sqliteCannotOpen:
    case sqliteReadOnly:
      return unavailable(path, messageOf(error), error)
    default:
      // An errno's name, not one of Node's own words (`ERR_…`).
      return /^E[A-Z0-9]+$/.test(errnoOf(error) ?? '') ? unavailable(path, reasonOf(error), error) : error
  }
}

/** Throw it when there is no room for a commit. */
export function full(path: string, cause?: unknown): SecretboxError {
  return new SecretboxError('full', `cannot write store ${quotePath(path)}: the disk is full`, {
    hint: 'free room on the disk that holds the data directory; nothing was changed',
    cause
  })
}

function unavailable(path: string, reason: string, cause: unknown): SecretboxError {
  return new SecretboxError('unavailable', `cannot use store ${quotePath(path)}: ${reason}`, { cause })
}

/** Throw it for a file that is no store, or not the one that was written. */
export function damaged(path: string, reason: string, cause?: unknown): SecretboxError {
  return new SecretboxError('damaged', `cannot open store ${quotePath(path)}: ${reason}`, {
    hint: 'restore the data directory from a backup, or move the file away to begin a new vault',
    cause
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

// SQLite names an object of the schema that it cannot read; who put it there chose its name.
function damageIn(error: unknown): string {
  const [, object] = /^malformed database schema \((.*?)\)/s.exec(messageOf(error)) ?? []
  return object === undefined
    ? 'its contents are not what was written'
    : `${quote(object)} in its schema cannot be read`
}
