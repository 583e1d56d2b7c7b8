import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { chmod, lstat, mkdir, open, rename, symlink, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, quote, reasonOf, SecretboxError } from '../errors.ts'
import { parseFilePath } from '../vault/names.ts'
import { beforeEnding } from './ending-signals.ts'
import { entriesOf, type TarEntry } from './tar-in.ts'

/**
 * Writes what a box gave as tar to the operator's files: a file as `target` itself, or with a `directoryMode` what is
 * in a directory, below `target`, which gets that mode if it has to be made. A file gets its name when it is whole;
 * before, nobody else may read it, and a signal that ends this process takes it away. Existing files are replaced, existing directories merged, symlinks never followed.
 * What cannot be written goes to `refuse`.
 */
export async function writeFiles(
  tar: AsyncIterable<Buffer>,
  target: string,
  directoryMode: number | null,
  refuse: (error: SecretboxError) => void
): Promise<void> {
  const directories: Directories = {
    known: new Set(directoryMode === null ? [dirname(target)] : []),
    made: []
  }
  if (directoryMode !== null) await attempt(target, () => makeDirectory(target, directoryMode, directories))
  for await (const entry of entriesOf(tar)) {
    const path = directoryMode === null ? target : join(target, parseFilePath(entry.header.name))
    try {
      await attempt(path, () => writeEntry(entry, path, directories))
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      refuse(error)
    }
    entry.resume()
  }
  // Last, for a directory may forbid to write into it; the innermost first, for one may forbid to be entered.
  for (const [path, mode] of directories.made.reverse()) await attempt(path, () => chmod(path, mode))
}

/** Directories that are no symlinks, so that what is written into them stays there; and those made, with the mode to come. */
interface Directories {
  readonly known: Set<string>
  readonly made: [path: string, mode: number][]
}

async function writeEntry(entry: TarEntry, path: string, directories: Directories): Promise<void> {
  const { type, mode, linkname } = entry.header
  if (!directories.known.has(dirname(path))) throw cannotWrite(path, 'its directory could not be made')
  if (type === 'directory') await makeDirectory(path, mode, directories)
  else if (type === 'symlink') await replace(path, temporary => symlink(linkname, temporary))
  else await replace(path, temporary => writeFile(temporary, mode, entry as AsyncIterable<Buffer>))
}

async function makeDirectory(path: string, mode: number, { known, made }: Directories): Promise<void> {
  try {
    await mkdir(path, 0o700)
    made.push([path, mode])
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !(await lstat(path)).isDirectory()) throw error
  }
  known.add(path)
}

async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.secretbox-${randomBytes(8).toString('hex')}`)
  const release = beforeEnding(() => rmSync(temporary, { force: true }))
  try {
    await make(temporary)
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  } finally {
    release()
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
    if (error instanceof SecretboxError || errnoOf(error) === null) throw error
    throw cannotWrite(path, reasonOf(error))
  }
}

/** The error for a file of the operator's that is not written. */
export function cannotWrite(path: string, reason: string): SecretboxError {
  return new SecretboxError('invalid', `cannot write ${quote(path)}: ${reason}`)
}
