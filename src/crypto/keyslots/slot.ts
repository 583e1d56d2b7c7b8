import { randomBytes } from 'node:crypto'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import type { Keyring } from '../keyring.ts'
import type { WrappedRootKey } from '../slot-lock.ts'
import { mostSlots, type Header, type Slot, type SlotKind } from './header.ts'
import type { PassphraseCost } from './passphrase.ts'

/** What opens a slot of each kind, for people. */
export const slotWords = {
  'key-file': 'key file',
  recovery: 'recovery code',
  passphrase: 'passphrase',
  recipient: 'identity'
} as const satisfies Record<SlotKind, string>

/** What is said of a slot that is to be made. */
export type SlotWish = { readonly name: string; readonly by: number; readonly made: string } & (
  | { readonly kind: 'key-file' | 'recovery' }
  | ({ readonly kind: 'passphrase' } & PassphraseCost)
  | ({ readonly kind: 'recipient' } & ForRecipient)
)

/** Whom a slot is for, and its key as an age file for them, in base64. */
export interface ForRecipient {
  readonly recipient: string
  readonly file: string
}

/** A slot that opens with this key, which stays the caller's. */
export function newSlot(keyring: Pick<Keyring, 'wrapRootKey'>, wish: SlotWish, key: Secret): Slot {
  const id = randomBytes(8).toString('hex')
  return { ...wish, id, opened: null, ...inBase64(keyring.wrapRootKey(key, id)) }
}

/** The header with another root key in every slot, each for who could open it before. Throws `damaged`, with the slot's name. */
export function withRootKey(header: Header, old: Keyring, keyring: Keyring): Header {
  const slots = header.slots.map(slot => {
    try {
      return { ...slot, ...inBase64(keyring.rewrapRootKey(old, slot.id, wrappedIn(slot))) }
    } catch (cause) {
      if (!isSecretboxError(cause, 'damaged')) throw cause
      throw new SecretboxError(
        'damaged',
        `cannot make another root key: keyslot ${quote(slot.name)} is not of this one`,
        { hint: `replace it: docker vault keyslot replace ${slot.name}`, cause }
      )
    }
  })
  return { ...header, slots }
}

/** What a slot holds of the root key, in bytes. */
export function wrappedIn({ wrapped, public: publicKey, outer }: Slot): WrappedRootKey {
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64')
  return { wrapped: bytes(wrapped), public: bytes(publicKey), outer: bytes(outer) }
}

function inBase64({ wrapped, public: publicKey, outer }: WrappedRootKey): {
  wrapped: string
  public: string
  outer: string
} {
  const text = (bytes: Buffer): string => bytes.toString('base64')
  return { wrapped: text(wrapped), public: text(publicKey), outer: text(outer) }
}

/** The header with one more slot. Throws `exists`, `too_large`. */
export function withSlot(header: Header, slot: Slot): Header {
  if (header.slots.some(({ name }) => name === slot.name))
    throw new SecretboxError('exists', `there is a keyslot ${quote(slot.name)} already`, {
      hint: `give it another name, or replace it: docker vault keyslot replace ${slot.name}`
    })
  if (header.slots.length === mostSlots)
    throw new SecretboxError('too_large', `there are ${mostSlots} keyslots already`, {
      hint: 'remove one first: docker vault keyslot remove NAME'
    })
  return { ...header, slots: [...header.slots, slot] }
}

/** The header without a slot. Throws `not_found`, and `conflict` for the last one. */
export function withoutSlot(header: Header, name: string): Header {
  const slot = slotNamed(header, name)
  const slots = header.slots.filter(other => other !== slot)
  if (slots.length === 0)
    throw new SecretboxError('conflict', `cannot remove keyslot ${quote(name)}: it is the last one`, {
      hint: 'add another one first: docker vault keyslot add passphrase'
    })
  return { ...header, slots }
}

/** The header with another slot in the place of one of the same name. Throws `not_found`. */
export function replacingSlot(header: Header, slot: Slot): Header {
  const old = slotNamed(header, slot.name)
  return { ...header, slots: header.slots.map(other => (other === old ? slot : other)) }
}

/** The header after a slot has opened the vault. */
export function afterOpening(header: Header, { id }: Pick<Slot, 'id'>, at: string): Header {
  return { ...header, slots: header.slots.map(slot => (slot.id === id ? { ...slot, opened: at } : slot)) }
}

/** Throws `not_found`. */
export function slotNamed({ slots }: Header, name: string): Slot {
  const slot = slots.find(other => other.name === name)
  if (slot !== undefined) return slot
  throw new SecretboxError('not_found', `no keyslot ${quote(name)}`, {
    hint: 'see: docker vault keyslot list'
  })
}

/** The slots of a kind, or the one of a name. Throws `not_found`, and `invalid` when that is of another kind. */
export function slotsFor(header: Header, kind: SlotKind, name: string | null): readonly Slot[] {
  if (name === null) return header.slots.filter(slot => slot.kind === kind)
  const slot = slotNamed(header, name)
  if (slot.kind !== kind)
    throw new SecretboxError(
      'invalid',
      `keyslot ${quote(name)} opens with ${withArticle(slot.kind)}, not ${withArticle(kind)}`
    )
  return [slot]
}

function withArticle(kind: SlotKind): string {
  return `${kind === 'recipient' ? 'an' : 'a'} ${slotWords[kind]}`
}
