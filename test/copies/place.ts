import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import type { CopyKey } from '../../src/copies/copy-key.ts'
import { openCopies, type Copies } from '../../src/copies/copies.ts'
import type { CopyContents, CopyOptions } from '../../src/copies/send-tree.ts'
import { parseFilePath, type FilePath } from '../../src/base/names.ts'
import type { Entry } from '../../src/vault/boxes/tree.ts'
import { createTestClock, type TestClock } from '../kit/clock.ts'
import { unmountBelow } from '../kit/mounting.ts'
import { startSupervisor, type RunningSupervisor } from '../kit/supervisor.ts'

export const plain: CopyOptions = {
  uid: 0,
  gid: 0,
  mode: null,
  dirmode: null,
  rw: false,
  size: null,
  api: false
}

/** A directory for copies and what serves it, which go with whatever is mounted there when the running test ends. */
export interface Place {
  readonly directory: string
  readonly supervisor: RunningSupervisor
  readonly copies: Copies
  /** That of `copies`. */
  readonly clock: TestClock
}

/** `options` and `environment` are the supervisor's; `wrapper`: a command that executes it. */
export async function newPlace(
  options: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
  wrapper: readonly string[] = []
): Promise<Place> {
  const home = mkdtempSync(join(tmpdir(), 'secretbox-copies-'))
  const directory = join(home, 'copies')
  const supervisor = await startSupervisor(directory, home, options, environment, wrapper)
  onTestFinished(async () => {
    await supervisor.end()
    unmountBelow(home)
    rmSync(home, { recursive: true })
  })
  const clock = createTestClock()
  return { directory, supervisor, clock, copies: await openCopies(directory, supervisor, clock) }
}

/** Where the file system of a copy is mounted, or would be. */
export function mountPointOf(copies: Copies, key: CopyKey): string {
  return dirname(copies.pathOf(key))
}

export function newKey(): CopyKey {
  return randomBytes(16).toString('hex') as CopyKey
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
