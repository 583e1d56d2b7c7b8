import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, open, rename, symlink, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, quote, SecretboxError } from '../errors.ts'
import { parseFilePath } from '../vault/names.ts'
import { reasonOf } from './failure.ts'
import { entriesOf, type TarEntry } from './tar-in.ts'

/**
 * Writes what a box gave as tar to the operator's files: a file as `target` itself, or with a
 * `directoryMode` what is in a directory, below `target`, which gets that mode if it is made. A file gets its name when it is whole, with its mode; before, nobody else may read it. Existing files
 * are replaced, existing directories merged, symlinks never followed. What cannot be written goes to `refuse`.
 */
export async function writeFiles(
  tar: AsyncIterable<Buffer>,
  target: string,
  directoryMode: number | null,
  refuse: (error: SecretboxError) => void
): Promise<void> {
  const made: [path: string, mode: number][] = []
  if (directoryMode !== null) await attempt(target, () => makeDirectory(target, directoryMode, made))
  for await (const entry of entriesOf(tar)) {
    const path = directoryMode === null ? target : join(target, parseFilePath(entry.header.name))
    try {
      await attempt(path, () => writeEntry(entry, path, made))
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      refuse(error)
    }
    entry.resume()
  }
  // Last, for a directory may forbid to write into it; the innermost first, for one may forbid to be entered.
  for (const [path, mode] of made.reverse()) await attempt(path, () => chmod(path, mode))
}

async function writeEntry(entry: TarEntry, path: string, made: [string, number][]): Promise<void> {
  const { type, mode, linkname } = entry.header
  if (type === 'directory') await makeDirectory(path, mode, made)
  else if (type === 'symlink') await replace(path, temporary => symlink(linkname, temporary))
  else await replace(path, temporary => writeFile(temporary, mode, entry as AsyncIterable<Buffer>))
}

async function makeDirectory(path: string, mode: number, made: [string, number][]): Promise<void> {
  try {
    await mkdir(path, 0o700)
    made.push([path, mode])
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !(await lstat(path)).isDirectory()) throw error
  }
}

async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.secretbox-${randomBytes(8).toString('hex')}`)
  try {
    await make(temporary)
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

async function writeFile(path: string, mode: number, bytes: AsyncIterable<Buffer>): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    const failures: unknown[] = []
    // A full disk is no reason to stop reading: the entries after this one have their turn.
    for await (const chunk of bytes) {
      if (failures.length === 0) await handle.writeFile(chunk).catch((error: unknown) => failures.push(error))
      chunk.fill(0)
    }
    if (failures.length > 0) throw failures[0]
    await handle.chmod(mode)
  } finally {
    await handle.close()
  }
}

async function attempt(path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (errnoOf(error) === null) throw error
    throw new SecretboxError('invalid', `cannot write ${quote(path)}: ${reasonOf(error)}`)
  }
}
