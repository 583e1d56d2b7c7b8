import { SecretboxError } from '../../base/errors.ts'
import { releaseBytes } from '../../base/secret.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'
import type { Box } from './records.ts'

/** Plaintext bytes of one chunk of a blob; the last may be shorter. Also what a reader or writer holds at a time. */
export const chunkBytes = 1 << 20

/** A blob's bytes, chunk by chunk; each chunk is the reader's to release. Throws `damaged` when one is missing or altered. */
export async function* readBlob(
  store: Store,
  keyring: Keyring,
  box: Box,
  blob: string,
  size: number
): AsyncGenerator<Buffer> {
  let left = size
  for (let index = 0; left > 0; index++) {
    const key = chunkKey(box.id, blob, index)
    const record = await store.get(key)
    if (record === null) {
      throw new SecretboxError(
        'conflict',
        'the box was destroyed or the version dropped while it was being read'
      )
    }
    const chunk = keyring.decryptForBox(box.key, blob, key, record.value)
    releaseBytes(record.value)
    left -= chunk.length
    yield chunk
  }
}

/** The write that removes a blob. */
export function removeBlob(boxId: string, blob: string): Write {
  return { removeAll: blobPrefix(boxId, blob) }
}

function blobPrefix(boxId: string, blob: string): string {
  return `blob/${boxId}/${blob}/`
}

/** The key of a chunk's record. */
export function chunkKey(boxId: string, blob: string, index: number): string {
  return blobPrefix(boxId, blob) + String(index).padStart(8, '0')
}
