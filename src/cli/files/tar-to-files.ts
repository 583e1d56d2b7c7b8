import { randomBytes } from 'node:crypto'
import { closeSync, constants, fchmodSync, fstatSync, openSync, rmSync } from 'node:fs'
import { mkdir, open, rename, symlink, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, reasonOf, SecretboxError } from '../../base/errors.ts'
import { entriesOf, type TarEntry } from '../../tar/entries.ts'
import { parseFilePath } from '../../base/names.ts'
import { cannotWrite, kindAt } from './destination.ts'
import { beforeEnding } from '../input/ending-signals.ts'
import type { HeldDirectory } from './held-directory.ts'

/** Where the files of a tar go. */
export interface Target {
  readonly held: HeldDirectory
  /** In the directory that is held; '' is itself. */
  readonly name: string
  /** What messages call it. */
  readonly shown: string
  /** Null: the tar holds one file, which gets the name. Else what is in a directory, and the mode it gets if it has to be made. */
  readonly directoryMode: number | null
  /** Files keep their set-user-ID and set-group-ID bits. */
  readonly keepSetId: boolean
}

/** What became of files that are not written, or not as they are in the box. */
export interface Reports {
  readonly refuse: (error: SecretboxError) => void
  readonly setIdLeftOut: (path: string) => void
}

const setIdBits = 0o6000

/**
 * Writes what a box gave as tar to the operator's files. A file gets its name when it is whole; before, nobody else may
 * read it, and a signal that ends this process takes it away. Existing files are replaced, existing directories
 * merged; nothing else is: no symlink is followed or replaced by a file, and whatever others change meanwhile,
 * nothing is written outside of the target.
 */
export async function writeFiles(
  tar: AsyncIterable<Buffer>,
  target: Target,
  reports: Reports
): Promise<void> {
  const { held, name, shown, directoryMode } = target
  const made: MadeDirectory[] = []
  if (directoryMode !== null && name !== '') {
    await attempt(shown, () => makeDirectory(held, name, directoryMode, made))
  }
  for await (const entry of entriesOf(tar)) {
    const below = directoryMode === null ? '' : parseFilePath(entry.header.name)
    const path = [name, below].filter(part => part !== '').join('/')
    const shownPath = directoryMode === null ? shown : join(shown, below)
    try {
      await attempt(shownPath, () => writeEntry(entry, path, target, made))
      if (hasSetId(entry) && !target.keepSetId) reports.setIdLeftOut(shownPath)
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      reports.refuse(error)
    }
  }
  // Last, for a directory may forbid to write into it; the innermost first, for one may forbid to be entered.
  for (const directory of made.reverse()) {
    const shownPath = join(shown, directory.path.slice(name.length))
    await attempt(shownPath, () => {
      setMode(held, directory)
      return Promise.resolve()
    })
  }
}

function hasSetId({ header: { type, mode } }: TarEntry): boolean {
  return type === 'file' && (mode & setIdBits) !== 0
}

/** A directory that was made, the mode to come, and which it is. */
interface MadeDirectory {
  readonly path: string
  readonly mode: number
  readonly identity: string
}

async function writeEntry(
  entry: TarEntry,
  path: string,
  target: Target,
  made: MadeDirectory[]
): Promise<void> {
  const { held, keepSetId } = target
  const { type, linkname } = entry.header
  const mode = hasSetId(entry) && !keepSetId ? entry.header.mode & ~setIdBits : entry.header.mode
  if (type === 'directory') await makeDirectory(held, path, mode, made)
  else if (type === 'symlink')
    await replace(held, path, ['file', 'symlink'], place => symlink(linkname, place))
  else await replace(held, path, ['file'], place => writeFile(place, mode, entry.contents))
}

async function makeDirectory(
  held: HeldDirectory,
  path: string,
  mode: number,
  made: MadeDirectory[]
): Promise<void> {
  try {
    await mkdir(held.at(path), 0o700)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    const present = await kindAt(held.at(path))
    if (present !== 'directory') throw new NameTaken(present)
    return
  }
  const { dev, ino } = held.look(path)
  made.push({ path, mode, identity: `${dev}:${ino}` })
}

// Only what was made here gets a mode: by now another directory may have its name.
function setMode(held: HeldDirectory, { path, mode, identity }: MadeDirectory): void {
  const fd = openSync(held.at(path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const { dev, ino } = fstatSync(fd)
    if (`${dev}:${ino}` !== identity) throw new NameTaken('directory of somebody else')
    fchmodSync(fd, mode)
  } finally {
    closeSync(fd)
  }
}

async function replace(
  held: HeldDirectory,
  path: string,
  replaceable: readonly string[],
  make: (place: string) => Promise<void>
): Promise<void> {
  const present = await kindAt(held.at(path))
  if (present !== null && !replaceable.includes(present)) throw new NameTaken(present)
  const temporary = `${path.slice(0, path.lastIndexOf('/') + 1)}.secretbox-${randomBytes(8).toString('hex')}`
  const release = beforeEnding(() => rmSync(held.at(temporary), { force: true }))
  try {
    await make(held.at(temporary))
    await rename(held.at(temporary), held.at(path))
  } catch (error) {
    await unlink(held.at(temporary)).catch(() => undefined)
    throw error
  } finally {
    release()
  }
}

async function writeFile(place: string, mode: number, bytes: AsyncIterable<Buffer>): Promise<void> {
  const handle = await open(place, 'wx', 0o600)
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

/** Something that is not replaced has the name already. */
class NameTaken extends Error {
  constructor(kind: string | null) {
    super(`a ${kind ?? 'file that is gone again'} has that name`)
  }
}

async function attempt(path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (error instanceof NameTaken) throw cannotWrite(path, error.message)
    if (error instanceof SecretboxError || errnoOf(error) === null) throw error
    throw cannotWrite(path, reasonOf(error))
  }
}
