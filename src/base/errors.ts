/** What went wrong, in a word that stays the same between releases; callers branch on it, never on the text. */
export type ErrorCode =
  | 'invalid' // the request itself is wrong
  | 'denied' // this caller may not do this
  | 'not_found' // the named thing does not exist
  | 'exists' // the named thing exists already
  | 'conflict' // the thing's state forbids it
  | 'precondition' // the version asked for is not the newest
  | 'in_use' // something else holds it
  | 'too_large' // a limit is exceeded
  | 'too_many' // asked too often
  | 'sealed' // the vault has no root key
  | 'unavailable' // something outside (disk, kernel, engine) does not serve
  | 'full' // no room left on the disk that holds the store
  | 'damaged' // stored bytes are not what was stored
  | 'internal' // a fault of ours; the cause is in the log only

/**
 * The one error class. `message` names the action, quotes the thing, says what would be right; it is lower
 * case, has no full stop and never holds file contents. `hint` is a second line: what to do about it.
 */
export class SecretboxError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'SecretboxError'
    this.code = code
    this.hint = options.hint
  }
}

/** What callers hear of a fault of ours: the cause is in the log only. `about`: what failed, up to the colon. */
export function internalError(about = '', cause?: unknown): SecretboxError {
  return new SecretboxError('internal', `${about}internal error`, {
    cause,
    hint: 'the daemon’s log has the cause'
  })
}

/** True for an error of ours, with this code when one is named. */
export function isSecretboxError(error: unknown, code?: ErrorCode): error is SecretboxError {
  return error instanceof SecretboxError && (code === undefined || error.code === code)
}

/** The errno name (`ENOENT`, `ENOSPC`, …) of a Node system error, or null. */
export function errnoOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

const errnoWords: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'something of that name is there already',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symlink, or its path has too many of them',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space is left there',
  ENOTDIR: 'a part of its path is not a directory',
  ENOTEMPTY: 'the directory is not empty',
  ENXIO: 'it is a socket or device',
  EPERM: 'the system does not permit it',
  EROFS: 'the file system is read-only'
}

/** Why the system refused, in words; its own text where there are none of ours. */
export function reasonOf(error: unknown): string {
  const errno = errnoOf(error)
  if (errno !== null) return errnoWords[errno] ?? errno
  return error instanceof Error ? error.message : String(error)
}

/** A name as messages show it: in double quotes, control characters escaped, never longer than a line. */
export function quote(name: string): string {
  const text = JSON.stringify(name)
  return text.length > 300 ? `${text.slice(0, 300)}…"` : text
}
