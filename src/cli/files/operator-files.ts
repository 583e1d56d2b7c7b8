import { isUtf8 } from 'node:buffer'
import { constants, type Stats } from 'node:fs'
import { lstat, open, readdir, readlink, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { recursiveHint } from '../../base/messages.ts'
import { childOf, parseFilePath, parseLinkTarget, type FilePath } from '../../base/names.ts'
import { HeldDirectory, splitTyped } from './held-directory.ts'
import { argumentsAreSeen, contentsInstead } from '../input/refuse-contents.ts'
import { isStream, readStream } from '../input/operator-streams.ts'

/** A file of the operator's, and where it goes in a box. */
export type OperatorFile = {
  /** Where it lies, as it was found from the operand. */
  readonly source: string
  readonly path: FilePath
} & (
  | { readonly type: 'directory'; readonly mode: number }
  | { readonly type: 'symlink'; readonly target: string }
  /** Opened when it is wanted, where it was found. */
  | { readonly type: 'file'; readonly open: () => Promise<FileHandle> }
  /** What came from a stream, which can be read only once. */
  | { readonly type: 'stream'; readonly bytes: Buffer }
)

/** An operand, and what it is to be called in the box. */
export interface SourceOperand {
  readonly source: string
  readonly path: FilePath
}

/** How operands are taken: directories with all that is in them, and which symlinks are followed (cp(1), -P, -H, -L). */
export interface Taking {
  readonly recursive: boolean
  readonly follow: 'never' | 'operands' | 'always'
}

/** What becomes of what cannot be added: it is told, and the search goes on. */
export type Refuse = (error: SecretboxError) => void

// What was a file when it was found may be a symlink or a fifo by now: neither is followed or waited for.
const readNow = constants.O_RDONLY | constants.O_NONBLOCK

/**
 * Runs `use` with what operands name: files, and with `recursive` directories and all that is in them, parents first, by
 * name. Symlinks are found as such, or followed. The directories that operands name are held open meanwhile: what
 * others change below them leads nowhere else, then or when a file is opened at last.
 */
export async function withFiles<T>(
  operands: readonly SourceOperand[],
  taking: Taking,
  refuse: Refuse,
  use: (files: readonly OperatorFile[]) => Promise<T>
): Promise<T> {
  const search = new Search(taking, refuse)
  try {
    for (const operand of operands) await search.find(operand)
    return await use(search.files)
  } finally {
    search.close()
  }
}

class Search {
  readonly files: OperatorFile[] = []
  readonly #taking: Taking
  readonly #refuse: Refuse
  /** By what was typed: many operands lie in one directory. */
  readonly #held = new Map<string, HeldDirectory>()

  constructor(taking: Taking, refuse: Refuse) {
    this.#taking = taking
    this.#refuse = refuse
  }

  async find({ source, path }: SourceOperand): Promise<void> {
    await this.#attempt(source, async () => {
      if (isStream(source)) {
        const bytes = await readStream(source)
        this.files.push({ source, path, type: 'stream', bytes })
        return
      }
      const { directory, name } = splitTyped(source)
      const isTyped = name === ''
      await this.#take({
        source,
        path,
        held: this.#hold(directory),
        name,
        follow: isTyped || this.#taking.follow !== 'never',
        around: []
      })
    })
  }

  close(): void {
    for (const file of this.files) if (file.type === 'stream') file.bytes.fill(0)
    for (const held of this.#held.values()) held.close()
  }

  #hold(directory: string): HeldDirectory {
    const held =
      this.#held.get(directory) ??
      new HeldDirectory(directory, { followLinks: this.#taking.follow === 'always' })
    this.#held.set(directory, held)
    return held
  }

  async #take(found: Found): Promise<void> {
    const { source, path, held, name, follow } = found
    const place = held.at(name)
    const stats = await (follow ? stat(place) : lstat(place))
    if (stats.isDirectory()) await this.#takeDirectory(found)
    else if (stats.isFile()) {
      const flags = follow ? readNow : readNow | constants.O_NOFOLLOW
      this.files.push({ source, path, type: 'file', open: () => open(held.at(name), flags) })
    } else if (stats.isSymbolicLink()) {
      const target = await readlink(held.at(name), 'buffer')
      if (!isUtf8(target)) throw cannotAdd(source, 'its target is not valid UTF-8')
      this.files.push({ source, path, type: 'symlink', target: parseLinkTarget(target.toString()) })
    } else {
      throw cannotAdd(source, `it is a ${kindOf(stats)}`, 'files, directories and symlinks can be added')
    }
  }

  async #takeDirectory(found: Found): Promise<void> {
    const { source, path, around } = found
    if (!this.#taking.recursive) throw cannotAdd(source, 'it is a directory', recursiveHint)
    const { held, name } = this.#entered(found)
    const stats = held.look(name)
    const identity = `${stats.dev}:${stats.ino}`
    if (around.includes(identity)) throw cannotAdd(source, 'it is a symlink to a directory that it lies in')
    // The box's root is there already and keeps its mode.
    if (path !== '') this.files.push({ source, path, type: 'directory', mode: stats.mode & 0o7777 })
    for (const child of await this.#namesIn(source, held.at(name === '' ? '' : `${name}/`))) {
      const childSource = join(source, child)
      await this.#attempt(childSource, () =>
        this.#take({
          source: childSource,
          // The operand's path was made clean; a name that the kernel gave needs only the limits checked.
          path: parseFilePath(childOf(path, child)),
          held,
          name: name === '' ? child : `${name}/${child}`,
          follow: this.#taking.follow === 'always',
          around: [...around, identity]
        })
      )
    }
  }

  /** An operand that is a symlink to a directory is entered once, and held where it led to. */
  #entered({ source, held, name, follow, around }: Found): { held: HeldDirectory; name: string } {
    if (around.length > 0 || !follow || name === '') return { held, name }
    const followLinks = this.#taking.follow === 'always'
    const entered = new HeldDirectory(held.at(name), { followLinks })
    this.#held.set(`operand ${source}`, entered)
    return { held: entered, name: '' }
  }

  async #namesIn(directory: string, place: string): Promise<string[]> {
    const names: string[] = []
    for (const name of await readdir(place, 'buffer')) {
      if (isUtf8(name)) names.push(name.toString())
      else this.#refuse(cannotAdd(`${directory}/${name.toString('latin1')}`, 'its name is not valid UTF-8'))
    }
    return names.sort()
  }

  async #attempt(source: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#refuse(error instanceof SecretboxError ? error : whyNotTaken(source, error))
    }
  }
}

/** Something below a directory that is held; `around` says which directories it lies in, by device and inode. */
interface Found extends SourceOperand {
  readonly held: HeldDirectory
  readonly name: string
  readonly follow: boolean
  readonly around: readonly string[]
}

function kindOf(stats: Pick<Stats, 'isFIFO' | 'isSocket'>): string {
  if (stats.isFIFO()) return 'fifo'
  if (stats.isSocket()) return 'socket'
  return 'device'
}

/** Of what is no name of a file nothing is told: it may be what was to be in one. */
function whyNotTaken(source: string, error: unknown): SecretboxError {
  const isThere = errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENAMETOOLONG'
  const hint = `${argumentsAreSeen}: pipe it into docker vault put BOX:PATH`
  return (
    (isThere ? null : contentsInstead(source, 'what is to be added is a file', hint)) ??
    cannotAdd(source, reasonOf(error))
  )
}

/** The error for a file of the operator's that does not get into the box. */
export function cannotAdd(source: string, reason: string, hint?: string): SecretboxError {
  return new SecretboxError(
    'invalid',
    `cannot add ${quote(source)}: ${reason}`,
    hint === undefined ? {} : { hint }
  )
}
