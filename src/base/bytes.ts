import { newBytes } from './secret.ts'

/** All pieces, one after the other, in bytes of their own. The pieces stay what they are. */
export function joined(pieces: readonly Uint8Array[]): Buffer {
  const whole = newBytes(pieces.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** `joined`, and the pieces are zeroed: they were made for this. */
export function joinedAndWiped(pieces: readonly Uint8Array[]): Buffer {
  const whole = joined(pieces)
  for (const piece of pieces) piece.fill(0)
  return whole
}

/** Text of ours, which is no secret, as bytes that may be zeroed with others. */
export function bytesOfText(text: string): Buffer {
  const bytes = newBytes(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}

/** The same bytes as a Buffer. */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
