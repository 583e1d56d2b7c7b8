import { newBytes } from './secret.ts'

const digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const padding = '='.charCodeAt(0)

/** Base64 (RFC 4648) without a string in between, which could not be zeroed. The caller owns what it gives. */
export function base64(bytes: Uint8Array): Buffer {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const text = newBytes(Math.ceil(view.length / 3) * 4).fill(padding)
  for (let from = 0, to = 0; from < view.length; from += 3, to += 4) {
    const left = view.length - from
    const bits = view.readUIntBE(from, Math.min(3, left)) << (8 * Math.max(0, 3 - left))
    for (let digit = 0; digit < Math.min(4, left + 1); digit++) {
      text[to + digit] = digits[(bits >> (18 - 6 * digit)) & 63] ?? padding
    }
  }
  return text
}
