import { SecretboxError } from '../base/errors.ts'
import type { CopyContents, CopyOptions } from './send-tree.ts'

/** What a writable copy may grow by when `size` is not given. */
export const defaultSpareBytes = 16 << 20
/** Entries that a writable copy may have beside the box's. */
const spareEntries = 4096

/**
 * What the file system of a copy may hold: as much as the contents need, so that a copy never takes more memory than
 * it must. Extended attributes take of what inodes may take (Linux 6.6, tmpfs; SELinux labels each file): twice as many
 * inodes leave a KiB for each. Throws `invalid` when `size` is less than the box needs.
 */
export function sizeOf(
  contents: CopyContents,
  { rw, size }: CopyOptions,
  pageBytes: number
): { bytes: number; inodes: number } {
  let pages = 1
  /** The file system's own root, and the one that a container gets. */
  let entries = 2
  for (const entry of contents?.tree.values() ?? []) {
    entries++
    if (entry.type === 'file') pages += Math.ceil(entry.size / pageBytes)
    else if (entry.type === 'symlink') pages++
  }
  const needed = pages * pageBytes
  const bytes = rw ? (size ?? needed + defaultSpareBytes) : needed
  if (bytes < needed) {
    throw new SecretboxError(
      'invalid',
      `cannot make a writable copy of ${bytes} bytes: the box needs ${needed}`,
      { hint: 'raise the volume option size' }
    )
  }
  return { bytes, inodes: 2 * (entries + (rw ? spareEntries : 0)) + 8 }
}
