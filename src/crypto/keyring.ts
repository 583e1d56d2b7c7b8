import type { Envelope } from './envelope.ts'
import type { Sodium } from './sodium.ts'
import { SecretboxError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'

/** The bytes of every root key, box key and blob key. */
export const keyBytes = 32

/**
 * What an unsealed vault encrypts with: keys derived from the root key, which itself encrypts nothing. All records
 * are bound to the store's id and to their own key in the store, so that a record moved elsewhere does not open.
 */
export interface Keyring {
  /** A name as the store may show it: 64 hex digits that only the holder of the root key can link to the name. */
  hideName(name: string): string
  /** 64 hex digits that say that who wrote a text in clear had the root key. */
  readonly tag: (text: string) => string
  /** Encrypts under the vault's own key (box records, audit). */
  encrypt(recordKey: string, plaintext: Uint8Array): Buffer
  /** Decrypts what `encrypt` made; the plaintext is the caller's. Throws `damaged`. */
  decrypt(recordKey: string, encrypted: Uint8Array): Buffer
  /** Encrypts under a box's key; with a `blob` named, under the key of that blob. */
  encryptForBox(boxKey: Secret, blob: string | null, recordKey: string, plaintext: Uint8Array): Buffer
  /** Decrypts what `encryptForBox` made; the plaintext is the caller's. Throws `damaged`. */
  decryptForBox(boxKey: Secret, blob: string | null, recordKey: string, encrypted: Uint8Array): Buffer
  /** A key of the box for digests of its contents, which encrypts nothing; the caller wipes it. */
  digestKey(boxKey: Secret): Secret
  /** The root key under a keyslot's key, bound to that slot. */
  wrapRootKey(slotKey: Secret, slotId: string): Buffer
  /** Zeroes the keys; the keyring is of no use afterwards. */
  wipe(): void
}

/** Derives the vault's keys from the root key, which stays the caller's to wipe, into memory that `allocate` gives. */
export function createKeyring(parts: {
  sodium: Sodium
  envelope: Envelope
  rootKey: Secret
  storeId: string
  allocate: (length: number) => Uint8Array
}): Keyring {
  const { sodium, envelope, storeId } = parts
  const derive = (key: Secret, purpose: string): Secret =>
    new Secret(sodium.keyedHash(key.bytes(), Buffer.from(`secretbox/1 ${purpose}`), keyBytes))
  const memory = parts.allocate(4 * keyBytes)
  const kept = (place: number): Uint8Array => memory.subarray(place * keyBytes, (place + 1) * keyBytes)
  const keep = (purpose: string, place: number): Secret => {
    const derived = derive(parts.rootKey, purpose)
    kept(place).set(derived.bytes())
    derived.wipe()
    return new Secret(kept(place))
  }
  const nameKey = keep('names', 0)
  const recordKey = keep('records', 1)
  const tagKey = keep('tags', 2)
  // New keyslots are made of it.
  kept(3).set(parts.rootKey.bytes())
  const rootKey = new Secret(kept(3))

  const bind = (key: string): Buffer => Buffer.from(`${storeId} ${key}`)
  const withKeyOf = <T>(boxKey: Secret, blob: string | null, use: (key: Uint8Array) => T): T => {
    const key = derive(boxKey, blob === null ? 'manifest' : `blob ${blob}`)
    try {
      return use(key.bytes())
    } finally {
      key.wipe()
    }
  }

  return {
    hideName: name => sodium.keyedHash(live(nameKey), Buffer.from(name), 32).toString('hex'),
    tag: text => sodium.keyedHash(live(tagKey), bind(text), 32).toString('hex'),
    encrypt: (key, plaintext) => envelope.encrypt(live(recordKey), bind(key), plaintext),
    decrypt: (key, encrypted) => envelope.decrypt(live(recordKey), bind(key), encrypted),
    encryptForBox: (boxKey, blob, key, plaintext) =>
      withKeyOf(boxKey, blob, derived => envelope.encrypt(derived, bind(key), plaintext)),
    decryptForBox: (boxKey, blob, key, encrypted) =>
      withKeyOf(boxKey, blob, derived => envelope.decrypt(derived, bind(key), encrypted)),
    digestKey: boxKey => derive(boxKey, 'digests'),
    wrapRootKey: (slotKey, slotId) =>
      envelope.encrypt(slotKey.bytes(), boundToSlot(storeId, slotId), live(rootKey)),
    wipe() {
      for (const key of [nameKey, recordKey, tagKey, rootKey]) key.wipe()
    }
  }
}

/** The bytes of a key that is not wiped. Throws `sealed`: an act may be under way when the vault is sealed. */
function live(key: Secret): Uint8Array {
  if (key.length > 0) return key.bytes()
  throw new SecretboxError('sealed', 'the vault was sealed meanwhile')
}

/** What a root key in a keyslot is bound to. */
export function boundToSlot(storeId: string, slotId: string): Buffer {
  return Buffer.from(`${storeId} keyslot/${slotId}`)
}
