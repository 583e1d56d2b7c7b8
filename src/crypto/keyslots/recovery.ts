import { randomBytes } from 'node:crypto'
import { SecretboxError } from '../../base/errors.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import { keyBytes } from '../keyring.ts'
import type { Sodium } from '../sodium.ts'

/*
 * A recovery code: 20 random bytes (160 bits) as 32 letters and digits, and with every four of them a fifth, which tells where a
 * mistake is: `k7qd3-…`, eight groups. The alphabet is Crockford's base32: no i, l, o or u; what is typed for them is read as
 * what they look like.
 */
const alphabet = Buffer.from('0123456789abcdefghjkmnpqrstvwxyz')
const codeBytes = 20
const groups = 8
const groupLength = 4

/** A new code as it is printed, once; both are the caller's to wipe. */
export function newRecoveryCode(): { readonly code: Secret; readonly printed: Secret } {
  const code = newBytes(codeBytes)
  const random = randomBytes(codeBytes)
  code.set(random)
  random.fill(0)
  const digits = digitsOf(code)
  const printed = newBytes(groups * (groupLength + 2) - 1)
  for (let group = 0; group < groups; group++) {
    const own = digits.subarray(group * groupLength, (group + 1) * groupLength)
    const at = group * (groupLength + 2)
    for (const [place, digit] of [...own, checkOf(own, group)].entries())
      printed[at + place] = alphabet[digit] ?? 0
    if (group < groups - 1) printed[at + groupLength + 1] = 0x2d
  }
  digits.fill(0)
  return { code: new Secret(code), printed: new Secret(printed) }
}

/** What was typed: any case, with or without dashes and blanks. Throws `invalid`, which names the group that is wrong. The caller wipes it. */
export function parseRecoveryCode(typed: Uint8Array): Secret {
  const all = newBytes(groups * (groupLength + 1))
  let length = 0
  for (const byte of typed) {
    if (byte === 0x2d || byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue
    const digit = digitFor(byte)
    if (digit === null || length === all.length) {
      all.fill(0)
      throw bad(
        digit === null ? `group ${groupAt(length)} has a character that no code has` : 'it is too long'
      )
    }
    all[length++] = digit
  }
  try {
    if (length < all.length) throw bad(`it has ${length} letters and digits, and not ${all.length}`)
    const digits = newBytes(groups * groupLength)
    for (let group = 0; group < groups; group++) {
      const own = all.subarray(group * (groupLength + 1), (group + 1) * (groupLength + 1) - 1)
      if (all[(group + 1) * (groupLength + 1) - 1] !== checkOf(own, group))
        throw bad(`group ${group + 1} has a mistake`)
      digits.set(own, group * groupLength)
    }
    const code = bytesOf(digits)
    digits.fill(0)
    return new Secret(code)
  } finally {
    all.fill(0)
  }
}

/** The key of a code's slot; the caller wipes both. The code is random, so nothing needs to make guessing dear. */
export function keyOfRecoveryCode(sodium: Sodium, code: Secret): Secret {
  return new Secret(sodium.keyedHash(code.bytes(), Buffer.from('secretbox/1 recovery'), keyBytes))
}

/** The digit that a character stands for, or null. */
function digitFor(byte: number): number | null {
  const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
  // What looks like another: o is 0; i and l are 1.
  const meant = lower === 0x6f ? 0x30 : lower === 0x69 || lower === 0x6c ? 0x31 : lower
  const digit = alphabet.indexOf(meant)
  return digit === -1 ? null : digit
}

/** Of a group's digits and its place: other for each digit that is another, two that changed places, and a group in another's place. */
function checkOf(digits: Uint8Array, group: number): number {
  return digits.reduce((sum, digit, place) => sum + digit * (2 * place + 1), 11 * group) % 32
}

/** Five bits for each digit. */
function digitsOf(bytes: Uint8Array): Buffer {
  const digits = newBytes((bytes.length * 8) / 5)
  for (let at = 0; at < digits.length; at++) {
    const bit = at * 5
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0)
    digits[at] = (pair >> (11 - (bit & 7))) & 31
  }
  return digits
}

function bytesOf(digits: Uint8Array): Buffer {
  const bytes = newBytes((digits.length * 5) / 8)
  for (const [at, digit] of digits.entries()) {
    const bit = at * 5
    const shifted = digit << (11 - (bit & 7))
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (shifted >> 8)
    if ((bit >> 3) + 1 < bytes.length) bytes[(bit >> 3) + 1] = (bytes[(bit >> 3) + 1] ?? 0) | (shifted & 0xff)
  }
  return bytes
}

function groupAt(length: number): number {
  return Math.floor(length / (groupLength + 1)) + 1
}

function bad(reason: string): SecretboxError {
  return new SecretboxError('invalid', `bad recovery code: ${reason}`, {
    hint: `a code has ${groups} groups of ${groupLength + 1} letters and digits, as it was printed`
  })
}
