import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Secret } from '../../src/secret.ts'
import { loadSyscalls, UmountFlag, type Syscalls } from '../../src/syscalls.ts'
import { parseFilePath, type FilePath, type MountId } from '../../src/vault/names.ts'
import type { Entry } from '../../src/vault/tree.ts'
import { openCopies, type Copies, type CopyContents, type CopyOptions } from '../../src/volumes/copies.ts'
import { parseMountInfo, type MountEntry } from '../../src/volumes/mount-table.ts'

export const syscalls = loadSyscalls()
export const plain: CopyOptions = { uid: 0, gid: 0, mode: null, dirmode: null, rw: false, size: null }

/** A directory for copies, which goes with whatever is mounted in it when the running test ends. */
export function newPlace(calls: Syscalls = syscalls): { directory: string; copies: Copies } {
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-copies-'))
  onTestFinished(() => {
    for (const { target } of mountsBelow(directory).toReversed()) syscalls.umount(target, UmountFlag.detach)
    rmSync(directory, { recursive: true })
  })
  return { directory, copies: openCopies(directory, calls) }
}

export function newId(): MountId {
  return randomBytes(32).toString('hex') as MountId
}

/** The mounts below a directory, as this process sees them. */
export function mountsBelow(directory: string): MountEntry[] {
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  return mounts.filter(({ target }) => target.startsWith(`${directory}/`))
}

/** An entry as tests write it: a file's contents (Buffer), or a symlink's target, or a directory. */
export type Given =
  | { file: Buffer | string; mode?: number; chunks?: readonly number[] }
  | { link: string }
  | { directory: number }

/** Contents for a copy. Files with `chunks` are read as blobs are, in pieces of these lengths. */
export function contentsOf(given: Record<string, Given>): NonNullable<CopyContents> {
  const tree = new Map<FilePath, Entry<Secret>>()
  const blobs = new Map<string, readonly Buffer[]>()
  for (const [name, one] of Object.entries(given)) {
    const path = parseFilePath(name)
    if ('link' in one) tree.set(path, { type: 'symlink', target: one.link })
    else if ('directory' in one) tree.set(path, { type: 'directory', mode: one.directory })
    else {
      const bytes = Buffer.from(one.file as Buffer)
      const { mode = 0o600, chunks } = one
      if (chunks === undefined)
        tree.set(path, { type: 'file', mode, size: bytes.length, content: { inline: new Secret(bytes) } })
      else {
        tree.set(path, { type: 'file', mode, size: bytes.length, content: { blob: name } })
        let at = 0
        blobs.set(
          name,
          chunks.map(length => Buffer.from(bytes.subarray(at, (at += length))))
        )
      }
    }
  }
  return {
    tree,
    read: entry =>
      'inline' in entry.content ? entry.content.inline : piecesOf(blobs.get(entry.content.blob) ?? [])
  }
}

async function* piecesOf(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    await Promise.resolve()
    yield piece
  }
}

/** Every entry below a directory as find(1) tells it, which follows no path in one piece: kind, mode, owner, size or target. */
export function listing(directory: string): Record<string, string> {
  const lines = execFileSync(
    'find',
    ['.', '-mindepth', '1', '-printf', String.raw`%P\n%y %m %U:%G %s %l\0`],
    {
      cwd: directory,
      maxBuffer: 1 << 28
    }
  )
  const entries = lines
    .toString('latin1')
    .split('\0')
    .filter(line => line !== '')
    .map(line => {
      const cut = line.lastIndexOf('\n')
      const [kind = '', mode = '', owner = '', size = '', ...target] = line.slice(cut + 1).split(' ')
      const rest = kind === 'f' ? size : kind === 'l' ? `-> ${target.join(' ')}` : ''
      const told = [kind, kind === 'l' ? '' : mode, owner, rest].filter(word => word !== '').join(' ')
      return [Buffer.from(line.slice(0, cut), 'latin1').toString(), told] as const
    })
  return Object.fromEntries(entries)
}
