import { quote, SecretboxError } from '../../base/errors.ts'
import { linkEnd, resolvePath } from './links.ts'
import { childOf, type FilePath } from '../../base/names.ts'
import { subtree, type Entry, type Tree } from './tree.ts'

/** What a part may grow to when symlinks are replaced by what they lead to. */
export interface PartLimits {
  readonly maxBoxEntries: number
  readonly maxBoxBytes: number
}

/**
 * The part of a box that a container is shown: as `subtree`, but a relative symlink that leads out of the part and stays
 * in the box is replaced by what it leads to, so that `live/d` has the same `privkey.pem` as `live/d/privkey.pem`
 * and the whole box. Others stay as they are: those that lead to nothing, out of the box, or to a directory around
 * themselves. `again` makes what a second place needs of an entry. Throws `not_found`, and `too_large` when that
 * would make more than a box may hold.
 */
export function partOf<I>(
  tree: Tree<I>,
  path: FilePath,
  limits: PartLimits,
  again: (entry: Entry<I>) => Entry<I>
): Tree<I> {
  const root = resolvePath(tree, path, { follow: true })
  if (root === '' || tree.get(root)?.type !== 'directory') return subtree(tree, path)
  const part = new Map<FilePath, Entry<I>>()
  let bytes = 0
  const add = (at: FilePath, entry: Entry<I>): void => {
    part.set(at, entry)
    if (entry.type === 'file') bytes += entry.size
    if (part.size > limits.maxBoxEntries || bytes > limits.maxBoxBytes) {
      throw new SecretboxError(
        'too_large',
        `what the symlinks in ${quote(path)} lead to is more than a box may hold`
      )
    }
  }

  /** Shows the directory `shown` of the box at `at` of the part; `around` are the directories that are being shown there. */
  const show = (shown: FilePath, at: FilePath, around: readonly FilePath[]): void => {
    const inside = subtree(tree, shown)
    for (const [name, entry] of inside) {
      const place = childOf(at, name)
      const found = entry.type === 'symlink' ? foundElsewhere(tree, inside, shown, name) : null
      if (found === null || around.some(other => isWithin(other, found.path))) {
        add(place, around.length === 1 ? entry : again(entry))
        continue
      }
      add(place, again(found.entry))
      if (found.entry.type === 'directory') show(found.path, place, [...around, found.path])
    }
  }
  show(root, '' as FilePath, [root])
  return part
}

/** What a symlink of a directory leads to elsewhere in the box, if it is this symlink that leads out of the directory. */
function foundElsewhere<I>(
  tree: Tree<I>,
  inside: Tree<I>,
  directory: FilePath,
  name: FilePath
): { path: FilePath; entry: Entry<I> } | null {
  const leaving = linkEnd(inside, name)
  if (leaving.leads !== 'outside' || leaving.by !== name) return null
  const link = childOf(directory, name)
  const end = linkEnd(tree, link)
  if (end.leads !== 'inside') return null
  const entry = tree.get(end.to)
  // The root is no entry, and is around everything.
  return entry === undefined ? null : { path: end.to, entry }
}

function isWithin(path: FilePath, directory: FilePath): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}
