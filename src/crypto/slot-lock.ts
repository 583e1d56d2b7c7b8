import { isSecretboxError, SecretboxError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import type { Envelope } from './envelope.ts'
import { derivedKey, keyBytes } from './keys.ts'
import type { Sodium } from './sodium.ts'

/*
 * A keyslot's key gives a private key (X25519), to whose public half the root key is encrypted, and an outer key, under which
 * that is encrypted again, as any record. The public key lies in the header, the outer key there under the root key: so another
 * root key can be put into every slot though what opens them is not at hand. Who had the old root key learns nothing by it,
 * since no outer key opens anything alone; and who has neither can put no root key of their own into a slot.
 */

/** What lies in a keyslot for who has its key, and for another root key. */
export interface WrappedRootKey {
  /** The slot's public key, 32 bytes. */
  readonly public: Buffer
  /** The slot's outer key, encrypted under the root key. */
  readonly outer: Buffer
  /** The root key. */
  readonly wrapped: Buffer
}

/** Whose the slot is: what is wrapped is bound to both. */
export interface SlotPlace {
  readonly storeId: string
  readonly slotId: string
}

type LockParts = { readonly sodium: Sodium; readonly envelope: Envelope }

/** The keys that a keyslot's key gives; the caller wipes all. */
export function keysOfSlot(
  sodium: Sodium,
  slotKey: Secret
): { readonly publicKey: Buffer; readonly privateKey: Secret; readonly outerKey: Secret } {
  const privateKey = derivedKey(sodium, slotKey, 'keyslot private')
  return {
    privateKey,
    publicKey: sodium.publicKeyOf(privateKey.bytes()),
    outerKey: derivedKey(sodium, slotKey, 'keyslot outer')
  }
}

/** A root key for who has the slot's key. */
export function wrapRootKey(
  { sodium, envelope }: LockParts,
  place: SlotPlace,
  { publicKey, outerKey }: { readonly publicKey: Uint8Array; readonly outerKey: Secret },
  rootKey: Uint8Array
): Buffer {
  return envelope.encrypt(outerKey.bytes(), boundTo(place), sodium.encryptTo(publicKey, rootKey))
}

/**
 * The root key, by the slot's key; null when that is another slot's, or what is wrapped was changed. The caller wipes it. Throws
 * `damaged` when the public key is another's: the next root key would be encrypted to them.
 */
export function unwrapRootKey(
  { sodium, envelope }: LockParts,
  place: SlotPlace,
  slotKey: Secret,
  slot: Pick<WrappedRootKey, 'wrapped' | 'public'>
): Secret | null {
  const { publicKey, privateKey, outerKey } = keysOfSlot(sodium, slotKey)
  try {
    const sent = sentIn({ sodium, envelope }, place, outerKey, slot.wrapped)
    if (sent === null) return null
    if (!publicKey.equals(slot.public)) throw new SecretboxError('damaged', 'its public key is not its own')
    const rootKey = sodium.decryptSent(publicKey, privateKey.bytes(), sent)
    return rootKey?.length === keyBytes ? new Secret(rootKey) : null
  } finally {
    privateKey.wipe()
    outerKey.wipe()
  }
}

/** Null: under another key, or changed; there is no telling which. */
function sentIn(
  { envelope }: LockParts,
  place: SlotPlace,
  outerKey: Secret,
  wrapped: Uint8Array
): Buffer | null {
  try {
    return envelope.decrypt(outerKey.bytes(), boundTo(place), wrapped)
  } catch (error) {
    if (isSecretboxError(error, 'damaged')) return null
    throw error
  }
}

function boundTo({ storeId, slotId }: SlotPlace): Buffer {
  return Buffer.from(`${storeId} keyslot/${slotId}`)
}
