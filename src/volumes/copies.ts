import { chmodSync, chownSync, mkdirSync, readFileSync, realpathSync, rmdirSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, quote, reasonOf, SecretboxError } from '../errors.ts'
import { reach } from '../fault-points.ts'
import { MountFlag, UmountFlag, type Syscalls } from '../syscalls.ts'
import { isMountId, type MountId } from '../vault/names.ts'
import type { OpenedVersion } from '../vault/vault.ts'
import { copyFlags, probeMemory, type CopyMemory } from './copy-memory.ts'
import { deviceNumber, mountSourceOf, parseMountInfo } from './mount-table.ts'
import { defaultSpareBytes, type VolumeOptions } from './options.ts'
import { ownershipOf, rootOfCopy, type OwnershipOptions } from './ownership.ts'
import { wipeTree } from './tree-wiper.ts'
import { writeTree } from './tree-writer.ts'

/** What a copy shows: an opened version's tree or nothing at all. */
export type CopyContents = Pick<OpenedVersion, 'tree' | 'read'> | null

/** The tmpfs file systems, one per mount ID, under one directory. Knows nothing of volumes or of who uses a copy. */
export interface Copies {
  readonly memory: CopyMemory
  /** Where the copy of a mount ID is or would be. */
  pathOf(id: MountId): string
  /** The mount IDs of the directories that exist, mounted or not; a name that is none is not ours. */
  list(): Promise<MountId[]>
  /** The device number (`0:50`) of a copy's file system, or null when nothing is mounted for that ID. */
  deviceOf(id: MountId): string | null
  /** Makes a copy; when any step fails nothing of it is left. Throws `unavailable` that names the step, or what reading throws. */
  make(id: MountId, contents: CopyContents, options: CopyOptions): Promise<void>
  /**
   * Overwrites, unlinks, unmounts and removes a copy, and any that was stacked below it. Does nothing for one that
   * is not there. Throws `conflict` for a mount or a directory that is not ours.
   */
  wipe(id: MountId): Promise<void>
}

/** The options that shape a copy's file system. */
export type CopyOptions = OwnershipOptions & Pick<VolumeOptions, 'rw' | 'size'>

const pageBytes = 4096

/**
 * Opens the directory of copies, finding out what memory the kernel offers. Throws `unavailable` when the
 * directory cannot be written or the process may not mount.
 */
export function openCopies(directory: string, syscalls: Syscalls): Copies {
  const memory = probeMemory(directory, syscalls)
  const pathOf = (id: MountId): string => join(directory, id)

  const mountMemory = (id: MountId, contents: CopyContents, options: CopyOptions): void => {
    const path = pathOf(id)
    const source = mountSourceOf(id)
    const { uid, gid, mode } = ownershipOf(rootOfCopy, options)
    if (memory === 'ramfs') {
      if (options.rw) {
        throw new SecretboxError('unavailable', 'cannot make a writable copy: ramfs has no size limit', {
          hint: 'use a kernel from 6.4 on, or a host without swap'
        })
      }
      syscalls.mount(source, path, 'ramfs', copyFlags, null)
      // ramfs takes no owner; the bits come after it, since chown(2) clears some.
      chownSync(path, uid, gid)
      chmodSync(path, mode)
      return
    }
    const noswap = memory === 'tmpfs with noswap' ? ',noswap' : ''
    const owner = `mode=${mode.toString(8)},uid=${uid},gid=${gid}`
    const sizes = sizeOptions(contents, options)
    syscalls.mount(source, path, 'tmpfs', copyFlags, `${owner},${sizes}${noswap}`)
  }

  const copies: Copies = {
    memory,
    pathOf,

    async list() {
      return (await readdir(directory)).filter(isMountId)
    },

    deviceOf(id) {
      const mounted = statSync(pathOf(id), { throwIfNoEntry: false })?.dev
      return mounted === undefined || mounted === statSync(directory).dev ? null : deviceNumber(mounted)
    },

    async make(id, contents, options) {
      const path = pathOf(id)
      try {
        mkdirSync(path, { recursive: true, mode: 0o700 })
        mountMemory(id, contents, options)
        FAULT: await reach('mount.mounted')
        await writeContents(path, contents, options)
        FAULT: await reach('mount.written')
        if (!options.rw)
          syscalls.mount(null, path, null, copyFlags | MountFlag.remount | MountFlag.readOnly, null)
      } catch (error) {
        await copies.wipe(id)
        throw error instanceof SecretboxError ? error : refused('make', path, error)
      }
    },

    async wipe(id) {
      const path = pathOf(id)
      let failure: unknown = null
      // A stack of mounts is no state that we make, but one that must not survive us.
      while (copies.deviceOf(id) !== null) {
        requireOurs(path, mountSourceOf(id))
        try {
          syscalls.mount(null, path, null, copyFlags | MountFlag.remount, null)
          await wipeTree(syscalls, path)
        } catch (error) {
          failure ??= error
        }
        unmount(syscalls, path)
      }
      removeEmpty(path)
      if (failure !== null) throw refused('overwrite', path, failure)
    }
  }
  return copies
}

async function writeContents(path: string, contents: CopyContents, options: CopyOptions): Promise<void> {
  if (contents !== null) await writeTree(path, contents.tree, entry => contents.read(entry), options)
}

function unmount(syscalls: Syscalls, path: string): void {
  try {
    syscalls.umount(path, UmountFlag.noFollow)
  } catch (error) {
    if (errnoOf(error) !== 'EBUSY') throw error
    syscalls.umount(path, UmountFlag.noFollow | UmountFlag.detach)
  }
}

/** The operator may have named a directory where other things are; nothing of theirs is overwritten or removed. */
function requireOurs(path: string, source: string): void {
  const target = realpathSync(path)
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  if (mounts.findLast(mount => mount.target === target)?.source === source) return
  throw new SecretboxError('conflict', `cannot wipe ${quote(path)}: what is mounted there is no copy`, {
    hint: 'give the copies a directory of their own (SECRETBOX_COPIES_DIR)'
  })
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path)
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === 'ENOENT') return
    if (errno !== 'ENOTEMPTY' && errno !== 'ENOTDIR') throw cause
    throw new SecretboxError('conflict', `cannot remove ${quote(path)}: it is no directory of a copy`, {
      hint: 'give the copies a directory of their own (SECRETBOX_COPIES_DIR)',
      cause
    })
  }
}

/** As much as the contents need, so that a copy never holds more memory than it must; `spare` for writable ones. */
function sizeOptions(contents: CopyContents, { rw, size }: CopyOptions): string {
  let pages = 1
  let entries = 0
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
      {
        hint: 'raise the volume option size'
      }
    )
  }
  return `size=${bytes},nr_inodes=${entries + (rw ? 4096 : 8)}`
}

function refused(action: string, path: string, cause: unknown): SecretboxError {
  return new SecretboxError('unavailable', `cannot ${action} copy ${quote(path)}: ${reasonOf(cause)}`, {
    cause
  })
}
