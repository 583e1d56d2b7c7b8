import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, reasonOf, SecretboxError } from './errors.ts'
import { hostPath, quotePath } from './host-paths.ts'

/** Whose a file or directory is, and who may use it: as stat(2) tells. */
interface Ownership {
  readonly uid: number
  readonly mode: number
}

/**
 * Makes a directory for root alone when it is missing; one that is there keeps its mode. Throws `unavailable`, or
 * `denied` when others could put their own files in the place of ours.
 */
export function makePrivateDirectory(path: string): void {
  try {
    // In two steps: for a directory that a read-only disk refuses, Node's recursive one says that it is not there.
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const isThere = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
    if (!isThere) mkdirSync(path, { mode: 0o700 })
    const found = statSync(path)
    refuseOtherOwner('directory', path, found)
    if ((found.mode & 0o022) !== 0)
      throw refusal(
        'directory',
        path,
        `others can write to it (mode ${octal(found)})`,
        `chmod go-w ${hostPath(path)}`
      )
  } catch (error) {
    if (error instanceof SecretboxError) throw error
    throw new SecretboxError('unavailable', `cannot use directory ${quotePath(path)}: ${reasonOf(error)}`, {
      cause: error
    })
  }
}

/**
 * Has others pass through the directory of a socket that is for all, as far as that is ours to say: one that was made for
 * root alone, as `makePrivateDirectory` does, they may enter and not list. One with any other mode was given that on purpose.
 */
export function letOthersReach(socket: string): void {
  const directory = dirname(socket)
  if ((statSync(directory).mode & 0o7777) === 0o700) chmodSync(directory, 0o711)
}

/**
 * Opens a file for reading. Throws `denied` when that is not allowed because it belongs to somebody else: root without
 * capabilities may not read every file. Otherwise what open(2) says. The caller closes it.
 */
export async function openPrivateFile(kind: string, path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'EACCES') refuseOtherOwner(kind, path, await stat(path))
    throw error
  }
}

/** Throws `denied` when a file belongs to somebody else, or others can read or write it. `kind`: what messages call it. */
export function refuseSharedFile(kind: string, path: string, found: Ownership): void {
  refuseOtherOwner(kind, path, found)
  if ((found.mode & 0o077) !== 0)
    throw refusal(kind, path, `others can use it (mode ${octal(found)})`, `chmod 0600 ${hostPath(path)}`)
}

function refuseOtherOwner(kind: string, path: string, { uid }: Ownership): void {
  const own = process.geteuid?.() ?? uid
  if (uid !== own) throw refusal(kind, path, `it belongs to uid ${uid}`, `chown ${own} ${hostPath(path)}`)
}

function refusal(kind: string, path: string, reason: string, hint: string): SecretboxError {
  return new SecretboxError('denied', `cannot use ${kind} ${quotePath(path)}: ${reason}`, { hint })
}

function octal({ mode }: Ownership): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
