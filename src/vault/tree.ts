import { quote, SecretboxError } from '../errors.ts'
import { childOf, parentOf, parseFilePath, type FilePath } from './names.ts'

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
/** Linux gives up after 40 symlinks in one resolution (path_resolution(7)). */
export const maxLinksFollowed = 40

/**
 * Resolves a path as the kernel would if the box were the root file system: `..` stops at the root, absolute
 * targets begin there. With `follow: false` a symlink in the last place stays. Components that do not exist
 * are taken as they stand, so the result may name nothing. Throws `invalid` for loops and chains over 40.
 */
export function resolvePath<I>(tree: Tree<I>, path: FilePath, options: { follow: boolean }): FilePath {
  const pending = path === '' ? [] : path.split('/').reverse()
  let at = '' as FilePath
  let followed = 0
  while (pending.length > 0) {
    const component = pending.pop() ?? ''
    if (component === '' || component === '.') continue
    if (component === '..') {
      at = parentOf(at) ?? at
      continue
    }
    const next = childOf(at, component)
    const entry = tree.get(next)
    if (entry?.type !== 'symlink' || (pending.length === 0 && !options.follow)) {
      at = next
      continue
    }
    if (++followed > maxLinksFollowed) {
      throw new SecretboxError(
        'invalid',
        `cannot resolve path ${quote(path)}: more than ${maxLinksFollowed} symlinks`
      )
    }
    if (entry.target.startsWith('/')) at = '' as FilePath
    pending.push(...entry.target.split('/').reverse())
  }
  return at
}

/**
 * What to do to a tree. `put` replaces files and symlinks, unless told `ifAbsent`, and keeps directories;
 * `remove` needs `recursive` for directories.
 */
export type Edit<Inline> =
  | {
      readonly op: 'put'
      readonly path: FilePath
      readonly entry: Entry<Inline>
      readonly ifAbsent?: boolean
    }
  | { readonly op: 'remove'; readonly path: FilePath; readonly recursive: boolean }

/**
 * Does one edit in place; one that fails leaves the tree as it was. Symlinks among the parents are followed inside the
 * box, missing parents are made. Throws `invalid` (root, a parent that is a file, file against directory), `exists` or
 * `not_found` (remove).
 */
export function editTree<I>(tree: Map<FilePath, Entry<I>>, edit: Edit<I>): void {
  if (edit.op === 'put') putEntry(tree, edit.path, edit.entry, edit.ifAbsent ?? false)
  else removeEntry(tree, edit.path, edit.recursive)
}

function putEntry<I>(
  tree: Map<FilePath, Entry<I>>,
  path: FilePath,
  entry: Entry<I>,
  ifAbsent: boolean
): void {
  const at = resolvePath(tree, path, { follow: false })
  if (at === '') {
    if (entry.type === 'directory') return
    throw new SecretboxError(
      'invalid',
      `cannot put ${quote(path)}: it names the box itself, not a file in it`
    )
  }
  // A symlink's target may hold longer components than a path, and make a longer path with what follows it.
  parseFilePath(at)
  const missing: FilePath[] = []
  for (let parent = parentOf(at); parent !== null && parent !== ''; parent = parentOf(parent)) {
    const found = tree.get(parent)
    if (found === undefined) missing.push(parent)
    else if (found.type !== 'directory') {
      throw new SecretboxError('invalid', `cannot put ${quote(path)}: ${quote(parent)} is not a directory`)
    }
  }
  const present = tree.get(at)
  if (ifAbsent && present !== undefined) {
    throw new SecretboxError('exists', `cannot put ${quote(path)}: a ${present.type} has that name already`)
  }
  if (present?.type === 'directory' && entry.type !== 'directory') {
    throw new SecretboxError('invalid', `cannot put ${quote(path)}: a directory has that name`)
  }
  if (present !== undefined && present.type !== 'directory' && entry.type === 'directory') {
    throw new SecretboxError(
      'invalid',
      `cannot make directory ${quote(path)}: a ${present.type} has that name`
    )
  }
  for (const parent of missing.reverse()) tree.set(parent, { type: 'directory', mode: defaultDirectoryMode })
  tree.set(at, entry)
}

function removeEntry<I>(tree: Map<FilePath, Entry<I>>, path: FilePath, recursive: boolean): void {
  const at = resolvePath(tree, path, { follow: false })
  if (at === '') {
    if (!recursive) throw isDirectory('remove', path)
    tree.clear()
    return
  }
  const entry = tree.get(at)
  if (entry === undefined) throw noSuchFile('remove', path)
  if (entry.type === 'directory') {
    if (!recursive) throw isDirectory('remove', path)
    for (const inside of [...tree.keys()]) if (inside.startsWith(`${at}/`)) tree.delete(inside)
  }
  tree.delete(at)
}

/**
 * The part of a tree below `path`, with paths relative to it; a file or symlink gives a tree of itself alone
 * under its own name. Throws `not_found`.
 */
export function subtree<I>(tree: Tree<I>, path: FilePath): Tree<I> {
  const at = resolvePath(tree, path, { follow: true })
  if (at === '') return tree
  const entry = tree.get(at)
  if (entry === undefined) throw noSuchFile('read', path)
  if (entry.type !== 'directory') return new Map([[at.slice(at.lastIndexOf('/') + 1) as FilePath, entry]])
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
  throw noSuchFile('read', path)
}

/** How many bytes the files of a tree hold. */
export function bytesOf(tree: Tree<unknown>): number {
  let total = 0
  for (const entry of tree.values()) if (entry.type === 'file') total += entry.size
  return total
}

function isDirectory(action: string, path: FilePath): SecretboxError {
  return new SecretboxError('invalid', `cannot ${action} ${quote(path)}: it is a directory`, {
    hint: '-r (recursive) takes it with everything in it'
  })
}

function noSuchFile(action: string, path: FilePath): SecretboxError {
  return new SecretboxError('not_found', `cannot ${action} ${quote(path)}: no such file in the box`)
}
