import { newBytes } from './secret.ts'

const quoteMark = '"'.charCodeAt(0)
const backslash = '\\'.charCodeAt(0)
const firstPrintable = 0x20
const hexDigits = Buffer.from('0123456789abcdef')
const escapeBegin = Buffer.from('\\u00')

/** A JSON string (RFC 8259, section 7) of UTF-8, in its quotes, as bytes that the caller zeroes: text could not be zeroed. */
export function jsonText(utf8: Uint8Array): Buffer {
  let length = 2
  for (const byte of utf8)
    length +=
      byte < firstPrintable ? escapeBegin.length + 2 : byte === quoteMark || byte === backslash ? 2 : 1
  const text = newBytes(length)
  let at = 0
  text[at++] = quoteMark
  for (const byte of utf8) {
    if (byte < firstPrintable) {
      text.set(escapeBegin, at)
      at += escapeBegin.length
      text[at++] = hexDigits[byte >> 4] ?? 0
      text[at++] = hexDigits[byte & 15] ?? 0
    } else {
      if (byte === quoteMark || byte === backslash) text[at++] = backslash
      text[at++] = byte
    }
  }
  text[at] = quoteMark
  return text
}
