import { randomBytes } from 'node:crypto'
import { SecretboxError } from '../../base/errors.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import { releaseBytes, Secret } from '../../base/secret.ts'
import type { Change, Store } from '../../store/store.ts'
import type { Box } from './boxes.ts'
import type { Content } from './tree.ts'

/** Plaintext bytes of one chunk of a blob; the last may be shorter. Also what a reader or writer holds at a time. */
export const chunkBytes = 1 << 20
/** Files up to this size live in the manifest, as long as there is room for them. */
const inlineFileBytes = 16 << 10
/**
 * The inline bytes of a manifest that nothing is added to any more; beyond it even small files become blobs: each
 * version has a manifest of its own, and each change writes one.
 */
const inlineTotalBytes = 256 << 10

type Put = Extract<Change, { put: string }>

/** Takes contents in for one change of a box. Blobs are stored on the way, encrypted, and marked as not yet referred to. */
export interface Staging {
  /**
   * Reads a file's bytes to the end. Small ones come back inline (the change owns and wipes them), others as
   * a blob. The chunks given are zeroed. Throws `too_large` as soon as the change holds more than the limit.
   */
  take(source: AsyncIterable<Uint8Array>): Promise<{ size: number; content: Content<Secret> }>
  /** The changes to commit with the version that refers to `used`: what is not stored yet; marks go, and so do blobs that are not used. */
  settle(used: ReadonlySet<string>): Change[]
  /** Removes all that was staged; for a change that failed. */
  discard(): Promise<void>
}

/**
 * Staging for one change of `box`, whose newest manifest holds `inlineBytes` already. `maxBytes` bounds what the change
 * may bring in.
 */
export function createStaging(
  store: Store,
  keyring: Keyring,
  box: Box,
  { inlineBytes, maxBytes }: { inlineBytes: number; maxBytes: number }
): Staging {
  const blobs: string[] = []
  const buffer = Buffer.allocUnsafeSlow(chunkBytes)
  let inlineLeft = inlineTotalBytes - inlineBytes
  let bytesLeft = maxBytes
  /** Sealed, but not stored yet: a commit takes as many as fill a chunk, so that a thousand small files do not cost one each. */
  let waiting: Put[] = []
  let waitingBytes = 0

  const storeLater = async (puts: Put[]): Promise<void> => {
    waiting.push(...puts)
    for (const { value } of puts) waitingBytes += value.length
    if (waitingBytes < chunkBytes) return
    const stored = waiting
    waiting = []
    waitingBytes = 0
    await store.commit(stored)
    for (const { value } of stored) releaseBytes(value)
  }

  const storeBlob = async (
    first: Buffer,
    rest: AsyncIterator<Buffer>
  ): Promise<{ size: number; blob: string }> => {
    const blob = randomBytes(16).toString('hex')
    blobs.push(blob)
    let index = 0
    let size = 0
    for (let chunk = first; ; index++) {
      const key = chunkKey(box.id, blob, index)
      const mark: Put[] =
        index === 0 ? [{ put: stagingKey(box.id, blob), value: Buffer.of(1), expect: null }] : []
      const encrypted = keyring.encryptForBox(box.key, blob, key, chunk)
      size += chunk.length
      chunk.fill(0)
      await storeLater([...mark, { put: key, value: encrypted, expect: null }])
      const next = await rest.next()
      if (next.done === true) return { size, blob }
      chunk = next.value
    }
  }

  return {
    async take(source) {
      const chunks = inChunks(source, buffer, length => {
        bytesLeft -= length
        if (bytesLeft < 0) {
          throw new SecretboxError('too_large', `a box holds at most ${maxBytes} bytes`, {
            hint: 'raise MAX_BOX_BYTES, or split the box'
          })
        }
      })
      try {
        const first = await chunks.next()
        if (first.done === true) return { size: 0, content: { inline: new Secret(Buffer.alloc(0)) } }
        const size = first.value.length
        if (size <= Math.min(inlineFileBytes, inlineLeft)) {
          inlineLeft -= size
          const bytes = Buffer.alloc(size)
          bytes.set(first.value)
          return { size, content: { inline: new Secret(bytes) } }
        }
        const stored = await storeBlob(first.value, chunks)
        return { size: stored.size, content: { blob: stored.blob } }
      } finally {
        // Zeroes the buffer, and lets go of the source when it was not read to its end.
        await chunks.return(undefined)
      }
    },

    settle: used => [
      ...waiting,
      ...blobs.flatMap(blob => [
        { remove: stagingKey(box.id, blob) },
        ...(used.has(blob) ? [] : [{ removeAll: blobPrefix(box.id, blob) }])
      ])
    ],

    async discard() {
      waiting = []
      if (blobs.length > 0) await store.commit(this.settle(new Set()))
    }
  }
}

/** Gathers a stream into full chunks in `buffer`: a chunk is valid until the next is asked for. */
async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  buffer: Buffer,
  counted: (bytes: number) => void
): AsyncGenerator<Buffer, undefined> {
  let filled = 0
  try {
    for await (const piece of source) {
      try {
        counted(piece.length)
        for (let at = 0; at < piece.length;) {
          const taken = Math.min(piece.length - at, chunkBytes - filled)
          buffer.set(piece.subarray(at, at + taken), filled)
          filled += taken
          at += taken
          if (filled === chunkBytes) {
            yield buffer
            filled = 0
          }
        }
      } finally {
        releaseBytes(piece)
      }
    }
    if (filled > 0) yield buffer.subarray(0, filled)
  } finally {
    buffer.fill(0, 0, filled)
  }
  return undefined
}

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

/** The change that removes a blob. */
export function removeBlob(boxId: string, blob: string): Change {
  return { removeAll: blobPrefix(boxId, blob) }
}

function blobPrefix(boxId: string, blob: string): string {
  return `blob/${boxId}/${blob}/`
}

function chunkKey(boxId: string, blob: string, index: number): string {
  return blobPrefix(boxId, blob) + String(index).padStart(8, '0')
}

function stagingKey(boxId: string, blob: string): string {
  return `staging/${boxId}/${blob}`
}
