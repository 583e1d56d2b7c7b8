import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, quote, SecretboxError } from '../errors.ts'
import { reach } from '../fault-points.ts'
import { MountFlag, UmountFlag, type Syscalls } from '../syscalls.ts'
import type { MountId } from '../vault/names.ts'
import type { OpenedVersion } from '../vault/vault.ts'
import { deviceNumber, mountSourceOf } from './mount-table.ts'
import { defaultSpareBytes, type VolumeOptions } from './options.ts'
import { wipeTree } from './tree-wiper.ts'
import { writeTree } from './tree-writer.ts'

/** What copies are made of: `noswap` from Linux 6.4 on; ramfs, which is never swapped, where tmpfs cannot promise it. */
export type CopyMemory = 'tmpfs with noswap' | 'tmpfs on a host without swap' | 'ramfs'

/** What a copy shows: an opened version's tree or nothing at all. */
export type CopyContents = Pick<OpenedVersion, 'tree' | 'read'> | null

/** The tmpfs file systems, one per mount ID, under one directory. Knows nothing of volumes or of who uses a copy. */
export interface Copies {
  readonly memory: CopyMemory
  /** Where the copy of a mount ID is or would be. */
  pathOf(id: MountId): string
  /** The mount IDs of the directories that exist, mounted or not. */
  list(): Promise<string[]>
  /** The device number (`0:50`) of a copy's file system, or null when nothing is mounted for that ID. */
  deviceOf(id: MountId): string | null
  /** Makes a copy; when any step fails nothing of it is left. Throws `unavailable` that names the step, or what reading throws. */
  make(id: MountId, contents: CopyContents, options: CopyOptions): Promise<void>
  /** Overwrites, unlinks, unmounts and removes a copy, and any that was stacked below it. Does nothing for one that is not there. */
  wipe(id: MountId): Promise<void>
}

/** The options that shape a copy's file system. */
export type CopyOptions = Pick<VolumeOptions, 'uid' | 'gid' | 'mode' | 'rw' | 'size'>

const pageBytes = 4096
const flags = MountFlag.noSuid | MountFlag.noDev | MountFlag.noExec

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
    if (memory === 'ramfs') {
      if (options.rw) {
        throw new SecretboxError('unavailable', 'cannot make a writable copy: ramfs has no size limit', {
          hint: 'use a kernel from 6.4 on, or a host without swap'
        })
      }
      syscalls.mount(source, path, 'ramfs', flags, 'mode=0755')
      return
    }
    const noswap = memory === 'tmpfs with noswap' ? ',noswap' : ''
    syscalls.mount(source, path, 'tmpfs', flags, `mode=0755,${sizeOptions(contents, options)}${noswap}`)
  }

  const copies: Copies = {
    memory,
    pathOf,

    async list() {
      return (await readdir(directory)).filter(name => !name.startsWith('.'))
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
          syscalls.mount(null, path, null, flags | MountFlag.remount | MountFlag.readOnly, null)
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
        try {
          syscalls.mount(null, path, null, flags | MountFlag.remount, null)
          await wipeTree(syscalls, path)
        } catch (error) {
          failure ??= error
        }
        unmount(syscalls, path)
      }
      rmSync(path, { recursive: true, force: true })
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

function probeMemory(directory: string, syscalls: Syscalls): CopyMemory {
  const probe = join(directory, '.probe')
  try {
    mkdirSync(probe, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new SecretboxError(
      'unavailable',
      `cannot write copies directory ${quote(directory)}: ${reasonOf(error)}`,
      {
        cause: error
      }
    )
  }
  const mounts = (type: string, options: string): boolean => {
    try {
      syscalls.mount('secretbox', probe, type, flags, options)
      syscalls.umount(probe, UmountFlag.detach)
      return true
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw refused('mount', probe, error)
      return false
    }
  }
  try {
    if (mounts('tmpfs', 'size=4096,noswap')) return 'tmpfs with noswap'
    return hostHasSwap() ? 'ramfs' : 'tmpfs on a host without swap'
  } finally {
    rmdirSync(probe)
  }
}

function hostHasSwap(): boolean {
  // /proc/swaps: a heading and a line per swap area.
  return existsSync('/proc/swaps') && readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1
}

function refused(action: string, path: string, cause: unknown): SecretboxError {
  return new SecretboxError('unavailable', `cannot ${action} copy ${quote(path)}: ${reasonOf(cause)}`, {
    cause
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
