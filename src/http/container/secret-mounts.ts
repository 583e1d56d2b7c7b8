import { isUtf8 } from 'node:buffer'
import { posix } from 'node:path'
import { base64 } from '../../base/base64.ts'
import { SecretboxError } from '../../base/errors.ts'
import { jsonText } from '../../base/json-text.ts'
import type { Manifest } from '../../vault/boxes/manifest.ts'
import { readWhole, type OpenedVersion } from '../../vault/opened-version.ts'
import { joined } from '../../base/bytes.ts'
import { objectOfMembers } from './json-members.ts'

/** Of the files together: whoever has more reads them from the copy. */
export const mostBytes = 4 << 20

/**
 * The files of a copy as secret mounts, by where they are in the container (`targets`: where the copy is): JSON that the
 * caller zeroes. A file that is UTF-8 is a `text`, any other a `base64`; symlinks and directories are none. Throws
 * `too_large`, and what reading throws.
 */
export async function secretMountsIn(
  opened: Pick<OpenedVersion, 'read'>,
  shown: Manifest,
  targets: readonly string[]
): Promise<Buffer> {
  const files = [...shown].flatMap(([at, entry]) => (entry.type === 'file' ? [{ at, entry }] : []))
  if (files.reduce((sum, { entry }) => sum + entry.size, 0) > mostBytes)
    throw new SecretboxError('too_large', `the copy has more than ${mostBytes} bytes of files`, {
      hint: 'read them from the copy'
    })
  const members: Buffer[] = []
  try {
    for (const { at, entry } of files) {
      const bytes = await readWhole(opened, entry)
      for (const target of targets) members.push(memberOf(posix.join(target, at), bytes))
      bytes.fill(0)
    }
    return objectOfMembers('secret_mounts', members)
  } finally {
    for (const member of members) member.fill(0)
  }
}

function memberOf(name: string, bytes: Buffer): Buffer {
  const kind = isUtf8(bytes) ? 'text' : 'base64'
  const encoded = kind === 'text' ? null : base64(bytes)
  const content = jsonText(encoded ?? bytes)
  const member = joined([
    Buffer.from(`${JSON.stringify(name)}:{"kind":"${kind}","content":`),
    content,
    Buffer.from('}')
  ])
  content.fill(0)
  encoded?.fill(0)
  return member
}
