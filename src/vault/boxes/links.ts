import { quote, SecretboxError } from '../../base/errors.ts'
import { childOf, parentOf, type FilePath } from '../../base/names.ts'

/** As much of a box's tree as symlinks need: entries by path, without the root. */
export type LinkTree = ReadonlyMap<
  FilePath,
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'file' }
  | { readonly type: 'directory' }
>

/** Linux gives up after 40 symlinks in one resolution (path_resolution(7)). */
const maxLinksFollowed = 40

/**
 * Resolves a path as the kernel would if the box were the root file system: `..` stops at the root, absolute
 * targets begin there. With `follow: false` a symlink in the last place stays. Components that do not exist
 * are taken as they stand, so the result may name nothing. Throws `invalid` for loops and chains over 40.
 */
export function resolvePath(tree: LinkTree, path: FilePath, options: { follow: boolean }): FilePath {
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
 * Where a symlink leads for whoever has a tree somewhere in a file system of his own, as a container has a copy:
 * to an entry of it, to nothing, or out of it, by an absolute target or by `..` above the root, which `by` says.
 */
export type LinkEnd =
  | { readonly leads: 'inside'; readonly to: FilePath }
  | { readonly leads: 'nowhere' }
  | { readonly leads: 'outside'; readonly by: FilePath }

/** Follows the symlink at `link`, and any on its way, as the kernel does (path_resolution(7)). */
export function linkEnd(tree: LinkTree, link: FilePath): LinkEnd {
  const pending: { component: string; of: FilePath }[] = []
  const push = (text: string, of: FilePath): void => {
    pending.push(
      ...text
        .split('/')
        .reverse()
        .map(component => ({ component, of }))
    )
  }
  let at = parentOf(link) ?? link
  push(link.slice(at === '' ? 0 : at.length + 1), link)
  for (let followed = 0, next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { component, of } = next
    if (at !== '' && tree.get(at)?.type !== 'directory') return { leads: 'nowhere' }
    if (component === '' || component === '.') continue
    if (component === '..') {
      const parent = parentOf(at)
      if (parent === null) return { leads: 'outside', by: of }
      at = parent
      continue
    }
    const child = childOf(at, component)
    const entry = tree.get(child)
    if (entry === undefined) return { leads: 'nowhere' }
    if (entry.type !== 'symlink') {
      at = child
      continue
    }
    if (++followed > maxLinksFollowed) return { leads: 'nowhere' }
    if (entry.target.startsWith('/')) return { leads: 'outside', by: child }
    push(entry.target, child)
  }
  return { leads: 'inside', to: at }
}
