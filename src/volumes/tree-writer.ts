import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  symlinkSync,
  write,
  writeSync
} from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { releaseBytes, Secret } from '../secret.ts'
import type { OpenedVersion } from '../vault/vault.ts'
import type { FilePath } from '../vault/names.ts'
import type { Entry, Tree } from '../vault/tree.ts'
import { ownershipOf, type Ownership, type OwnershipOptions } from './ownership.ts'

const writeAsync = promisify(write)
const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const createFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** How many entries are written before other work gets its turn. */
const entriesPerTurn = 64

/**
 * Writes a tree into an empty directory. Directories and files come first and symlinks last, each opened
 * relative to its parent's descriptor and never through a symlink, so nothing is written outside and paths may
 * be longer than PATH_MAX allows in one piece. Small files are written synchronously: on tmpfs that is a
 * memory copy, cheaper than a turn of the thread pool.
 */
export async function writeTree(
  root: string,
  tree: Tree<Secret>,
  read: OpenedVersion['read'],
  options: OwnershipOptions
): Promise<void> {
  const paths = [...tree.keys()].sort(byComponents)
  let written = 0
  await inDirectories(root, paths, async (parent, name, path) => {
    const entry = tree.get(path)
    if (entry?.type === 'directory') makeDirectory(parent, name, ownershipOf(entry, options))
    else if (entry?.type === 'file') await writeFile(parent, name, entry, read, ownershipOf(entry, options))
    if (++written % entriesPerTurn === 0) await setImmediate()
  })
  const symlinks = paths.filter(path => tree.get(path)?.type === 'symlink')
  await inDirectories(root, symlinks, (parent, name, path) => {
    const entry = tree.get(path)
    if (entry?.type !== 'symlink') return
    const { uid, gid } = ownershipOf(entry, options)
    symlinkSync(entry.target, `${parent}/${name}`)
    lchownSync(`${parent}/${name}`, uid, gid)
  })
}

function makeDirectory(parent: string, name: string, ownership: Ownership): void {
  const path = `${parent}/${name}`
  mkdirSync(path, 0o700)
  const fd = openSync(path, openDirectory)
  try {
    own(fd, ownership)
  } finally {
    closeSync(fd)
  }
}

async function writeFile(
  parent: string,
  name: string,
  entry: Extract<Entry<Secret>, { type: 'file' }>,
  read: OpenedVersion['read'],
  ownership: Ownership
): Promise<void> {
  const fd = openSync(`${parent}/${name}`, createFile, 0o600)
  try {
    const bytes = read(entry)
    if (bytes instanceof Secret) writeAll(fd, bytes.bytes())
    else await writeChunks(fd, bytes)
    own(fd, ownership)
  } finally {
    closeSync(fd)
  }
}

function own(fd: number, { uid, gid, mode }: Ownership): void {
  fchownSync(fd, uid, gid)
  if (mode !== null) fchmodSync(fd, mode)
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

async function writeChunks(fd: number, chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) {
    try {
      for (let at = 0; at < chunk.length;)
        at += (await writeAsync(fd, chunk, at, chunk.length - at)).bytesWritten
    } finally {
      releaseBytes(chunk)
    }
  }
}

/** Visits paths in the order of `byComponents` with a descriptor path of each one's parent directory. */
async function inDirectories(
  root: string,
  paths: readonly FilePath[],
  visit: (parent: string, name: string, path: FilePath) => Promise<void> | void
): Promise<void> {
  const stack: { prefix: string; fd: number }[] = [{ prefix: '', fd: openSync(root, openDirectory) }]
  const top = (): { prefix: string; fd: number } => stack.at(-1) ?? { prefix: '', fd: -1 }
  try {
    for (const path of paths) {
      while (!path.startsWith(top().prefix)) closeSync(stack.pop()?.fd ?? -1)
      const names = path.slice(top().prefix.length).split('/')
      const name = names.pop() ?? ''
      for (const directory of names) {
        const { prefix, fd } = top()
        stack.push({
          prefix: `${prefix}${directory}/`,
          fd: openSync(`/proc/self/fd/${fd}/${directory}`, openDirectory)
        })
      }
      await visit(`/proc/self/fd/${top().fd}`, name, path)
    }
  } finally {
    for (const { fd } of stack) closeSync(fd)
  }
}

/** Parents before children, and all of a directory together: by components, not by characters. */
function byComponents(a: string, b: string): number {
  const [left, right] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')]
  return left < right ? -1 : left > right ? 1 : 0
}
