import { createHash } from 'node:crypto'
import { fromBase64 } from '../../base/base64.ts'
import { viewOf } from '../../base/bytes.ts'
import { privateKeyIn } from './certificates.ts'
import { Unfit } from './refusal.ts'

const opening = '-----BEGIN OPENSSH PRIVATE KEY-----'
const closing = '-----END OPENSSH PRIVATE KEY-----'
const magic = 'openssh-key-v1\0'

/** What of a private key of ssh is no secret. */
export interface SshKey {
  /** `ssh-ed25519`. */
  readonly algorithm: string
  /** As ssh-keygen -l writes it. */
  readonly fingerprint: string
  readonly isEncrypted: boolean
}

/**
 * A private key that ssh reads: in OpenSSH's own form (openssh, PROTOCOL.key), or in PEM, of which no more is told (null). Throws
 * `Unfit`.
 */
export function sshKeyIn(value: Uint8Array): SshKey | null {
  const text = viewOf(value)
  if (text.includes(13)) throw new Unfit('has carriage returns, and ssh takes no such key')
  const start = text.indexOf(opening)
  if (start === -1) {
    privateKeyIn(value)
    return null
  }
  const end = text.indexOf(closing)
  const decoded = end === -1 ? null : fromBase64(text.subarray(start + opening.length, end))
  if (decoded === null) throw notWhole()
  try {
    return readKey(decoded)
  } catch (error) {
    throw error instanceof RangeError ? notWhole() : error
  } finally {
    decoded.fill(0)
  }
}

function notWhole(): Unfit {
  return new Unfit('is no whole private key of OpenSSH')
}

function readKey(bytes: Buffer): SshKey {
  if (!bytes.subarray(0, magic.length).equals(Buffer.from(magic))) throw notWhole()
  let at = magic.length
  const next = (): Buffer => {
    const length = bytes.readUInt32BE(at)
    const part = bytes.subarray(at + 4, at + 4 + length)
    if (part.length < length) throw notWhole()
    at += 4 + length
    return part
  }
  const cipher = next().toString()
  next()
  next()
  if (bytes.readUInt32BE(at) !== 1) throw new Unfit('holds several keys')
  at += 4
  const publicKey = next()
  const secret = next()
  const isEncrypted = cipher !== 'none'
  if (!isEncrypted && secret.readUInt32BE(0) !== secret.readUInt32BE(4)) throw notWhole()
  const algorithm = publicKey.subarray(4, 4 + publicKey.readUInt32BE(0)).toString()
  const digest = createHash('sha256').update(publicKey).digest('base64').replace(/=+$/, '')
  return { algorithm, fingerprint: `SHA256:${digest}`, isEncrypted }
}
