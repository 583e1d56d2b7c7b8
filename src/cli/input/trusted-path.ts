import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf, quote } from '../../base/errors.ts'

const othersMayWrite = 0o022
const sticky = 0o1000
/** As many as the kernel follows (path_resolution(7)). */
const mostLinks = 40

/**
 * Why somebody else than root and this user could put something of theirs at `path`, in words that go on after a colon;
 * null when nobody can. What is trusted: every directory and symlink on the way, as the kernel walks it, belongs to one
 * of the two, and no others write into the directories, unless a directory is sticky: there they cannot take the place
 * of what is not theirs. From what does not exist on, nothing is to be said. Throws what lstat(2) does when the way cannot be seen.
 */
export function whyUntrusted(path: string): string | null {
  let links = 0
  let at = '/'
  const rest = (path.startsWith('/') ? path : join(process.cwd(), path)).split('/')
  for (let name: string | undefined; (name = rest.shift()) !== undefined;) {
    if (name === '..') at = dirname(at)
    const here = name === '..' ? at : join(at, name)
    const found = statOf(here)
    if (found === null) return null
    const reason = whyUntrustedAlone(here, found)
    if (reason !== null) return reason
    if (!found.isSymbolicLink()) {
      at = here
      continue
    }
    if (++links > mostLinks) return `${quote(path)} leads through too many symlinks`
    const target = readlinkSync(here)
    if (target.startsWith('/')) at = '/'
    rest.unshift(...target.split('/'))
  }
  return null
}

/** As `whyUntrusted`. A way that this user may not see is no other user's doing: only root can have made it so. */
export function whyUntrustedIfSeen(path: string): string | null {
  try {
    return whyUntrusted(path)
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return null
    throw error
  }
}

/** Whether it is a directory, no link to one, in which nobody else can take the place of what we make. */
export function isTrustedDirectory(path: string): boolean {
  try {
    return statOf(path)?.isDirectory() === true && whyUntrusted(path) === null
  } catch {
    return false
  }
}

/** Whether it belongs to root or to this user. */
export function isTrusted({ uid }: { readonly uid: number }): boolean {
  return uid === 0 || uid === process.geteuid?.()
}

function whyUntrustedAlone(path: string, found: Stats): string | null {
  if (!isTrusted(found)) return `${quote(path)} belongs to uid ${found.uid}`
  if (!found.isDirectory() || (found.mode & othersMayWrite) === 0 || (found.mode & sticky) !== 0) return null
  const mode = (found.mode & 0o7777).toString(8).padStart(4, '0')
  return `others can write to ${quote(path)} (mode ${mode})`
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return null
    throw error
  }
}
