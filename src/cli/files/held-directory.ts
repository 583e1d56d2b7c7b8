import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'

/** open(2): only the place, without the right to read it, which a directory on the way need not give. */
const pathOnly = 0o10000000
const asDirectory = pathOnly | constants.O_DIRECTORY

/**
 * A directory that is held open, and what lies below it, reached from its descriptor by one name after the other
 * (as openat(2), by way of /proc/self/fd). Whatever others rename or put in the way meanwhile, nothing is reached
 * that does not lie in it: no name on the way is a symlink, unless `followLinks`.
 */
export class HeldDirectory {
  readonly #root: number
  readonly #flags: number
  /** The directories that were opened last, each in the one before it; `prefix` is their path with a slash. */
  readonly #open: { readonly prefix: string; readonly fd: number }[] = []

  /** Opens the directory that a path names, symlinks followed: for what the operator typed. */
  constructor(path: string, { followLinks = false }: { followLinks?: boolean } = {}) {
    this.#root = openSync(path, asDirectory)
    this.#flags = followLinks ? asDirectory : asDirectory | constants.O_NOFOLLOW
  }

  /**
   * A path for one call to the kernel, of what has this name below the directory; `''` is the directory itself. Valid
   * until the next call of this. Throws as open(2) does where a part of the way is no directory.
   */
  at(path: string): string {
    const slash = path.lastIndexOf('/')
    const fd = this.#enter(path.slice(0, slash + 1))
    return `/proc/self/fd/${fd}/${path.slice(slash + 1)}`
  }

  /** Opens a directory below and tells what it is. Throws as `at`, also when the last name is no directory. */
  look(path: string): Stats {
    return fstatSync(this.#enter(path === '' ? '' : `${path}/`))
  }

  close(): void {
    for (const { fd } of this.#open.splice(0)) closeSync(fd)
    closeSync(this.#root)
  }

  #enter(directory: string): number {
    while (!directory.startsWith(this.#open.at(-1)?.prefix ?? '')) closeSync(this.#open.pop()?.fd ?? -1)
    const known = this.#open.at(-1)?.prefix ?? ''
    for (const name of directory.slice(known.length).split('/').slice(0, -1)) {
      const { prefix, fd } = this.#open.at(-1) ?? { prefix: '', fd: this.#root }
      this.#open.push({
        prefix: `${prefix}${name}/`,
        fd: openSync(`/proc/self/fd/${fd}/${name}`, this.#flags)
      })
    }
    return this.#open.at(-1)?.fd ?? this.#root
  }
}

/** A path as an operator typed it, taken apart; `name` is '' when it can only be a directory, symlinks to it followed. */
export function splitTyped(path: string): { directory: string; name: string } {
  if (/(^|\/)\.{0,2}$/.test(path)) return { directory: path === '' ? '.' : path, name: '' }
  const name = path.slice(path.lastIndexOf('/') + 1)
  return { directory: join(dirname(path), '.'), name }
}
