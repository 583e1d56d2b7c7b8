import { quote, SecretboxError } from '../../base/errors.ts'
import {
  didYouMean,
  directoryHasName,
  namesBoxItself,
  noFileInBox,
  recursiveHint
} from '../../base/messages.ts'
import { resolvePath } from './links.ts'
import { childOf, parentOf, parseFilePath, type FilePath } from '../../base/names.ts'
import { nearestPath } from '../../base/nearest.ts'

/** Where a file's bytes are: in the manifest itself, or in a blob of its own. */
export type Content<Inline> = { readonly inline: Inline } | { readonly blob: string }

/** An entry of a box. `mode` holds the twelve permission bits (0..07777); a symlink's target is kept verbatim. */
export type Entry<Inline> =
  | { readonly type: 'file'; readonly mode: number; readonly size: number; readonly content: Content<Inline> }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'directory'; readonly mode: number }

/**
 * The entries of one version by path. The root is not listed; the parents of an entry always are, and
 * are directories. Never changed in place: every edit returns a new tree.
 */
export type Tree<Inline> = ReadonlyMap<FilePath, Entry<Inline>>

/** The mode of directories that a path brings along. */
export const defaultDirectoryMode = 0o755
/**
 * What to do to a tree. `put` replaces files and symlinks, unless told `ifAbsent`, and keeps directories; with
 * `followIn`, symlinks are followed only in that leading part of the path. `remove` needs `recursive` for directories.
 */
export type Edit<Inline> =
  | {
      readonly op: 'put'
      readonly path: FilePath
      readonly entry: Entry<Inline>
      readonly ifAbsent?: boolean
      readonly followIn?: FilePath
    }
  | { readonly op: 'remove'; readonly path: FilePath; readonly recursive: boolean }

/**
 * Does one edit in place and returns the path that it came to; one that fails leaves the tree as it was. Symlinks among
 * the parents are followed inside the box, missing parents are made. Throws `invalid` (root, a parent that is no
 * directory, file against directory), `exists` or `not_found` (remove). Errors name paths that the edit does not name to who may
 * know them alone (`tells`).
 */
export function editTree<I>(tree: Map<FilePath, Entry<I>>, edit: Edit<I>, tells = true): FilePath {
  return edit.op === 'put' ? putEntry(tree, edit, tells) : removeEntry(tree, edit, tells)
}

function putEntry<I>(
  tree: Map<FilePath, Entry<I>>,
  { path, entry, ifAbsent = false, followIn }: Extract<Edit<I>, { op: 'put' }>,
  tells: boolean
): FilePath {
  const at =
    followIn === undefined ? resolvePath(tree, path, { follow: false }) : resolveFront(tree, followIn, path)
  if (at === '') {
    if (entry.type === 'directory') return at
    throw new SecretboxError('invalid', `cannot put ${quote(path)}: ${namesBoxItself}`)
  }
  // A symlink's target may hold longer components than a path, and make a longer path with what follows it.
  try {
    parseFilePath(at)
  } catch (error) {
    throw tells || at === path ? error : leadsNowhere(path)
  }
  const missing: FilePath[] = []
  for (let parent = parentOf(at); parent !== null && parent !== ''; parent = parentOf(parent)) {
    const found = tree.get(parent)
    if (found === undefined) missing.push(parent)
    else if (found.type !== 'directory') {
      if (!tells) throw leadsNowhere(path)
      const what = found.type === 'symlink' ? 'a symlink' : 'not a directory'
      throw new SecretboxError('invalid', `cannot put ${quote(path)}: ${quote(parent)} is ${what}`)
    }
  }
  const present = tree.get(at)
  if (ifAbsent && present !== undefined) {
    throw new SecretboxError('exists', `cannot put ${quote(path)}: a ${present.type} has that name already`)
  }
  if (present?.type === 'directory' && entry.type !== 'directory') {
    throw new SecretboxError('invalid', directoryHasName(`cannot put ${quote(path)}`))
  }
  if (present !== undefined && present.type !== 'directory' && entry.type === 'directory') {
    throw new SecretboxError(
      'invalid',
      `cannot make directory ${quote(path)}: a ${present.type} has that name`
    )
  }
  for (const parent of missing.reverse()) tree.set(parent, { type: 'directory', mode: defaultDirectoryMode })
  tree.set(at, entry)
  return at
}

/** Resolves the front part of a path, and takes the names after it as they stand. */
function resolveFront<I>(tree: Tree<I>, front: FilePath, path: FilePath): FilePath {
  const resolved = resolvePath(tree, front, { follow: true })
  const rest = front === '' ? path : path.slice(front.length + 1)
  return rest === '' ? resolved : childOf(resolved, rest)
}

function removeEntry<I>(
  tree: Map<FilePath, Entry<I>>,
  { path, recursive }: Extract<Edit<I>, { op: 'remove' }>,
  tells: boolean
): FilePath {
  const at = resolvePath(tree, path, { follow: false })
  if (at === '') {
    if (!recursive) throw isDirectory('remove', path)
    tree.clear()
    return at
  }
  const entry = tree.get(at)
  if (entry === undefined) throw noSuchFile('remove', path, tells ? tree : new Map())
  if (entry.type === 'directory') {
    if (!recursive) throw isDirectory('remove', path)
    for (const inside of [...tree.keys()]) if (inside.startsWith(`${at}/`)) tree.delete(inside)
  }
  tree.delete(at)
  return at
}

/**
 * The part of a tree below `path`, with paths relative to it; a file gives a tree of itself alone, under the name that
 * was asked for, also where that is a symlink's. Throws `not_found`.
 */
export function subtree<I>(tree: Tree<I>, path: FilePath): Tree<I> {
  const at = resolvePath(tree, path, { follow: true })
  if (at === '') return tree
  const entry = tree.get(at)
  if (entry === undefined) throw noSuchFile('read', path, tree)
  if (entry.type !== 'directory') return new Map([[path.slice(path.lastIndexOf('/') + 1) as FilePath, entry]])
  const part = new Map<FilePath, Entry<I>>()
  for (const [inside, found] of tree) {
    if (inside.startsWith(`${at}/`)) part.set(inside.slice(at.length + 1) as FilePath, found)
  }
  return part
}

/** The file at a path, symlinks followed inside the box. Throws `not_found`, or `invalid` for a directory. */
export function fileAt<I>(tree: Tree<I>, path: FilePath): Extract<Entry<I>, { type: 'file' }> {
  const entry = tree.get(resolvePath(tree, path, { follow: true }))
  if (entry?.type === 'file') return entry
  if (entry?.type === 'directory' || path === '') throw isDirectory('read', path)
  throw noSuchFile('read', path, tree)
}

/** How many bytes the files of a tree hold. */
export function bytesOf(tree: Tree<unknown>): number {
  let total = 0
  for (const entry of tree.values()) if (entry.type === 'file') total += entry.size
  return total
}

function leadsNowhere(path: FilePath): SecretboxError {
  return new SecretboxError('invalid', `cannot put ${quote(path)}: what it would lie in is no directory`)
}

function isDirectory(action: string, path: FilePath): SecretboxError {
  return new SecretboxError('invalid', `cannot ${action} ${quote(path)}: it is a directory`, {
    hint: recursiveHint
  })
}

function noSuchFile(action: string, path: FilePath, tree: Tree<unknown>): SecretboxError {
  const cannot = `cannot ${action} ${quote(path)}`
  const named = tree.get(resolvePath(tree, path, { follow: false }))
  if (named?.type === 'symlink') {
    const reason = `it is a symlink to ${quote(named.target)}, which is not in the box`
    return new SecretboxError('not_found', `${cannot}: ${reason}`)
  }
  const meant = nearestPath(path, [...tree.keys()])
  const hint = meant === null ? {} : { hint: didYouMean(meant) }
  return new SecretboxError('not_found', noFileInBox(cannot), hint)
}
