/** Who owns what in a copy, and who may do what with it. */
export interface OwnershipOptions {
  /** Owner of every entry. */
  readonly uid: number
  readonly gid: number
  /** Permission bits of every file; null: each file's own. */
  readonly mode: number | null
  /** Permission bits of every directory and of the copy's root; null: each directory's own, and 0755 for the root. */
  readonly dirmode: number | null
}

/** The directory of a copy's contents in which its socket lies, and the socket's name there. */
export const socketPlace = { directory: '.secretbox', name: 'api.sock' } as const

/** A file or directory, with the bits of its own. */
interface WithMode {
  readonly type: 'file' | 'directory'
  readonly mode: number
}

/** What chown(2) and chmod(2) are told about an entry of a copy. */
export interface Ownership<Mode extends number | null = number | null> {
  readonly uid: number
  readonly gid: number
  /** Permission bits, set-id and sticky ones with them. Null for a symlink, which has none (symlink(7)). */
  readonly mode: Mode
}

/**
 * The directory of a copy's file system that a container gets. It is no entry of a box, also with the option `path`: like a
 * mount point it is open to all.
 */
export const rootOfCopy: WithMode & { readonly name: string } = {
  type: 'directory',
  mode: 0o755,
  name: 'contents'
}

export function ownershipOf(entry: WithMode, options: OwnershipOptions): Ownership<number>
export function ownershipOf(
  entry: WithMode | { readonly type: 'symlink' },
  options: OwnershipOptions
): Ownership
/**
 * Owner and permission bits of an entry of a copy. All entries have one owner; a file has `mode`, a directory
 * `dirmode`, `rootOfCopy` too; without these each has its own. The owner must be set before the bits, since
 * chown(2) clears set-id bits.
 */
export function ownershipOf(
  entry: WithMode | { readonly type: 'symlink' },
  { uid, gid, mode, dirmode }: OwnershipOptions
): Ownership {
  if (entry.type === 'symlink') return { uid, gid, mode: null }
  return { uid, gid, mode: (entry.type === 'directory' ? dirmode : mode) ?? entry.mode }
}

/** Who would read, by the numbers of the host. */
export interface Reader {
  readonly uid: number
  readonly gids: readonly number[]
}

/** Whether somebody could read all that a copy shows where it lies: its owner, and who may go to the socket that it would have. */
export function mayReadAll(
  reader: Reader,
  entries: Iterable<WithMode | { readonly type: 'symlink' }>,
  options: OwnershipOptions
): boolean {
  const { uid, gid, mode } = socketPlaceOwnership(entries, options)
  return reader.uid === uid || (mode & (reader.gids.includes(gid) ? 0o050 : 0o005)) !== 0
}

/**
 * Who may go to a copy's socket, where all of the copy is to be had and a token of who the container is: its owner, and the group or all
 * others when they may read every file of it where it lies. Of a copy without a file nobody is known to be meant but its owner.
 */
export function socketPlaceOwnership(
  entries: Iterable<WithMode | { readonly type: 'symlink' }>,
  options: OwnershipOptions
): Ownership<number> {
  const { uid, gid, mode: rootMode } = ownershipOf(rootOfCopy, options)
  let may = rootMode & 0o055
  let hasFile = false
  for (const entry of entries) {
    if (entry.type === 'symlink') continue
    hasFile ||= entry.type === 'file'
    const { mode } = ownershipOf(entry, options)
    // A directory must be searched, and is listed by whoever reads; a file is read.
    may &= entry.type === 'directory' ? mode : mode | 0o011
  }
  const all = (bits: number): number => (hasFile && (may & bits) === bits ? bits : 0)
  return { uid, gid, mode: 0o700 | all(0o050) | all(0o005) }
}
