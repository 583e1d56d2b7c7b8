import { errnoOf, SecretboxError } from '../errors.ts'
import { printable } from './printable.ts'

/** What the process's exit status says: all done, something failed, the command was wrong, no daemon. */
export const exitCodes = { done: 0, failed: 1, usage: 2, outOfReach: 3 } as const

/** The command line itself is wrong: exit status 2. */
export class UsageError extends SecretboxError {
  constructor(message: string, hint?: string) {
    super('invalid', message, hint === undefined ? {} : { hint })
  }
}

/** Nobody answers at the admin socket: exit status 3. Nothing more can be done in this run. */
export class OutOfReach extends SecretboxError {
  constructor(message: string, hint?: string) {
    super('unavailable', message, hint === undefined ? {} : { hint })
  }
}

/** The exit status that an error asks for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof OutOfReach) return exitCodes.outOfReach
  return exitCodes.failed
}

/** The error as a user reads it: `error: …`, then `hint: …` where there is one; names in it cannot steer a terminal. */
export function errorLines(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const lines = [`error: ${printable(message)}`]
  if (error instanceof SecretboxError && error.hint !== undefined)
    lines.push(`hint: ${printable(error.hint)}`)
  return lines.map(line => `${line}\n`).join('')
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
