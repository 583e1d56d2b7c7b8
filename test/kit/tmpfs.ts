import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { mount, MountFlag, umount } from './mounting.ts'

/** A small disk of its own: a tmpfs that goes when the running test ends. */
export interface SmallDisk {
  readonly directory: string
  /** Makes it larger or smaller, or read-only. */
  remount(options: { bytes?: number; readOnly?: boolean }): void
}

/** Mounting takes root; elsewhere such tests are left out, but never where CI runs them. */
export const cannotMount = process.getuid?.() !== 0 && process.env['CI'] === undefined

/** Mounts a disk of `bytes`. */
export function smallDisk(bytes: number): SmallDisk {
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-disk-'))
  mount('secretbox-test', directory, 'tmpfs', 0, `size=${bytes},mode=0700`)
  onTestFinished(() => {
    umount(directory)
    rmdirSync(directory)
  })
  return {
    directory,
    remount({ bytes: size, readOnly = false }) {
      const flags = MountFlag.remount | (readOnly ? MountFlag.readOnly : 0)
      mount(null, directory, null, flags, size === undefined ? null : `size=${size}`)
    }
  }
}
