import { createHash } from 'node:crypto'
import { chmod, lstat, readdir, readFile, utimes } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** The time that every built file carries, in seconds: 2000-01-01T00:00:00Z. */
const buildTime = 946_684_800

async function pathsBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return [root, ...entries.map(entry => join(entry.parentPath, entry.name))].sort()
}

/** Gives every file and directory of the tree the fixed mode (0755 where executable, else 0644) and time. */
export async function normaliseTree(root: string): Promise<void> {
  for (const path of (await pathsBelow(root)).reverse()) {
    const stats = await lstat(path)
    await chmod(path, stats.isDirectory() || (stats.mode & 0o100) !== 0 ? 0o755 : 0o644)
    await utimes(path, buildTime, buildTime)
  }
}

/** SHA-256 in hex over names, types, modes, owners, times and contents of the whole tree. */
export async function digestTree(root: string): Promise<string> {
  const digest = createHash('sha256')
  for (const path of await pathsBelow(root)) {
    const { mode, uid, gid, mtimeMs, size } = await lstat(path)
    digest.update(`${JSON.stringify([relative(root, path), mode, uid, gid, mtimeMs, size])}\n`)
    if ((mode & 0o170000) === 0o100000) digest.update(await readFile(path))
  }
  return digest.digest('hex')
}
