import { randomBytes } from 'node:crypto'
import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import { notWhatWasWritten, restoreStore } from '../../base/messages.ts'
import { Secret } from '../../base/secret.ts'
import { keyBytes, type Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'

const recordKey = 'digest-key'

/**
 * The key of the vault's digests, and the writes that keep it when it is made just now. It is random and not derived, so that
 * digests on containers stay what they are when the root key becomes another. The caller wipes it. Throws `damaged`.
 */
export async function findDigestKey(
  store: Store,
  keyring: Keyring
): Promise<{ key: Secret; writes: Write[] }> {
  const record = await store.get(recordKey)
  if (record === null) {
    const key = new Secret(randomBytes(keyBytes))
    const value = keyring.encrypt(recordKey, key.bytes())
    return { key, writes: [{ put: recordKey, value, expect: null }] }
  }
  try {
    return { key: new Secret(keyring.decrypt(recordKey, record.value)), writes: [] }
  } catch (error) {
    if (!isSecretboxError(error, 'damaged')) throw error
    throw new SecretboxError('damaged', notWhatWasWritten("the key of the vault's digests"), {
      hint: restoreStore,
      cause: error
    })
  }
}
