import { isUtf8 } from 'node:buffer'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { quote, reasonOf, SecretboxError } from '../errors.ts'
import { childOf, parseFilePath, parseLinkTarget, type FilePath } from '../vault/names.ts'

/** A file of the operator's, and where it goes in a box. */
export interface OperatorFile {
  /** Where it lies, as it was found from the operand. */
  readonly source: string
  readonly path: FilePath
  readonly type: 'file' | 'symlink' | 'directory'
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number
  /** Length of a regular file when it was found, else 0. */
  readonly size: number
  /** Of a symlink: what it says, verbatim. */
  readonly target?: string
}

/** What becomes of what cannot be added: it is told, and the search goes on. */
export type Refuse = (error: SecretboxError) => void

/**
 * Finds what an operand of `add` names, below `path` in the box: the file, or with `recursive` the directory and
 * all that is in it, parents first, by name. Symlinks are found as such and never followed.
 */
export async function* findFiles(
  source: string,
  path: FilePath,
  recursive: boolean,
  refuse: Refuse
): AsyncGenerator<OperatorFile> {
  try {
    const found = await look(source, path)
    if (found.type !== 'directory') {
      yield found
      return
    }
    if (!recursive)
      throw cannotAdd(source, 'it is a directory', '-r (recursive) takes it with everything in it')
    // The box's root is there already and keeps its mode.
    if (path !== '') yield found
    for (const name of await namesIn(source, refuse)) {
      yield* findFiles(join(source, name), parseChild(path, name), recursive, refuse)
    }
  } catch (error) {
    refuse(error instanceof SecretboxError ? error : cannotAdd(source, reasonOf(error)))
  }
}

async function look(source: string, path: FilePath): Promise<OperatorFile> {
  const stats = await lstat(source)
  const mode = stats.mode & 0o7777
  if (stats.isDirectory()) return { source, path, type: 'directory', mode, size: 0 }
  if (stats.isFile()) return { source, path, type: 'file', mode, size: stats.size }
  if (!stats.isSymbolicLink())
    throw cannotAdd(source, `it is a ${kindOf(stats)}`, 'files, directories and symlinks can be added')
  const target = await readlink(source, 'buffer')
  if (!isUtf8(target)) throw cannotAdd(source, 'its target is not valid UTF-8')
  return { source, path, type: 'symlink', mode: 0o777, size: 0, target: parseLinkTarget(target.toString()) }
}

async function namesIn(directory: string, refuse: Refuse): Promise<string[]> {
  const names: string[] = []
  for (const name of await readdir(directory, 'buffer')) {
    if (isUtf8(name)) names.push(name.toString())
    else refuse(cannotAdd(`${directory}/${name.toString('latin1')}`, 'its name is not valid UTF-8'))
  }
  return names.sort()
}

// The operand's path was made clean; a name that the kernel gave needs only the limits checked.
function parseChild(parent: FilePath, name: string): FilePath {
  return parseFilePath(childOf(parent, name))
}

function kindOf(stats: { isFIFO(): boolean; isSocket(): boolean; isBlockDevice(): boolean }): string {
  if (stats.isFIFO()) return 'fifo'
  if (stats.isSocket()) return 'socket'
  return 'device'
}

/** The error for a file of the operator's that does not get into the box. */
export function cannotAdd(source: string, reason: string, hint?: string): SecretboxError {
  return new SecretboxError(
    'invalid',
    `cannot add ${quote(source)}: ${reason}`,
    hint === undefined ? {} : { hint }
  )
}
