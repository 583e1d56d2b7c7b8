import { randomBytes } from 'node:crypto'
import { newBytes, releaseBytes, Secret } from '../../base/secret.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'
import { chunkBytes, chunkKey, removeBlob } from './blobs.ts'
import { tooManyBytes } from './manifest.ts'
import type { Box } from './records.ts'
import type { Content } from './tree.ts'

/** What of a box lives in its manifest; everything else are blobs. */
export interface InlineLimits {
  /** Files up to this size, as long as there is room for them. */
  readonly fileBytes: number
  /**
   * The inline bytes of a manifest that nothing is added to any more; beyond it even small files become blobs: each
   * version has a manifest of its own, and each change writes one.
   */
  readonly totalBytes: number
}

/** Of a plain box. */
export const inlineFiles: InlineLimits = { fileBytes: 16 << 10, totalBytes: 256 << 10 }

type Put = Extract<Write, { put: string }>

/** A file's contents as the change holds them. */
interface Taken {
  readonly size: number
  readonly content: Content<Secret>
}

/** Takes contents in for one change of a box. Blobs are stored on the way, encrypted, and marked as not yet referred to. */
export interface Staging {
  /**
   * Reads a file's bytes to the end. Small ones come back inline (the change owns and wipes them), others as
   * a blob. The chunks given are zeroed. Throws `too_large` as soon as the change holds more than the limit.
   */
  take(source: AsyncIterable<Uint8Array>): Promise<Taken>
  /** The writes to commit with the version that refers to `used`: what is not stored yet; marks go, and so do blobs that are not used. */
  settle(used: ReadonlySet<string>): Write[]
  /** Whether some of it is under the key that the box had. */
  hasBlobs(): boolean
  /** Removes all that was staged; for a change that failed. */
  discard(): Promise<void>
}

/**
 * Staging for one change of `box`, whose newest manifest holds `inlineBytes` already. `maxBytes` bounds what the change
 * may bring in, `inline` what goes into the manifest.
 */
export function createStaging(
  store: Store,
  keyring: Keyring,
  box: Box,
  {
    inlineBytes,
    maxBytes,
    inline = inlineFiles
  }: { inlineBytes: number; maxBytes: number; inline?: InlineLimits }
): Staging {
  const blobs: string[] = []
  const buffer = newBytes(chunkBytes)
  let inlineLeft = inline.totalBytes - inlineBytes
  let bytesLeft = maxBytes
  const unstored = createUnstored(store)

  const storeBlob = async (first: Buffer, rest: AsyncIterator<Buffer>): Promise<Taken> => {
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
      await unstored.add([...mark, { put: key, value: encrypted, expect: null }])
      const next = await rest.next()
      if (next.done === true) return { size, content: { blob } }
      chunk = next.value
    }
  }

  return {
    async take(source) {
      const chunks = inChunks(source, buffer, length => {
        bytesLeft -= length
        if (bytesLeft < 0) throw tooManyBytes({ maxBoxBytes: maxBytes })
      })
      try {
        const first = await chunks.next()
        if (first.done === true) return { size: 0, content: { inline: new Secret(newBytes(0)) } }
        const size = first.value.length
        if (size <= Math.min(inline.fileBytes, inlineLeft)) {
          inlineLeft -= size
          const bytes = newBytes(size)
          bytes.set(first.value)
          return { size, content: { inline: new Secret(bytes) } }
        }
        return await storeBlob(first.value, chunks)
      } finally {
        // Zeroes the buffer, and lets go of the source when it was not read to its end.
        await chunks.return(undefined)
      }
    },

    settle: used => [
      ...unstored.all(),
      ...blobs.flatMap(blob => [
        { remove: stagingKey(box.id, blob) },
        ...(used.has(blob) ? [] : [removeBlob(box.id, blob)])
      ])
    ],

    hasBlobs: () => blobs.length > 0,

    async discard() {
      unstored.drop()
      if (blobs.length > 0) await store.commit(this.settle(new Set()))
    }
  }
}

/** Encrypted records that are not stored yet: a commit takes as many as fill a chunk, so that a thousand small files do not cost one each. */
interface Unstored {
  add(puts: readonly Put[]): Promise<void>
  all(): readonly Put[]
  drop(): void
}

function createUnstored(store: Store): Unstored {
  let waiting: Put[] = []
  let waitingBytes = 0
  const take = (): Put[] => {
    const taken = waiting
    waiting = []
    waitingBytes = 0
    return taken
  }
  return {
    async add(puts) {
      waiting.push(...puts)
      for (const { value } of puts) waitingBytes += value.length
      if (waitingBytes < chunkBytes) return
      const stored = take()
      await store.commit(stored)
      for (const { value } of stored) releaseBytes(value)
    },
    all: () => waiting,
    drop: () => void take()
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

/** The key of the mark of a blob that belongs to no version. */
export function stagingKey(boxId: string, blob: string): string {
  return `staging/${boxId}/${blob}`
}
