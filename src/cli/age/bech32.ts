import { newBytes } from '../../base/secret.ts'

const digits = Buffer.from('qpzry9x8gf2tvdw0s3jn54khce6mua7l')
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const checkDigits = 6

/**
 * The bytes that a text in Bech32 (BIP 173) stands for behind a prefix, in lower case and without its "1"; null when it is none of
 * that prefix. No string comes in between. The caller owns what it gives.
 */
export function fromBech32(prefix: string, text: Uint8Array): Buffer | null {
  const begins = Buffer.from(`${prefix}1`)
  const lower = newBytes(text.length)
  let cases = 0
  for (const [at, byte] of text.entries()) {
    const isUpper = byte >= 0x41 && byte <= 0x5a
    if (isUpper || (byte >= 0x61 && byte <= 0x7a)) cases |= isUpper ? 1 : 2
    lower[at] = isUpper ? byte + 0x20 : byte
  }
  const values = newBytes(Math.max(0, text.length - begins.length))
  try {
    if (cases === 3 || !lower.subarray(0, begins.length).equals(begins)) return null
    for (const [at, byte] of lower.subarray(begins.length).entries()) {
      const digit = digits.indexOf(byte)
      if (digit === -1) return null
      values[at] = digit
    }
    if (values.length < checkDigits || !isChecked(prefix, values)) return null
    return packed(values.subarray(0, -checkDigits))
  } finally {
    lower.fill(0)
    values.fill(0)
  }
}

/** Bytes in Bech32, lower case. For what is public: it is a string. */
export function toBech32(prefix: string, bytes: Uint8Array): string {
  const values: number[] = []
  let [bits, count] = [0, 0]
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff
    for (count += 8; count >= 5; count -= 5) values.push((bits >> (count - 5)) & 31)
  }
  if (count > 0) values.push((bits << (5 - count)) & 31)
  const check = sumOf(prefix, [...values, ...Array<number>(checkDigits).fill(0)]) ^ 1
  for (let place = checkDigits - 1; place >= 0; place--) values.push((check >>> (5 * place)) & 31)
  return `${prefix}1${values.map(value => String.fromCharCode(digits[value] ?? 0)).join('')}`
}

function isChecked(prefix: string, values: Iterable<number>): boolean {
  return sumOf(prefix, values) === 1
}

function sumOf(prefix: string, values: Iterable<number>): number {
  const letters = [...Buffer.from(prefix)]
  let sum = 1
  const take = (value: number): void => {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of generators.entries()) if ((top >> bit) & 1) sum ^= generator
  }
  for (const letter of letters) take(letter >> 5)
  take(0)
  for (const letter of letters) take(letter & 31)
  for (const value of values) take(value)
  return sum
}

/** Eight bits for each byte; null when what is left over is no padding. */
function packed(values: Uint8Array): Buffer | null {
  const bytes = newBytes(Math.floor((values.length * 5) / 8))
  let [bits, count, length] = [0, 0, 0]
  for (const value of values) {
    bits = ((bits << 5) | value) & 0xfff
    count += 5
    if (count < 8) continue
    count -= 8
    bytes[length++] = (bits >> count) & 255
  }
  if (count < 5 && (bits & ((1 << count) - 1)) === 0) return bytes
  bytes.fill(0)
  return null
}
