import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import { notWhatWasWritten, restoreStore } from '../../base/messages.ts'
import { randomSecret, Secret } from '../../base/secret.ts'
import { keyBytes, type Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'

/** Where it lies in the store. */
export const digestKeyRecord = 'digest-key'
const name = "the key of the vault's digests"

/**
 * The write that makes the key of a new vault's digests. It is random and not derived, so that digests on containers stay what they
 * are when the root key becomes another.
 */
export function newDigestKey(keyring: Keyring): Write {
  const key = randomSecret(keyBytes)
  try {
    return { put: digestKeyRecord, value: keyring.encrypt(digestKeyRecord, key.bytes()), expect: null }
  } finally {
    key.wipe()
  }
}

/** The key of the vault's digests, which the caller wipes. Throws `damaged`, also when it is gone: with another, all containers would be stale. */
export async function readDigestKey(store: Store, keyring: Keyring): Promise<Secret> {
  const record = await store.get(digestKeyRecord)
  if (record === null) throw damaged(`${name} is gone`)
  try {
    return new Secret(keyring.decrypt(digestKeyRecord, record.value))
  } catch (error) {
    throw isSecretboxError(error, 'damaged') ? damaged(notWhatWasWritten(name), error) : error
  }
}

function damaged(message: string, cause?: unknown): SecretboxError {
  return new SecretboxError('damaged', message, { hint: restoreStore, cause })
}
