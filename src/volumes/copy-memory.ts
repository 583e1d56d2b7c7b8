import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, quote, reasonOf, SecretboxError } from '../errors.ts'
import { MountFlag, UmountFlag, type Syscalls } from '../syscalls.ts'

/** What copies are made of: `noswap` from Linux 6.4 on; ramfs, which is never swapped, where tmpfs cannot promise it. */
export type CopyMemory = 'tmpfs with noswap' | 'tmpfs on a host without swap' | 'ramfs'

/** The flags of every copy. */
export const copyFlags = MountFlag.noSuid | MountFlag.noDev | MountFlag.noExec

/**
 * Makes the directory of copies, for root alone, and finds out by a mount in it what memory the kernel offers;
 * unknown mount options make mount(2) fail with EINVAL. What an earlier try left is cleared away. Throws
 * `unavailable` when the directory cannot be written or the process may not mount.
 */
export function probeMemory(directory: string, syscalls: Pick<Syscalls, 'mount' | 'umount'>): CopyMemory {
  const probe = join(directory, '.probe')
  try {
    mkdirSync(probe, { recursive: true, mode: 0o700 })
    // Files of copies have the modes that containers need; it is this directory that keeps others out.
    chmodSync(directory, 0o700)
  } catch (cause) {
    throw new SecretboxError(
      'unavailable',
      `cannot write copies directory ${quote(directory)}: ${reasonOf(cause)}`,
      { cause }
    )
  }
  try {
    clearMounts(probe, syscalls)
    if (mounts(probe, syscalls)) return 'tmpfs with noswap'
    return hostHasSwap() ? 'ramfs' : 'tmpfs on a host without swap'
  } finally {
    rmdirSync(probe)
  }
}

function clearMounts(probe: string, syscalls: Pick<Syscalls, 'umount'>): void {
  try {
    for (;;) syscalls.umount(probe, UmountFlag.detach | UmountFlag.noFollow)
  } catch (error) {
    // EINVAL: it is no mount point (umount(2)).
    if (errnoOf(error) !== 'EINVAL') throw cannotMount(probe, error)
  }
}

function mounts(probe: string, syscalls: Pick<Syscalls, 'mount' | 'umount'>): boolean {
  try {
    syscalls.mount('secretbox', probe, 'tmpfs', copyFlags, 'size=4096,noswap')
  } catch (cause) {
    if (errnoOf(cause) === 'EINVAL') return false
    throw cannotMount(probe, cause)
  }
  syscalls.umount(probe, UmountFlag.detach)
  return true
}

function cannotMount(probe: string, cause: unknown): SecretboxError {
  return new SecretboxError('unavailable', `cannot mount a tmpfs on ${quote(probe)}: ${reasonOf(cause)}`, {
    hint: 'the daemon needs root and CAP_SYS_ADMIN',
    cause
  })
}

function hostHasSwap(): boolean {
  // /proc/swaps: a heading and a line per swap area.
  return existsSync('/proc/swaps') && readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1
}
