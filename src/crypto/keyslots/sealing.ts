import { z } from 'zod'
import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import { keyslotsHint } from '../../base/messages.ts'
import type { Secret } from '../../base/secret.ts'
import type { Store, Write } from '../../store/store.ts'
import { createKeyring, type Keyring } from '../keyring.ts'
import { createAttempts, type Attempts } from './attempts.ts'
import { adoptDraft, keyPaths, type KeyslotParts } from './begin.ts'
import { checkHeader, getHeader, putHeader, type Slot, type StoredHeader } from './header.ts'
import { openByCredential, openByKeyFile, unsealHint, type Credential, type Opened } from './opening.ts'
import { afterOpening, slotsFor, slotWords } from './slot.ts'

/** Whether the vault has its root key, and the keys while it has. */
export interface Sealing {
  /** The keys; opens the vault first when the key file has come, unless somebody sealed it. Throws `sealed` with the reason. */
  keyring(): Promise<Keyring>
  isSealed(): boolean
  /** Why the vault is sealed, for people; null when it is not. */
  reason(): string | null
  /**
   * Opens the vault with what a person gave, by the keyslot of a name or by any of that kind, and forgets that somebody sealed it.
   * Throws `denied` when it is wrong, `too_many` right after that, `conflict` when the vault is unsealed, `not_found`, `invalid`, `damaged`.
   */
  unseal(credential: Credential, slot: string | null): Promise<void>
  /** Whether that would open the keyslot of this name; the rest as `unseal`. */
  opens(credential: Credential, slot: string): Promise<boolean>
  /** Zeroes the keys. With the commit of `sealedBy` before, it stays sealed until `unseal`; without, until the key file is read again. */
  wipe(): void
}

const sealedKey = 'sealed'
const SealedBy = z.strictObject({ by: z.int().min(0).max(0xffff_ffff), at: z.iso.datetime() })

/** The write after which the vault is opened by `unseal` alone, also by another process. */
export function sealedBy(by: number, at: string): Write {
  return { put: sealedKey, value: Buffer.from(JSON.stringify({ by, at } satisfies z.infer<typeof SealedBy>)) }
}

/**
 * Starts sealed; the first call of `keyring` that finds a good key file opens the vault. `onOpen` is done then, before
 * anybody else has the keys.
 */
export function createSealing(
  parts: KeyslotParts,
  storeId: string,
  onOpen: (keyring: Keyring) => Promise<unknown> = () => Promise.resolve()
): Sealing {
  const { store } = parts
  const attempts = createAttempts(() => performance.now())
  let open: Keyring | null = null
  let why = 'the vault is sealed: its key was not read yet'
  let opening: Promise<Keyring> | null = null

  /** Has the keys of a root key, which it wipes. */
  const begin = async (stored: StoredHeader, { rootKey, slot }: Opened): Promise<Keyring> => {
    const keyring = keyringOf(parts, rootKey, storeId)
    try {
      checkHeader(keyring, stored)
      await onOpen(keyring)
    } catch (error) {
      keyring.wipe()
      throw error
    }
    // Somebody else was faster, with another key.
    if (open !== null) {
      keyring.wipe()
      return open
    }
    open = keyring
    await noteOpening(store, keyring, stored, slot)
    return keyring
  }

  const openAlone = async (): Promise<Keyring> => {
    try {
      const { stored, opened } = await openedByItself(parts, storeId)
      return await begin(stored, opened)
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      why = error.code === 'sealed' ? error.message : `the vault is sealed: ${error.message}`
      throw new SecretboxError('sealed', why, error.hint === undefined ? {} : { hint: error.hint })
    }
  }

  const take = (work: () => Promise<Keyring>): Promise<Keyring> => {
    opening = work().finally(() => (opening = null))
    return opening
  }

  return {
    async keyring() {
      // One that is under way may have read what lay there before: who asks now wants what lies there now.
      await opening?.catch(() => undefined)
      return open ?? opening ?? take(openAlone)
    },
    isSealed: () => open === null,
    reason: () => (open === null ? why : null),
    async unseal(credential, name) {
      await opening?.catch(() => undefined)
      if (open !== null) throw new SecretboxError('conflict', 'the vault is unsealed already')
      const stored = await getHeader(store)
      const opened = await tried(parts, attempts, stored, credential, name)
      await take(() => begin(stored, opened))
      await store.commit([{ remove: sealedKey }])
    },
    opens: (credential, name) => opensNow(parts, attempts, credential, name),
    wipe() {
      open?.wipe()
      open = null
      why = 'the vault is sealed: it was sealed by hand'
    }
  }
}

/** A mark that cannot be read holds the vault sealed as well: who is asked for a passphrase has lost nothing. */
function heldSealed(value: Uint8Array): SecretboxError {
  let told = 'somebody sealed it'
  try {
    const { by, at } = SealedBy.parse(JSON.parse(Buffer.from(value).toString()))
    told = `uid ${by} sealed it at ${at}`
  } catch {
    // It stays as it is said above.
  }
  return new SecretboxError('sealed', `the vault is sealed: ${told}`, { hint: unsealHint })
}

/** The slot of a credential, open. Throws `denied` when there is none. */
async function tried(
  parts: KeyslotParts,
  attempts: Attempts,
  { header }: StoredHeader,
  credential: Credential,
  name: string | null
): Promise<Opened> {
  const slots = slotsFor(header, credential.kind, name)
  const opened = await attempts.run(slots, () => openByCredential(parts, header, slots, credential))
  if (opened !== null) return opened
  const what = name === null ? 'no keyslot opens' : `keyslot "${name}" does not open`
  throw new SecretboxError('denied', `${what} with this ${slotWords[credential.kind]}`, {
    hint: keyslotsHint
  })
}

/** Notes that a slot has opened the vault. That it cannot be noted, as on a full disk or beside another change, keeps nobody from a secret. */
async function noteOpening(
  store: Store,
  keyring: Keyring,
  { header, revision }: StoredHeader,
  slot: Slot
): Promise<void> {
  const noted = afterOpening(header, slot, new Date().toISOString())
  await store.commit([putHeader(keyring, noted, revision)]).catch((error: unknown) => {
    if (!isSecretboxError(error)) throw error
  })
}

/** By the key file, unless somebody sealed the vault. Throws `sealed`, and what `openByKeyFile` throws. */
async function openedByItself(
  parts: KeyslotParts,
  storeId: string
): Promise<{ stored: StoredHeader; opened: Opened }> {
  const { store, keyDirectory } = parts
  const held = await store.get(sealedKey)
  if (held !== null) throw heldSealed(held.value)
  await adoptDraft(parts, storeId)
  const stored = await getHeader(store)
  return { stored, opened: await openByKeyFile(parts, stored.header, keyPaths(keyDirectory).key) }
}

async function opensNow(
  parts: KeyslotParts,
  attempts: Attempts,
  credential: Credential,
  name: string
): Promise<boolean> {
  try {
    const { rootKey } = await tried(parts, attempts, await getHeader(parts.store), credential, name)
    rootKey.wipe()
    return true
  } catch (error) {
    if (isSecretboxError(error, 'denied')) return false
    throw error
  }
}

/** The keys of a root key, which is wiped. Throws `unavailable` where no memory can be locked for them. */
function keyringOf(parts: KeyslotParts, rootKey: Secret, storeId: string): Keyring {
  try {
    return createKeyring({ ...parts, rootKey, storeId })
  } finally {
    rootKey.wipe()
  }
}
