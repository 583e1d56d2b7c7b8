import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { SecretboxError } from '../../base/errors.ts'
import { notWhatWasWritten, restoreStore } from '../../base/messages.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'

/** The algorithm of all signatures: ECDSA with P-256 and SHA-256 (RFC 7518, section 3.4). */
export const signatureAlgorithm = 'ES256'
const curve = 'P-256'
/** Where the store keeps it: PKCS #8 (RFC 5958) in DER, encrypted under the vault's own key. */
export const signingKeyRecord = 'identity'

/** A public key as others are given it (RFC 7517, RFC 7518 section 6.2). */
export interface PublicKey {
  readonly kty: 'EC'
  readonly crv: typeof curve
  readonly x: string
  readonly y: string
  readonly alg: typeof signatureAlgorithm
  readonly use: 'sig'
  /** The thumbprint of the key (RFC 7638): whoever has the key can tell its name. */
  readonly kid: string
}

/** The key that tokens are signed with. The private half is in OpenSSL's memory, which clears it when it is collected. */
export interface SigningKey {
  readonly privateKey: KeyObject
  readonly publicKey: PublicKey
}

/** The write that makes the key of a new vault. */
export function newSigningKey(keyring: Keyring): Write {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: curve })
  const bytes = privateKey.export({ type: 'pkcs8', format: 'der' })
  try {
    return { put: signingKeyRecord, value: keyring.encrypt(signingKeyRecord, bytes), expect: null }
  } finally {
    bytes.fill(0)
  }
}

/** The vault's key. Throws `damaged`, also when it is gone: nobody who checks tokens knows another. */
export async function signingKeyIn(store: Store, keyring: Keyring): Promise<SigningKey> {
  const record = await store.get(signingKeyRecord)
  if (record !== null) return keyOf(readKey(keyring, record.value))
  throw new SecretboxError('damaged', 'the signing key is gone', { hint: restoreStore })
}

function readKey(keyring: Keyring, encrypted: Uint8Array): KeyObject {
  const bytes = keyring.decrypt(signingKeyRecord, encrypted)
  try {
    return createPrivateKey({ key: bytes, type: 'pkcs8', format: 'der' })
  } catch (cause) {
    throw new SecretboxError('damaged', notWhatWasWritten('the signing key'), { cause })
  } finally {
    bytes.fill(0)
  }
}

async function keyOf(privateKey: KeyObject): Promise<SigningKey> {
  const { x = '', y = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  const kid = await calculateJwkThumbprint({ kty: 'EC', crv: curve, x, y })
  return {
    privateKey,
    publicKey: { kty: 'EC', crv: curve, x, y, alg: signatureAlgorithm, use: 'sig', kid }
  }
}
