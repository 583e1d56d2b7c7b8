import { z } from 'zod'
import { coalesce } from '../../base/coalesce.ts'
import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import { keyslotsHint } from '../../base/messages.ts'
import { newBytes, type Secret } from '../../base/secret.ts'
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
// oxlint-disable-next-line max-lines-per-function -- because all of it is about the one state: which keys are open
export function createSealing(
  parts: KeyslotParts,
  storeId: string,
  onOpen: (keyring: Keyring) => Promise<unknown> = () => Promise.resolve()
): Sealing {
  const { store } = parts
  const attempts = createAttempts(() => performance.now())
  let open: Keyring | null = null
  let why = 'the vault is sealed: its key was not read yet'
  /** One opens at a time: what `onOpen` does is not for a vault that is open already. */
  const turns = createTurns()
  /** How often the keys were dropped. Who began to open before that does not undo it. */
  let drops = 0

  const refuseIfDropped = (since: number): void => {
    if (since !== drops) throw sealedMeanwhile()
  }

  /** Has the keys of a root key, which it wipes. In turn, and while the vault is not open. */
  const begin = async (stored: StoredHeader, { rootKey, slot }: Opened, since: number): Promise<Keyring> => {
    const keyring = keyringOf(parts, rootKey, storeId)
    try {
      checkHeader(keyring, stored)
      await onOpen(keyring)
      refuseIfDropped(since)
    } catch (error) {
      keyring.wipe()
      throw error
    }
    open = keyring
    await noteOpening(store, keyring, stored, slot)
    return keyring
  }

  const openAlone = async (): Promise<Keyring> => {
    if (open !== null) return open
    const since = drops
    try {
      const { stored, opened } = await openedByItself(parts, storeId)
      return await begin(stored, opened, since)
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      why = error.code === 'sealed' ? error.message : `the vault is sealed: ${error.message}`
      throw new SecretboxError('sealed', why, error.hint === undefined ? {} : { hint: error.hint })
    }
  }

  /** With what a person gave; false: the header is not what it was any more when that was tried. */
  const openWith = async (credential: Credential, name: string | null, since: number): Promise<boolean> => {
    const stored = await getHeader(store)
    const opened = await tried(parts, attempts, stored, credential, name)
    return turns.take(async () => {
      try {
        // Somebody else was faster.
        if (open !== null) return true
        refuseIfDropped(since)
        const held = await store.get(sealedKey)
        if (!(await isStill(store, stored))) return false
        await begin(stored, opened, since)
        if (held !== null) await forgetSeal(store, held.revision)
        return true
      } finally {
        opened.rootKey.wipe()
      }
    })
  }

  const openInTurn = coalesce(() => turns.take(openAlone))

  return {
    async keyring() {
      // One that is under way may have read what lay there before: who asks now wants what lies there now.
      await turns.over()
      return open ?? openInTurn()
    },
    isSealed: () => open === null,
    reason: () => (open === null ? why : null),
    async unseal(credential, name) {
      const since = drops
      await turns.over()
      if (open !== null) throw new SecretboxError('conflict', 'the vault is unsealed already')
      while (!(await openWith(credential, name, since))) refuseIfDropped(since)
    },
    opens: (credential, name) => opensNow(parts, attempts, credential, name),
    wipe() {
      drops++
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

/** Does one work after the other. Every act waits for `over`, so that it takes one step and not those of a mutex. */
function createTurns(): { over(): Promise<unknown>; take<T>(work: () => Promise<T>): Promise<T> } {
  let last: Promise<unknown> = Promise.resolve()
  return {
    over: () => last,
    take(work) {
      const mine = last.then(work)
      last = mine.catch(() => undefined)
      return mine
    }
  }
}

function sealedMeanwhile(): SecretboxError {
  return new SecretboxError('sealed', 'the vault is sealed: it was sealed meanwhile', { hint: unsealHint })
}

/** Whether the header is what it was when it was read. */
async function isStill(store: Store, { tag, revision }: StoredHeader): Promise<boolean> {
  const now = await getHeader(store)
  return now.tag === tag && now.revision === revision
}

/** Unless somebody has sealed the vault again since. */
async function forgetSeal(store: Store, revision: number): Promise<void> {
  await store.commit([{ remove: sealedKey, expect: revision }]).catch((error: unknown) => {
    if (!isSecretboxError(error, 'conflict')) throw error
  })
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
    const stored = await getHeader(parts.store)
    const { rootKey } = await tried(parts, attempts, stored, credential, name)
    // It lives for a moment.
    const keyring = keyringOf({ ...parts, allocate: newBytes }, rootKey, stored.header.id)
    try {
      checkHeader(keyring, stored)
    } finally {
      keyring.wipe()
    }
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
