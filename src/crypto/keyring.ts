import type { Envelope } from './envelope.ts'
import { createKeysInUse, derivedKey, keysOf, live, type Keys } from './keys.ts'
import { keysOfSlot, wrapRootKey, type WrappedRootKey } from './slot-lock.ts'
import type { Sodium } from './sodium.ts'
import { isSecretboxError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'

export { keyBytes } from './keys.ts'

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
  /** The root key for who has a keyslot's key. */
  wrapRootKey(slotKey: Secret, slotId: string): WrappedRootKey
  /** As `wrapRootKey`, in a keyslot whose key is not at hand, and in which `old` has put its root key. Throws `damaged`. */
  rewrapRootKey(old: Keyring, slotId: string, was: Pick<WrappedRootKey, 'public' | 'outer'>): WrappedRootKey
  /** How often the root key has become another since the vault was opened. */
  generation(): number
  /**
   * The keys of another root key, which stays the caller's; and what makes them these, once the store is under them. Until then whoever
   * asks for them wipes them.
   */
  another(rootKey: Secret): { readonly keyring: Keyring; readonly takeOver: () => void }
  /** Zeroes the keys; the keyring is of no use afterwards. */
  wipe(): void
}

interface KeyringParts {
  readonly sodium: Sodium
  readonly envelope: Envelope
  readonly rootKey: Secret
  readonly storeId: string
  readonly allocate: (length: number) => Uint8Array
}

/** Derives the vault's keys from the root key, which stays the caller's to wipe, into memory that `allocate` gives. */
export function createKeyring(parts: KeyringParts): Keyring {
  return keyringOf(parts, keysOf(parts))
}

function keyringOf(parts: Omit<KeyringParts, 'rootKey'>, first: Keys): Keyring {
  const { sodium, envelope, storeId } = parts
  const keys = createKeysInUse(first)
  const bind = (key: string): Buffer => Buffer.from(`${storeId} ${key}`)

  const keyring: Keyring = {
    ...ofSlots(parts, keys, {
      encrypt: (place, outerKey) => keyring.encrypt(place, outerKey)
    }),
    ...ofBoxes(parts, bind),
    hideName: name => sodium.keyedHash(live(keys.now().names), Buffer.from(name), 32).toString('hex'),
    tag: text => sodium.keyedHash(live(keys.now().tags), bind(text), 32).toString('hex'),
    encrypt: (key, plaintext) => envelope.encrypt(live(keys.now().records), bind(key), plaintext),
    decrypt(key, encrypted) {
      try {
        return envelope.decrypt(live(keys.now().records), bind(key), encrypted)
      } catch (error) {
        const before = keys.before()
        if (before === null || !isSecretboxError(error, 'damaged')) throw error
        return envelope.decrypt(live(before.records), bind(key), encrypted)
      }
    },
    generation: () => keys.generation(),
    another(rootKey) {
      const next = keysOf({ ...parts, rootKey })
      return { keyring: keyringOf(parts, next), takeOver: () => keys.replace(next) }
    },
    wipe: () => keys.wipe()
  }
  return keyring
}

/** What is done under the keys of boxes. */
function ofBoxes(
  { sodium, envelope }: Pick<KeyringParts, 'sodium' | 'envelope'>,
  bind: (key: string) => Buffer
): Pick<Keyring, 'encryptForBox' | 'decryptForBox' | 'digestKey'> {
  const withKeyOf = <T>(boxKey: Secret, blob: string | null, use: (key: Uint8Array) => T): T => {
    const key = derivedKey(sodium, boxKey, blob === null ? 'manifest' : `blob ${blob}`)
    try {
      return use(key.bytes())
    } finally {
      key.wipe()
    }
  }
  return {
    encryptForBox: (boxKey, blob, key, plaintext) =>
      withKeyOf(boxKey, blob, each => envelope.encrypt(each, bind(key), plaintext)),
    decryptForBox: (boxKey, blob, key, encrypted) =>
      withKeyOf(boxKey, blob, each => envelope.decrypt(each, bind(key), encrypted)),
    digestKey: boxKey => derivedKey(sodium, boxKey, 'digests')
  }
}

/** What puts the root key into keyslots. */
function ofSlots(
  { sodium, envelope, storeId }: Pick<KeyringParts, 'sodium' | 'envelope' | 'storeId'>,
  keys: { now(): Keys },
  { encrypt }: Pick<Keyring, 'encrypt'>
): Pick<Keyring, 'wrapRootKey' | 'rewrapRootKey'> {
  const placeOfOuter = (slotId: string): string => `keyslot/${slotId}/outer`
  const wrapping = (slotId: string, publicKey: Buffer, outerKey: Secret): WrappedRootKey => {
    const lock = { publicKey, outerKey }
    return {
      public: publicKey,
      outer: encrypt(placeOfOuter(slotId), outerKey.bytes()),
      wrapped: wrapRootKey({ sodium, envelope }, { storeId, slotId }, lock, live(keys.now().root))
    }
  }
  return {
    wrapRootKey(slotKey, slotId) {
      const { publicKey, privateKey, outerKey } = keysOfSlot(sodium, slotKey)
      privateKey.wipe()
      try {
        return wrapping(slotId, publicKey, outerKey)
      } finally {
        outerKey.wipe()
      }
    },
    rewrapRootKey(old, slotId, was) {
      const outerKey = new Secret(old.decrypt(placeOfOuter(slotId), was.outer))
      try {
        return wrapping(slotId, was.public, outerKey)
      } finally {
        outerKey.wipe()
      }
    }
  }
}
