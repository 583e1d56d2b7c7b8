import type { Stats } from 'node:fs'
import { lstat, readlink, realpath, statfs } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { errnoOf, quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { HeldDirectory } from './held-directory.ts'

/** Where a copy out of a box goes. The directory is held open; whoever opened the destination closes it. */
export interface Destination {
  readonly held: HeldDirectory
  /** In that directory; '' when the destination is the directory itself. */
  readonly name: string
  readonly present: 'file' | 'directory' | null
}

/** Why nothing can be put into something. */
export const notADirectory = 'it is not a directory'

/** statfs(2): what lies there are no files. */
const procFileSystem = 0x9fa0
/** Linux gives up after as many (path_resolution(7)). */
const maxLinks = 40

/**
 * Finds what the operator typed, symlinks followed. Throws `invalid` for what is there and is neither a file nor a
 * directory, and where the directory that it would lie in is missing.
 */
export async function openDestination(typed: string): Promise<Destination> {
  try {
    return { held: new HeldDirectory(typed), name: '', present: 'directory' }
  } catch (error) {
    const errno = errnoOf(error)
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw cannotWrite(typed, reasonOf(error))
  }
  try {
    const path = await followed(typed, typed.replace(/\/+$/, ''))
    const held = new HeldDirectory(dirname(path))
    try {
      const name = basename(path)
      const found = await kindAt(held.at(name))
      if (found !== null && found !== 'file') throw cannotWrite(typed, `it is a ${found}`, otherwiseHint)
      if (found === 'file' && typed.endsWith('/')) throw cannotWrite(typed, notADirectory)
      return { held, name, present: found }
    } catch (error) {
      held.close()
      throw error
    }
  } catch (error) {
    throw error instanceof SecretboxError ? error : cannotWrite(typed, reasonOf(error))
  }
}

const otherwiseHint = 'to write into it: read, with standard output led there'

/** The path at the end of symlinks, if it is one. */
async function followed(typed: string, path: string): Promise<string> {
  let at = path
  for (let links = 0; (await kindAt(at)) === 'symlink'; links++) {
    if (links === maxLinks) throw cannotWrite(typed, `more than ${maxLinks} symlinks`)
    const directory = await realpath(dirname(at))
    if ((await statfs(directory)).type === procFileSystem) {
      throw cannotWrite(typed, 'it is an open descriptor, not a file', otherwiseHint)
    }
    const target = await readlink(at)
    at = isAbsolute(target) ? target : join(directory, target)
  }
  if (at !== path && (await kindAt(at)) === null) {
    throw cannotWrite(typed, `it is a symlink to ${quote(at)}, which is not there`)
  }
  return at
}

/** What has a path's last name itself; null when nothing does. */
export async function kindAt(
  path: string
): Promise<'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device' | null> {
  let stats: Stats
  try {
    stats = await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isFIFO()) return 'fifo'
  return stats.isSocket() ? 'socket' : 'device'
}

/** The error for a file of the operator's that is not written. */
export function cannotWrite(path: string, reason: string, hint?: string): SecretboxError {
  const more = hint === undefined ? {} : { hint }
  return new SecretboxError('invalid', `cannot write ${quote(path)}: ${reason}`, more)
}
