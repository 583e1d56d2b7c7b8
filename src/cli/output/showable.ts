import { isUtf8 } from 'node:buffer'
import { newBytes } from '../../base/secret.ts'

const shownControls: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d])

/**
 * Follows bytes that go to a terminal, piece by piece: whether all so far are text that it only shows, UTF-8 without control
 * characters but tabs and line ends. The others would steer it. A character may lie in two pieces.
 */
export function followText(): {
  readonly isText: (piece: Buffer) => boolean
  readonly isWhole: () => boolean
} {
  let begun = newBytes(0)
  return {
    isText(piece) {
      const bytes = Buffer.concat([begun, piece])
      const whole = bytes.length - unfinished(bytes)
      begun = Buffer.from(bytes.subarray(whole))
      const text = bytes.subarray(0, whole)
      const isText = isUtf8(text) && !text.some((byte, at) => isControl(byte, text[at + 1] ?? 0))
      bytes.fill(0)
      return isText
    },
    isWhole: () => begun.length === 0
  }
}

/** C0, DEL, and C1 as UTF-8 has it: 0xc2, then 0x80 to 0x9f. */
function isControl(byte: number, next: number): boolean {
  return (
    (byte < 0x20 && !shownControls.has(byte)) ||
    byte === 0x7f ||
    (byte === 0xc2 && next >= 0x80 && next < 0xa0)
  )
}

/** How many bytes at the end begin a character that has more (RFC 3629). */
function unfinished(bytes: Buffer): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes[bytes.length - length] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return length < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? length : 0
  }
  return 0
}
