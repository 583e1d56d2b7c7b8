import { readFileSync } from 'node:fs'
import type { CopyKey } from '../copies/copy-key.ts'
import type { CopyDevice } from '../copies/holders.ts'
import type { CopyRecord } from './records.ts'

let current: string | null = null

/** This boot of the machine (random(4), /proc/sys/kernel/random/boot_id): device numbers begin anew with each. */
export function bootId(): string {
  current ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return current
}

/** The `st_dev` of the file system that a copy was made as, or null when it was not recorded, or in an earlier boot. */
export function recordedDevice(record: CopyRecord | null): number | null {
  return record?.device?.boot === bootId() ? record.device.number : null
}

/**
 * The file systems to look for when it is asked who holds a copy: what is mounted in its place, and what was recorded. Each
 * may be null, and both the same.
 */
export function devicesOf(key: CopyKey, mounted: number | null, recorded: number | null): CopyDevice[] {
  const devices = [...new Set([mounted, recorded])].filter(device => device !== null)
  return devices.map(device => ({ key, device }))
}
