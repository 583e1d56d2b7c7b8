import { viewOf } from './bytes.ts'
import { newBytes } from './secret.ts'

const digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const padding = '='.charCodeAt(0)

/** Base64 (RFC 4648) without a string in between, which could not be zeroed. The caller owns what it gives. */
export function base64(bytes: Uint8Array): Buffer {
  const view = viewOf(bytes)
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

/**
 * What base64 stands for, white space left out; null for what is none. No string comes in between. The caller owns what it
 * gives.
 */
export function fromBase64(text: Uint8Array): Buffer | null {
  const bytes = newBytes(Math.ceil((text.length * 3) / 4))
  let [bits, count, length, ended] = [0, 0, 0, false]
  for (const each of text) {
    if (each === 10 || each === 13 || each === 32) continue
    const digit = digits.indexOf(each)
    if (each === padding) ended = true
    else if (ended || digit === -1) {
      bytes.fill(0)
      return null
    } else {
      bits = ((bits << 6) | digit) & 0xffffff
      count += 6
      if (count < 8) continue
      count -= 8
      bytes[length++] = (bits >> count) & 255
    }
  }
  return bytes.subarray(0, length)
}
