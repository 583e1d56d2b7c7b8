import { createHash } from 'node:crypto'
import type { MountId, VolumeName } from '../base/names.ts'

declare const copyKey: unique symbol

/** Which copy: the name of its directory, 32 hexadecimal digits. */
export type CopyKey = string & { readonly [copyKey]: true }

/**
 * The key of a volume's copy for a mount ID. An ID alone names none: Podman sends the same one for every volume, and
 * whoever calls the driver may. A volume's name can hold what no directory's name can, so it is a hash.
 */
export function copyKeyOf(volume: VolumeName, mount: MountId): CopyKey {
  // Neither of the two holds a NUL.
  return createHash('sha256').update(`${volume}\0${mount}`).digest('hex').slice(0, 32) as CopyKey
}

/** True for the name of a copy's directory. */
export function isCopyKey(text: string): text is CopyKey {
  return /^[0-9a-f]{32}$/.test(text)
}
