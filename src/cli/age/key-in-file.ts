import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { newBytes, randomSecret, type Secret } from '../../base/secret.ts'
import { decrypt, encrypt, hkdf, recipientOf, wrapKey, type AgeIdentity } from './x25519.ts'

/*
 * An age file (age-encryption.org/v1, C2SP age.md) whose payload is one short piece: a key. The header wraps a file key for
 * whom it is; the payload is encrypted under that.
 */

const version = 'age-encryption.org/v1'
const fileKeyBytes = 16
const nonceBytes = 16
/** Of the one stanza that wraps a file key, which is under a key of its own. */
const wrapNonce = newBytes(12)
/** Of the first piece of a payload, which is the last, too. */
const onlyPiece = Buffer.from([...Array<number>(11).fill(0), 1])
const columns = 64

/** The file that holds a key for one recipient. */
export function ageFileFor(recipient: Uint8Array, key: Secret): Buffer {
  const [own, fileKey] = [randomSecret(32), randomSecret(fileKeyBytes)]
  try {
    const share = recipientOf(own)
    const wrapping = wrapKey(own, recipient, { share, recipient })
    if (wrapping === null) throw new Error('a recipient that was parsed is a key')
    const wrapped = encrypt(wrapping, wrapNonce, fileKey.bytes())
    wrapping.wipe()
    const header = `${version}\n-> X25519 ${text(share)}\n${text(wrapped)}\n---`
    const nonce = randomBytes(nonceBytes)
    const payload = withKey(hkdf(fileKey, nonce, 'payload'), each => encrypt(each, onlyPiece, key.bytes()))
    return Buffer.concat([Buffer.from(`${header} ${text(macOf(fileKey, header))}\n`), nonce, payload])
  } finally {
    own.wipe()
    fileKey.wipe()
  }
}

/** The key that a file holds for one of these identities, which the caller wipes; null when it holds none for them, or is none. */
export function keyInAgeFile(identities: readonly AgeIdentity[], file: Buffer): Secret | null {
  const parts = partsOf(file)
  if (parts === null) return null
  for (const { share, wrapped } of parts.stanzas)
    for (const identity of identities) {
      const wrapping = wrapKey(identity, share, { share, recipient: recipientOf(identity) })
      const fileKey = wrapping && decrypt(wrapping, wrapNonce, wrapped)
      wrapping?.wipe()
      if (fileKey !== null) return withKey(fileKey, each => keyUnder(each, parts))
    }
  return null
}

interface FileParts {
  /** Up to and with the three dashes. */
  readonly header: string
  readonly mac: Buffer
  /** Those for X25519; others are others'. */
  readonly stanzas: readonly { readonly share: Buffer; readonly wrapped: Buffer }[]
  readonly nonce: Buffer
  readonly payload: Buffer
}

function keyUnder(fileKey: Secret, { header, mac, nonce, payload }: FileParts): Secret | null {
  if (fileKey.length !== fileKeyBytes || !timingSafeEqual(macOf(fileKey, header), mac)) return null
  return withKey(hkdf(fileKey, nonce, 'payload'), each => decrypt(each, onlyPiece, payload))
}

function partsOf(file: Buffer): FileParts | null {
  // What comes behind the header is no text, which this does not mind.
  const [whole, header = '', mac = ''] =
    /^(age-encryption\.org\/v1\n(?:[!-~ ]*\n)*?---) ([0-9A-Za-z+/]{43})\n/.exec(file.toString('latin1')) ?? []
  const bytes = bytesOf(mac)
  if (whole === undefined || bytes === null) return null
  const stanzas = stanzasIn(header.split('\n').slice(1, -1))
  const body = file.subarray(whole.length)
  if (stanzas === null || body.length < nonceBytes) return null
  return {
    header,
    mac: bytes,
    stanzas,
    nonce: body.subarray(0, nonceBytes),
    payload: body.subarray(nonceBytes)
  }
}

/** Null for lines that are no stanzas. */
function stanzasIn(lines: readonly string[]): FileParts['stanzas'] | null {
  const found: { share: Buffer; wrapped: Buffer }[] = []
  for (let at = 0; at < lines.length;) {
    const [, type, share = '', more] = /^-> (\S+)(?: (\S+))?( .*)?$/.exec(lines[at++] ?? '') ?? []
    if (type === undefined) return null
    const from = at
    while (lines[at]?.length === columns) at++
    const body = bytesOf(lines.slice(from, ++at).join(''))
    if (at > lines.length || body === null) return null
    if (type !== 'X25519') continue
    const point = bytesOf(share)
    if (point?.length !== 32 || body.length !== fileKeyBytes + 16 || more !== undefined) return null
    found.push({ share: point, wrapped: body })
  }
  return found
}

function macOf(fileKey: Secret, header: string): Buffer {
  return withKey(hkdf(fileKey, newBytes(0), 'header'), key =>
    createHmac('sha256', key.bytes()).update(header).digest()
  )
}

function withKey<T>(key: Secret, use: (key: Secret) => T): T {
  try {
    return use(key)
  } finally {
    key.wipe()
  }
}

/** Base64 without padding, as headers have it. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

/** Null for what `text` does not write. */
function bytesOf(encoded: string): Buffer | null {
  const bytes = Buffer.from(encoded, 'base64')
  if (text(bytes) !== encoded) return null
  const own = newBytes(bytes.length)
  own.set(bytes)
  return own
}
