import { newBytes } from '../base/secret.ts'
import { cutShort } from './bad-archive.ts'
import { blockBytes } from './header.ts'

/** An archive, taken in pieces of any length that are wanted. */
export interface Blocks {
  /** A copy of the next `length` bytes. Throws `invalid` when there are fewer. */
  take(length: number): Promise<Buffer>
  /** The next block; shorter, or empty, at the archive's end. */
  block(): Promise<Buffer>
  /** What is there of the next `length` bytes, at least one: the reader's own to overwrite. Throws `invalid` at the end. */
  some(length: number): Promise<Buffer>
  /** Overwrites what came and was not read, and lets go of the source. */
  close(): Promise<void>
}

export function blocksOf(source: AsyncIterable<Uint8Array>): Blocks {
  const pieces = source[Symbol.asyncIterator]()
  let piece: Buffer = newBytes(0)

  const isMore = async (): Promise<boolean> => {
    while (piece.length === 0) {
      const next = await pieces.next()
      if (next.done === true) return false
      const { buffer, byteOffset, byteLength } = next.value
      piece = Buffer.from(buffer, byteOffset, byteLength)
    }
    return true
  }
  const upTo = async (length: number): Promise<Buffer> => {
    const bytes = newBytes(length)
    let filled = 0
    while (filled < length && (await isMore())) {
      const copied = piece.copy(bytes, filled)
      piece.fill(0, 0, copied)
      piece = piece.subarray(copied)
      filled += copied
    }
    return bytes.subarray(0, filled)
  }

  return {
    async take(length) {
      const bytes = await upTo(length)
      if (bytes.length < length) throw cutShort()
      return bytes
    },
    block: () => upTo(blockBytes),
    async some(length) {
      if (!(await isMore())) throw cutShort()
      const bytes = piece.subarray(0, length)
      piece = piece.subarray(bytes.length)
      return bytes
    },
    async close() {
      // What was handed out whole may have been given back to the system by now.
      if (piece.length > 0) piece.fill(0)
      await pieces.return?.()
    }
  }
}
