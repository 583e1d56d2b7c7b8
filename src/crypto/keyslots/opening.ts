import { joined, viewOf } from '../../base/bytes.ts'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { quotePath } from '../../base/host-paths.ts'
import { Secret } from '../../base/secret.ts'
import { keyBytes } from '../keyring.ts'
import { unwrapRootKey } from '../slot-lock.ts'
import type { Sodium } from '../sodium.ts'
import type { KeyslotParts } from './begin.ts'
import type { Header, Slot, SlotKind } from './header.ts'
import { parseKeyFile, readKeyFile } from './key-file.ts'
import { keyOfPassphrase } from './passphrase.ts'
import { keyOfRecoveryCode, parseRecoveryCode } from './recovery.ts'
import { wrappedIn } from './slot.ts'

/** A root key, which whoever opened it wipes, and the slot that gave it. */
export interface Opened {
  readonly rootKey: Secret
  readonly slot: Slot
}

/** What a person opens a vault with. */
export interface Credential {
  readonly kind: SlotKind
  /** As it was typed, the bytes of a key file, or the key that an age file held; the caller wipes it. */
  readonly given: Secret
}

/** What to do about a vault that no key file opens. */
export const unsealHint = 'open it: docker vault unseal'

type OpeningParts = Pick<KeyslotParts, 'sodium' | 'envelope'>

/**
 * Opens with the key file at `path`. Throws `sealed` when there is none, or it is of another vault or of a slot that was removed; and
 * what `readKeyFile` throws.
 */
export async function openByKeyFile(parts: OpeningParts, header: Header, path: string): Promise<Opened> {
  const slots = header.slots.filter(({ kind }) => kind === 'key-file')
  if (slots.length === 0)
    throw new SecretboxError('sealed', 'the vault is sealed: no keyslot of it is for a key file', {
      hint: unsealHint
    })
  const file = await readKeyFile(parts.sodium, path)
  if (file === null)
    throw new SecretboxError('sealed', `the vault is sealed: there is no key file ${quotePath(path)}`, {
      hint: 'put the key file back; the vault opens by itself when it is there'
    })
  try {
    if (file.vaultId !== header.id)
      throw new SecretboxError(
        'sealed',
        `the vault is sealed: key file ${quotePath(path)} belongs to another vault`,
        { hint: `the store is ${header.id}, the key is for ${file.vaultId}` }
      )
    const opened = firstThatOpens(parts, header, slots, file.key)
    if (opened !== null) return opened
    throw new SecretboxError('sealed', `the vault is sealed: no keyslot is for key file ${quotePath(path)}`, {
      hint: 'its keyslot was removed, or changed in the store; use the key file that replaced it, or restore the data directory from a backup'
    })
  } finally {
    file.key.wipe()
  }
}

/**
 * Opens one of these slots with what a person gave; null when it is of none of them. Throws `invalid` for what is no recovery code,
 * `damaged` for what is no key file, and what `keyOfPassphrase` throws.
 */
export async function openByCredential(
  parts: OpeningParts,
  header: Header,
  slots: readonly Slot[],
  { kind, given }: Credential
): Promise<Opened | null> {
  if (kind !== 'passphrase') {
    const key = keyOf(parts.sodium, header, { kind, given })
    try {
      return key === null ? null : firstThatOpens(parts, header, slots, key)
    } finally {
      key?.wipe()
    }
  }
  for (const slot of slots) {
    if (slot.kind !== kind) continue
    const key = await keyOfPassphrase(given, slot)
    try {
      const opened = firstThatOpens(parts, header, [slot], key)
      if (opened !== null) return opened
    } finally {
      key.wipe()
    }
  }
  return null
}

/** Of what is no passphrase. Null for a key file of another vault. */
function keyOf(sodium: Sodium, header: Header, { kind, given }: Credential): Secret | null {
  if (kind === 'recipient') return keyOfRecipient(given)
  return kind === 'recovery' ? keyOfTypedCode(sodium, given) : keyInFile(sodium, header, given)
}

function keyOfTypedCode(sodium: Sodium, typed: Secret): Secret {
  const code = parseRecoveryCode(typed.bytes())
  try {
    return keyOfRecoveryCode(sodium, code)
  } finally {
    code.wipe()
  }
}

/** Null for a key file of another vault. */
function keyInFile(sodium: Sodium, { id }: Header, bytes: Secret): Secret | null {
  const { key, vaultId } = parseKeyFile(sodium, 'the key file', viewOf(bytes.bytes()))
  if (vaultId === id) return key
  key.wipe()
  return null
}

/** Throws `damaged` for the one that this key opens, when whoever changed it would be given the next root key. */
function firstThatOpens(
  parts: OpeningParts,
  { id: storeId }: Header,
  slots: readonly Slot[],
  key: Secret
): Opened | null {
  for (const slot of slots) {
    try {
      const rootKey = unwrapRootKey(parts, { storeId, slotId: slot.id }, key, wrappedIn(slot))
      if (rootKey !== null) return { slot, rootKey }
    } catch (cause) {
      if (!isSecretboxError(cause, 'damaged')) throw cause
      throw new SecretboxError(
        'damaged',
        `keyslot ${quote(slot.name)} is not what was written: its public key is another's`,
        { hint: `open the vault by another keyslot, then: docker vault keyslot replace ${slot.name}`, cause }
      )
    }
  }
  return null
}

/** The key of a recipient's slot is random: who opened the age file sends it as it is. Throws `invalid`. */
function keyOfRecipient(given: Secret): Secret {
  if (given.length !== keyBytes)
    throw new SecretboxError('invalid', `bad key of a keyslot: it must have ${keyBytes} bytes`, {
      hint: "it is what the keyslot's age file holds: docker vault unseal --identity FILE"
    })
  return new Secret(joined([given.bytes()]))
}
