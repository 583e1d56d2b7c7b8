import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { keyFileName } from '../base/default-paths.ts'
import { publishFile, syncDirectory, writeNewFile } from '../base/fsync.ts'
import { errnoOf, isSecretboxError, reasonOf, SecretboxError } from '../base/errors.ts'
import { quotePath } from '../base/host-paths.ts'
import { Secret } from '../base/secret.ts'
import type { Store } from '../store/store.ts'
import type { Envelope } from './envelope.ts'
import { newKeyFile, readKeyFile } from './key-file.ts'
import { keyBytes } from './keyring.ts'
import type { Sodium } from './sodium.ts'

const storeKey = 'store'
const slotKey = 'keyslot/0'
const StoreHeader = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  created: z.string()
})

/** What keyslots need: the store that keeps the wrapped root key and the directory that keeps the key file. */
export interface KeyslotParts {
  readonly sodium: Sodium
  readonly envelope: Envelope
  readonly store: Store
  readonly keyDirectory: string
  /** Where long-lived keys are kept: zeroed memory that is not swapped. Throws `unavailable` when there is none. */
  readonly allocate: (length: number) => Uint8Array
}

/** The store's identity, or null for a store that was never initialised. Throws `damaged`. */
export async function readStoreId(store: Store): Promise<string | null> {
  const record = await store.get(storeKey)
  if (record === null) {
    if ((await store.count('')) === 0) return null
    throw new SecretboxError('damaged', 'the store has records, but not the one that says whose they are', {
      hint: 'restore the data directory from a backup'
    })
  }
  const header = StoreHeader.safeParse(jsonOf(record.value))
  if (!header.success)
    throw new SecretboxError('damaged', 'the store names a format that this release does not know', {
      hint: 'use a release that is as new as the one that wrote it, or restore the data directory from a backup'
    })
  return header.data.id
}

/**
 * Makes a new vault: a root key, wrapped by a fresh key file. The file is published last and the store
 * committed before it, so that a crash at any point either leaves no vault or one that `openRootKey` completes.
 * Throws `conflict` when the directory holds the key of a vault whose store is not here, `unavailable` when it
 * cannot be written.
 */
export async function initialiseVault(parts: KeyslotParts): Promise<string> {
  const { sodium, envelope, store } = parts
  const paths = keyPaths(parts.keyDirectory)
  if (existsSync(paths.key)) {
    throw new SecretboxError(
      'conflict',
      `cannot begin a new vault: ${quotePath(paths.key)} is the key of a vault whose store is not in the data directory`,
      { hint: 'restore the data directory, or move the key file away to begin anew' }
    )
  }
  const id = randomBytes(16).toString('hex')
  const { key, bytes } = newKeyFile(sodium, id)
  const rootKey = new Secret(randomBytes(keyBytes))
  try {
    await rm(paths.draft, { force: true })
    await writeNewFile(paths.draft, bytes, 0o600)
    await syncDirectory(parts.keyDirectory)
    const header = { format: 1, id, created: new Date().toISOString() }
    await store.commit([
      { put: storeKey, value: Buffer.from(JSON.stringify(header)), expect: null },
      { put: slotKey, value: envelope.encrypt(key.bytes(), bind(id), rootKey.bytes()), expect: null }
    ])
    await publishFile(paths.draft, paths.key)
    return id
  } catch (error) {
    // An errno's name: the store throws errors of ours.
    if (error instanceof SecretboxError || errnoOf(error) === null) throw error
    throw new SecretboxError(
      'unavailable',
      `cannot write key file ${quotePath(paths.key)}: ${reasonOf(error)}`,
      {
        cause: error
      }
    )
  } finally {
    bytes.fill(0)
    key.wipe()
    rootKey.wipe()
  }
}

/**
 * The root key of the vault `storeId`, which the caller wipes. Throws `sealed` when the key file is missing or
 * of another vault, and what `readKeyFile` throws.
 */
export async function openRootKey(parts: KeyslotParts, storeId: string): Promise<Secret> {
  const paths = keyPaths(parts.keyDirectory)
  const slot = await parts.store.get(slotKey)
  if (slot === null) throw damagedSlot('the store has no keyslot')
  if (!existsSync(paths.key) && existsSync(paths.draft)) await adoptDraft(parts, paths, storeId)
  const file = await readKeyFile(parts.sodium, paths.key)
  if (file === null) {
    throw new SecretboxError('sealed', `the vault is sealed: there is no key file ${quotePath(paths.key)}`, {
      hint: 'put the key file back; the vault opens by itself when it is there'
    })
  }
  try {
    if (file.vaultId !== storeId) {
      throw new SecretboxError(
        'sealed',
        `the vault is sealed: key file ${quotePath(paths.key)} belongs to another vault`,
        {
          hint: `the store is ${storeId}, the key is for ${file.vaultId}`
        }
      )
    }
    return new Secret(parts.envelope.decrypt(file.key.bytes(), bind(storeId), slot.value))
  } catch (error) {
    if (!isSecretboxError(error, 'damaged')) throw error
    throw damagedSlot("the store's keyslot is not what was written", error)
  } finally {
    file.key.wipe()
  }
}

function damagedSlot(message: string, cause?: unknown): SecretboxError {
  return new SecretboxError('damaged', message, {
    hint: 'restore the data directory from a backup; without the keyslot the boxes cannot be opened',
    cause
  })
}

/** Where the key file lies, and the name under which it is written first. */
function keyPaths(directory: string): { key: string; draft: string } {
  return { key: join(directory, keyFileName), draft: join(directory, `${keyFileName}.new`) }
}

/** A crash came between the store's first commit and the key file's rename: finish that. */
async function adoptDraft(
  parts: KeyslotParts,
  paths: { key: string; draft: string },
  storeId: string
): Promise<void> {
  try {
    const draft = await readKeyFile(parts.sodium, paths.draft)
    draft?.key.wipe()
    if (draft?.vaultId === storeId) await publishFile(paths.draft, paths.key)
  } catch (error) {
    if (!isSecretboxError(error, 'damaged')) throw error
  }
}

function bind(storeId: string): Buffer {
  return Buffer.from(`${storeId} ${slotKey}`)
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as unknown
  } catch {
    return null
  }
}
