import { joined, viewOf } from '../base/bytes.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import type { BoxName } from '../base/names.ts'
import { Secret } from '../base/secret.ts'
import { keyBytes } from '../crypto/keyring.ts'
import type { Sodium } from '../crypto/sodium.ts'
import {
  checkHeader,
  getHeader,
  mostFileBytes,
  putHeader,
  type Header,
  type Slot
} from '../crypto/keyslots/header.ts'
import { newKeyFile } from '../crypto/keyslots/key-file.ts'
import type { Credential } from '../crypto/keyslots/opening.ts'
import { checkPassphrase, keyOfPassphrase, newPassphraseCost } from '../crypto/keyslots/passphrase.ts'
import { keyOfRecoveryCode, newRecoveryCode } from '../crypto/keyslots/recovery.ts'
import { sealedBy, type Sealing } from '../crypto/keyslots/sealing.ts'
import {
  newSlot,
  replacingSlot,
  slotNamed,
  type ForRecipient,
  withoutSlot,
  withSlot,
  type SlotWish
} from '../crypto/keyslots/slot.ts'
import type { Store } from '../store/store.ts'
import { theVault } from './access/actions.ts'
import { uidOfMaker, type Caller } from './access/authority.ts'
import type { Gate } from './action/gate.ts'
import { commitPrepared, Overtaken } from './action/overtaken.ts'
import { listedBoxes } from './boxes/find.ts'
import { summaryOf } from './boxes/records.ts'
import { scrub } from './scrubbing.ts'
import type { Permit } from './action/permit.ts'

/** How every age file begins. */
const ageBeginning = Buffer.from('age-encryption.org/v1\n')

/** A slot as it is listed: what it is, who made it, and when; of a recipient whose it is, and the age file for them. */
export type ListedSlot = Pick<Slot, 'name' | 'kind' | 'by' | 'made' | 'opened'> & Partial<ForRecipient>

/** What a slot is to be opened with. What is given is the caller's to wipe; the others are made, and given once. */
export type NewCredential =
  | { readonly kind: 'passphrase'; readonly given: Secret }
  | { readonly kind: 'key-file' | 'recovery' }
  /** `given`: the slot's key, 32 random bytes, and then the age file that holds it, which nobody here can check. */
  | { readonly kind: 'recipient'; readonly given: Secret; readonly recipient: string }

/** The ways to the root key: what root alone may see and change. */
export interface Keyslots {
  /** Also while the vault is sealed: what to open it with is asked then. */
  list(caller: Caller): Promise<readonly ListedSlot[]>
  /**
   * Adds a slot. Gives what opens it, a key file's bytes or a recovery code as it is printed, which the caller wipes; null for what
   * the caller knows. Throws `exists`, `invalid`, `too_large`, `unavailable`.
   */
  add(caller: Caller, name: string, wish: NewCredential): Promise<Secret | null>
  /** As `add`, in the place of the slot of that name, which opens nothing any more. Throws `not_found`. */
  replace(caller: Caller, name: string, wish: NewCredential): Promise<Secret | null>
  /**
   * Gives the names of the boxes that it could open, whose values somebody may have. Throws `not_found`, and `conflict` for the last
   * one.
   */
  remove(caller: Caller, name: string): Promise<readonly BoxName[]>
  /** Whether something opens the slot of a name. Throws `not_found`, `invalid` when that is of another kind, `too_many` after a wrong try. */
  test(caller: Caller, name: string, credential: Credential): Promise<boolean>
  /** Drops the keys until somebody unseals the vault, whatever key files there are. */
  seal(caller: Caller): Promise<void>
  /** Throws what `Sealing.unseal` throws. */
  unseal(caller: Caller, credential: Credential, name: string | null): Promise<void>
}

interface KeyslotsParts {
  readonly sodium: Sodium
  readonly store: Store
  readonly storeId: string
  readonly sealing: Sealing
  readonly gate: Gate
}

export function createKeyslots({ sodium, store, storeId, sealing, gate }: KeyslotsParts): Keyslots {
  /** What `to` makes is under the keys of its time: it is made anew when the root key becomes another meanwhile. */
  const change = (permit: Permit, to: (header: Header) => Header): Promise<void> =>
    commitPrepared(permit, async () => {
      const { keyring } = permit
      const generation = keyring.generation()
      const stored = await getHeader(store)
      if (generation !== keyring.generation()) throw new Overtaken()
      // What somebody else wrote there is not to be signed.
      checkHeader(keyring, stored)
      const write = putHeader(keyring, to(stored.header), stored.revision)
      return { answer: undefined, details: {}, writes: [write] }
    })

  const making = async (
    permit: Permit,
    name: string,
    wish: NewCredential,
    place: (header: Header, slot: Slot) => Header
  ): Promise<Secret | null> => {
    const { key, gives, slot } = await newCredential(sodium, storeId, wish)
    try {
      const wished = { ...slot, name, by: uidOfMaker(permit.caller), made: new Date().toISOString() }
      await change(permit, header => place(header, newSlot(permit.keyring, wished, key)))
      if (place === replacingSlot) await scrub(store, `keyslot ${quote(name)} is replaced`)
      return gives
    } catch (error) {
      gives?.wipe()
      throw error
    } finally {
      key.wipe()
    }
  }

  return {
    async list(caller) {
      await gate.allow(caller, 'keyslot.list')
      return (await getHeader(store)).header.slots.map(listed)
    },

    add: (caller, name, wish) =>
      gate.run(caller, 'keyslot.add', { slot: name }, permit => making(permit, name, wish, withSlot)),

    replace: (caller, name, wish) =>
      gate.run(caller, 'keyslot.replace', { slot: name }, async permit => {
        // Before a second's work for a passphrase.
        slotNamed((await getHeader(store)).header, name)
        return making(permit, name, wish, replacingSlot)
      }),

    remove: (caller, name) =>
      gate.run(caller, 'keyslot.remove', { slot: name }, async permit => {
        await change(permit, header => withoutSlot(header, name))
        await scrub(store, `keyslot ${quote(name)} is removed`)
        return (await listedBoxes(store, permit, summaryOf)).boxes.map(box => box.name)
      }),

    test: (caller, name, credential) =>
      gate.run(caller, 'keyslot.test', { slot: name }, () => sealing.opens(credential, name)),

    async seal(caller) {
      await gate.run(caller, 'vault.seal', theVault, async permit => {
        await permit.commit({}, [sealedBy(uidOfMaker(caller), new Date().toISOString())])
      })
      sealing.wipe()
    },

    unseal: (caller, credential, name) => gate.unseal(caller, () => sealing.unseal(credential, name))
  }
}

function listed(slot: Slot): ListedSlot {
  const { name, kind, by, made, opened } = slot
  const whose = slot.kind === 'recipient' ? { recipient: slot.recipient, file: slot.file } : {}
  return { name, kind, by, made, opened, ...whose }
}

/** A slot's key, which the caller wipes; what is given to the caller of it; and what the slot says. */
interface Made {
  readonly key: Secret
  readonly gives: Secret | null
  readonly slot: SlotOf<SlotWish>
}

async function newCredential(sodium: Sodium, storeId: string, wish: NewCredential): Promise<Made> {
  if (wish.kind === 'passphrase') {
    checkPassphrase(wish.given)
    const cost = newPassphraseCost()
    return {
      key: await keyOfPassphrase(wish.given, cost),
      gives: null,
      slot: { kind: 'passphrase', ...cost }
    }
  }
  if (wish.kind === 'recovery') {
    const { code, printed } = newRecoveryCode()
    const key = keyOfRecoveryCode(sodium, code)
    code.wipe()
    return { key, gives: printed, slot: { kind: 'recovery' } }
  }
  if (wish.kind === 'recipient') return forRecipient(wish)
  const { key, bytes } = newKeyFile(sodium, storeId)
  return { key, gives: new Secret(bytes), slot: { kind: 'key-file' } }
}

function forRecipient({ given, recipient }: NewCredential & { kind: 'recipient' }): Made {
  const [key, file] = [given.bytes().subarray(0, keyBytes), given.bytes().subarray(keyBytes)]
  if (!viewOf(file).subarray(0, ageBeginning.length).equals(ageBeginning) || file.length > mostFileBytes)
    throw new SecretboxError(
      'invalid',
      `bad keyslot for a recipient: it is made of ${keyBytes} random bytes and the age file that holds them`,
      { hint: 'docker vault keyslot add recipient makes both' }
    )
  return {
    key: new Secret(joined([key])),
    gives: null,
    slot: { kind: 'recipient', recipient, file: viewOf(file).toString('base64') }
  }
}

/** What a kind's slot says beside what all say. */
type SlotOf<W> = W extends unknown ? Omit<W, 'name' | 'by' | 'made'> : never
