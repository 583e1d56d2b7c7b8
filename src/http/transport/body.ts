import { on } from 'node:events'
import type { Readable } from 'node:stream'
import type { SecretboxError } from '../../base/errors.ts'
import { newBytes, releaseBytes } from '../../base/secret.ts'

/**
 * The pieces of a body as they arrived; the reader zeroes them. Iterating the stream itself joins pieces that wait
 * into a new buffer and leaves the old ones as they are, where nobody can zero them. Whoever stops before the end
 * leaves the rest to `discardBody`.
 */
export async function* piecesOf(body: Readable): AsyncGenerator<Buffer, undefined> {
  const recent = createRecent()
  body.on('data', recent.keep)
  try {
    for await (const [piece] of on(body, 'data', { close: ['end'], highWaterMark: 2, lowWaterMark: 1 })) {
      yield piece as Buffer
    }
  } finally {
    body.off('data', recent.keep)
    if (!body.readableEnded) recent.zero()
  }
}

/** Reads a short body whole; the caller zeroes it. Throws `invalid` when it is longer than `maxBytes`. */
export async function readBody(body: Readable, maxBytes: number, refusal: SecretboxError): Promise<Buffer> {
  const bytes = newBytes(maxBytes)
  let length = 0
  for await (const piece of piecesOf(body)) {
    const fits = length + piece.length <= maxBytes
    if (fits) bytes.set(piece, length)
    piece.fill(0)
    if (!fits) throw refusal
    length += piece.length
  }
  return bytes.subarray(0, length)
}

/** The pieces that went by last. Streams pass them on through queues that nobody else can reach into. */
export interface Recent {
  readonly keep: (piece: Buffer) => void
  /** Zeroes them; for when nobody will read them any more. */
  zero(): void
}

/** More than the queues between a connection and a change of a box hold. */
const recentBytes = 512 << 10

export function createRecent(): Recent {
  const kept: { piece: Buffer; length: number }[] = []
  let bytes = 0
  return {
    keep(piece) {
      const { length } = piece
      kept.push({ piece, length })
      bytes += length
      while (bytes - (kept[0]?.length ?? 0) > recentBytes) bytes -= kept.shift()?.length ?? 0
    },
    zero() {
      for (const { piece } of kept) releaseBytes(piece)
    }
  }
}

/**
 * Reads what nobody has read of a body, zeroing it: a caller that is still sending gets the answer that way, and the
 * connection is good for another request. With more than `maxBytes` it is cut off.
 */
export function discardBody(body: Readable, maxBytes = Infinity): void {
  if (body.readableEnded) return
  let bytes = 0
  const discard = (piece: Buffer): void => {
    bytes += piece.length
    piece.fill(0)
    if (bytes > maxBytes) body.destroy()
  }
  for (let piece = body.read() as Buffer | null; piece !== null; piece = body.read() as Buffer | null)
    discard(piece)
  body.on('data', discard)
  body.resume()
}
