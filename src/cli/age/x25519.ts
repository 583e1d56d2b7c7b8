import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject
} from 'node:crypto'
import { joined, viewOf } from '../../base/bytes.ts'
import { SecretboxError } from '../../base/errors.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import { fromBech32 } from './bech32.ts'

/** The private half of a recipient; the caller wipes it. */
export type AgeIdentity = Secret

const keyBytes = 32
/** What stands before the 32 bytes of an X25519 key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410). */
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/** A public key as age writes it. Throws `invalid`. */
export function parseRecipient(text: string): Buffer {
  const key = fromBech32('age', Buffer.from(text))
  if (key?.length === keyBytes) return key
  throw new SecretboxError('invalid', `bad recipient ${JSON.stringify(text)}`, {
    hint: 'it is the public key of an age identity, as age-keygen prints it: age1…'
  })
}

/** The identities of a file as age-keygen writes it, one a line. Throws `invalid`. The bytes stay the caller's. */
export function parseIdentities(bytes: Uint8Array): AgeIdentity[] {
  const found: AgeIdentity[] = []
  const refuse = (reason: string): SecretboxError => {
    for (const identity of found) identity.wipe()
    return new SecretboxError('invalid', `bad identity file: ${reason}`, {
      hint: 'it has a line AGE-SECRET-KEY-1…, as age-keygen writes it; one that is encrypted is given by way of age: age -d FILE | docker vault unseal --identity -'
    })
  }
  for (const [at, line] of linesOf(bytes)) {
    if (line.length === 0 || line[0] === 0x23) continue
    const key = fromBech32('age-secret-key-', line)
    if (key?.length !== keyBytes) throw refuse(`line ${at} is no X25519 identity of age`)
    found.push(new Secret(key))
  }
  if (found.length === 0) throw refuse('there is no identity in it')
  return found
}

/** The public key of an identity. */
export function recipientOf(identity: AgeIdentity): Buffer {
  const spki = createPublicKey(privateKeyOf(identity)).export({ type: 'spki', format: 'der' })
  return spki.subarray(publicPrefix.length)
}

/** What both sides can compute: of one's own private key and the other's public one. Null for a key that is none. The caller wipes it. */
function sharedWith(identity: AgeIdentity, other: Uint8Array): Secret | null {
  try {
    const key = createPublicKey({ key: joined([publicPrefix, other]), type: 'spki', format: 'der' })
    return new Secret(diffieHellman({ privateKey: privateKeyOf(identity), publicKey: key }))
  } catch {
    return null
  }
}

/** The key that a file key is wrapped under in a stanza of X25519; null where the keys are none. The caller wipes it. */
export function wrapKey(
  own: AgeIdentity,
  other: Uint8Array,
  { share, recipient }: { readonly share: Uint8Array; readonly recipient: Uint8Array }
): Secret | null {
  const shared = sharedWith(own, other)
  try {
    return shared && hkdf(shared, joined([share, recipient]), 'age-encryption.org/v1/X25519')
  } finally {
    shared?.wipe()
  }
}

/** HKDF-SHA-256 (RFC 5869), 32 bytes; the caller wipes both. */
export function hkdf(key: Secret, salt: Uint8Array, info: string): Secret {
  return new Secret(Buffer.from(hkdfSync('sha256', key.bytes(), salt, info, keyBytes)))
}

const tagBytes = 16

/** ChaCha20-Poly1305 (RFC 8439) without associated data. */
export function encrypt(key: Secret, nonce: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key.bytes(), nonce, { authTagLength: tagBytes })
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** What `encrypt` was given, which the caller wipes; null when it was another key, or it was changed. */
export function decrypt(key: Secret, nonce: Uint8Array, encrypted: Uint8Array): Secret | null {
  if (encrypted.length < tagBytes) return null
  const decipher = createDecipheriv('chacha20-poly1305', key.bytes(), nonce, { authTagLength: tagBytes })
  decipher.setAuthTag(encrypted.subarray(-tagBytes))
  const plaintext = new Secret(decipher.update(encrypted.subarray(0, -tagBytes)))
  try {
    decipher.final()
    return plaintext
  } catch {
    plaintext.wipe()
    return null
  }
}

function privateKeyOf(identity: AgeIdentity): KeyObject {
  const der = newBytes(privatePrefix.length + keyBytes)
  der.set(privatePrefix)
  der.set(identity.bytes(), privatePrefix.length)
  try {
    return createPrivateKey({ key: der, type: 'pkcs8', format: 'der' })
  } finally {
    der.fill(0)
  }
}

/** The lines of a text and their numbers, without line ends. */
function* linesOf(bytes: Uint8Array): Generator<[number, Buffer]> {
  const view = viewOf(bytes)
  let [from, number] = [0, 1]
  while (from < view.length) {
    const end = view.indexOf(0x0a, from)
    const to = end === -1 ? view.length : end
    yield [number, view.subarray(from, to > from && view[to - 1] === 0x0d ? to - 1 : to)]
    from = to + 1
    number++
  }
}
