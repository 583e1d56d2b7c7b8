import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { keyFileName } from '../../base/default-paths.ts'
import { errnoOf, isSecretboxError, reasonOf, SecretboxError } from '../../base/errors.ts'
import { publishFile, syncDirectory, writeNewFile } from '../../base/fsync.ts'
import { quotePath } from '../../base/host-paths.ts'
import { newBytes, randomSecret } from '../../base/secret.ts'
import type { Store, Write } from '../../store/store.ts'
import type { Envelope } from '../envelope.ts'
import { createKeyring, keyBytes, type Keyring } from '../keyring.ts'
import type { Sodium } from '../sodium.ts'
import { putHeader } from './header.ts'
import { newKeyFile, readKeyFile } from './key-file.ts'
import { newSlot } from './slot.ts'

/** What keyslots need: the store that keeps the header, and the directory that keeps the key file. */
export interface KeyslotParts {
  readonly sodium: Sodium
  readonly envelope: Envelope
  readonly store: Store
  readonly keyDirectory: string
  /** Where long-lived keys are kept: zeroed memory that is not swapped. Throws `unavailable` when there is none. */
  readonly allocate: (length: number) => Uint8Array
}

/**
 * Makes a new vault: a root key, wrapped by a fresh key file, and what `first` gives: records that are there from the beginning, so
 * that one which is missing later was taken away. The file is published last and the store
 * committed before it, so that a crash at any point either leaves no vault or one that `adoptDraft` completes.
 * Throws `conflict` when the directory holds the key of a vault whose store is not here, `unavailable` when it
 * cannot be written.
 */
export async function initialiseVault(
  parts: KeyslotParts,
  first: (keyring: Keyring) => readonly Write[]
): Promise<string> {
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
  const rootKey = randomSecret(keyBytes)
  // It lives for a moment: a vault is begun also where no memory can be locked, and stays sealed there.
  const keyring = createKeyring({ sodium, envelope, rootKey, storeId: id, allocate: newBytes })
  try {
    await rm(paths.draft, { force: true })
    await writeNewFile(paths.draft, bytes, 0o600)
    await syncDirectory(parts.keyDirectory)
    const now = new Date().toISOString()
    const slot = newSlot(keyring, { kind: 'key-file', name: 'key-file', by: 0, made: now }, key)
    await store.commit([
      putHeader(keyring, { format: 2, id, created: now, slots: [slot] }, null),
      ...first(keyring)
    ])
    await publishFile(paths.draft, paths.key)
    return id
  } catch (error) {
    // An errno's name: the store throws errors of ours.
    if (error instanceof SecretboxError || errnoOf(error) === null) throw error
    throw new SecretboxError(
      'unavailable',
      `cannot write key file ${quotePath(paths.key)}: ${reasonOf(error)}`,
      { cause: error }
    )
  } finally {
    bytes.fill(0)
    for (const each of [key, rootKey, keyring]) each.wipe()
  }
}

/** Where the key file lies, and the name under which it is written first. */
export function keyPaths(directory: string): { readonly key: string; readonly draft: string } {
  return { key: join(directory, keyFileName), draft: join(directory, `${keyFileName}.new`) }
}

/** If a crash came between the store's first commit and the key file's rename, finishes that. */
export async function adoptDraft({ sodium, keyDirectory }: KeyslotParts, storeId: string): Promise<void> {
  const paths = keyPaths(keyDirectory)
  if (existsSync(paths.key) || !existsSync(paths.draft)) return
  try {
    const draft = await readKeyFile(sodium, paths.draft)
    draft?.key.wipe()
    if (draft?.vaultId === storeId) await publishFile(paths.draft, paths.key)
  } catch (error) {
    if (!isSecretboxError(error, 'damaged')) throw error
  }
}
