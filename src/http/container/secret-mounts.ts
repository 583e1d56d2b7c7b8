import { isUtf8 } from 'node:buffer'
import { posix } from 'node:path'
import { base64 } from '../../base/base64.ts'
import { SecretboxError } from '../../base/errors.ts'
import { jsonText } from '../../base/json-text.ts'
import type { SecretKind } from '../../base/secret-kinds.ts'
import type { Manifest } from '../../vault/boxes/manifest.ts'
import { isJson } from '../../vault/credentials/json-members.ts'
import { readWhole, type OpenedVersion } from '../../vault/opened-version.ts'
import { joined } from '../../base/bytes.ts'

/** Of the files of all copies together: whoever has more reads them from these. */
export const mostBytes = 4 << 20

/** Where a copy is in its container. */
export interface MountedCopy {
  /** Where its volume is mounted. */
  readonly targets: readonly string[]
  /** It is a file there, and not a directory. */
  readonly isFile: boolean
  /** Where other things are mounted, volumes or not. */
  readonly others: readonly string[]
  /** How its files were given, where that is known. */
  readonly kind: SecretKind | null
}

/**
 * The files of a copy as secret mounts, by where they are in the container: members of a JSON object that the caller zeroes. A file is of the
 * kind that it was given with; where that is not known one that is UTF-8 is a `text`, any other a `base64`. Symlinks and directories are none.
 * `spareBytes`: as many may come, and as many are left, is given. Throws `too_large`, and what reading throws.
 */
export async function secretMountsIn(
  opened: Pick<OpenedVersion, 'read'>,
  shown: Manifest,
  { targets, isFile, others, kind }: MountedCopy,
  spareBytes: number
): Promise<{ members: Buffer[]; spareBytes: number }> {
  const files = [...shown].flatMap(([at, entry]) => {
    if (entry.type !== 'file') return []
    const places = isFile ? targets : targets.flatMap(target => placesSeen(target, at, others))
    return places.length === 0 ? [] : [{ entry, places }]
  })
  const spare = spareBytes - files.reduce((sum, { entry }) => sum + entry.size, 0)
  if (spare < 0)
    throw new SecretboxError(
      'too_large',
      `the container has more than ${mostBytes} bytes of files in its copies`,
      {
        hint: 'read them from these'
      }
    )
  const members: Buffer[] = []
  try {
    for (const { entry, places } of files) {
      const bytes = await readWhole(opened, entry)
      for (const place of places) members.push(memberOf(place, bytes, kind))
      bytes.fill(0)
    }
    return { members, spareBytes: spare }
  } catch (error) {
    for (const member of members) member.fill(0)
    throw error
  }
}

/** Where a file of a directory is, unless another thing is mounted in that over it. */
function placesSeen(target: string, at: string, others: readonly string[]): string[] {
  const place = posix.join(target, at)
  const hides = (other: string): boolean =>
    other.startsWith(`${target}/`) && `${place}/`.startsWith(`${other}/`)
  return others.some(hides) ? [] : [place]
}

function memberOf(name: string, bytes: Buffer, given: SecretKind | null): Buffer {
  // Somebody may have put something else there.
  if (given === 'json' && isJson(bytes)) return member(name, 'json', bytes)
  const isText = isUtf8(bytes)
  const encoded = isText ? null : base64(bytes)
  const content = jsonText(encoded ?? bytes)
  const made = member(name, isText ? 'text' : 'base64', content)
  content.fill(0)
  encoded?.fill(0)
  return made
}

function member(name: string, kind: string, content: Uint8Array): Buffer {
  return joined([
    Buffer.from(`${JSON.stringify(name)}:{"kind":"${kind}","content":`),
    content,
    Buffer.from('}')
  ])
}
