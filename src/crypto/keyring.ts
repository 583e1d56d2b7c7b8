import type { Envelope } from './envelope.ts'
import type { Sodium } from './sodium.ts'
import { Secret } from '../base/secret.ts'

/** The bytes of every root key, box key and blob key. */
export const keyBytes = 32

/**
 * What an unsealed vault seals with: keys derived from the root key, which itself seals nothing. All records
 * are bound to the store's id and to their own key in the store, so that a record moved elsewhere does not open.
 */
export interface Keyring {
  /** A name as the store may show it: 64 hex digits that only the holder of the root key can link to the name. */
  hideName(name: string): string
  /** Seals under the vault's own key (box records, audit). */
  seal(recordKey: string, plaintext: Uint8Array): Buffer
  /** Opens what `seal` made; the plaintext is the caller's. Throws `damaged`. */
  open(recordKey: string, sealed: Uint8Array): Buffer
  /** Seals under a box's key; with a `blob` named, under the key of that blob. */
  sealForBox(boxKey: Secret, blob: string | null, recordKey: string, plaintext: Uint8Array): Buffer
  /** Opens what `sealForBox` made; the plaintext is the caller's. Throws `damaged`. */
  openForBox(boxKey: Secret, blob: string | null, recordKey: string, sealed: Uint8Array): Buffer
  /** A key of the box for digests of its contents, which seals nothing; the caller wipes it. */
  digestKey(boxKey: Secret): Secret
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
  const memory = parts.allocate(2 * keyBytes)
  const keep = (purpose: string, place: number): Secret => {
    const derived = derive(parts.rootKey, purpose)
    const kept = memory.subarray(place * keyBytes, (place + 1) * keyBytes)
    kept.set(derived.bytes())
    derived.wipe()
    return new Secret(kept)
  }
  const nameKey = keep('names', 0)
  const recordKey = keep('records', 1)

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
    hideName: name => sodium.keyedHash(nameKey.bytes(), Buffer.from(name), 32).toString('hex'),
    seal: (key, plaintext) => envelope.seal(recordKey.bytes(), bind(key), plaintext),
    open: (key, sealed) => envelope.open(recordKey.bytes(), bind(key), sealed),
    sealForBox: (boxKey, blob, key, plaintext) =>
      withKeyOf(boxKey, blob, derived => envelope.seal(derived, bind(key), plaintext)),
    openForBox: (boxKey, blob, key, sealed) =>
      withKeyOf(boxKey, blob, derived => envelope.open(derived, bind(key), sealed)),
    digestKey: boxKey => derive(boxKey, 'digests'),
    wipe() {
      nameKey.wipe()
      recordKey.wipe()
    }
  }
}
