import { randomBytes, randomFillSync } from 'node:crypto'
import { newBytes } from '../../base/secret.ts'
import { UsageError } from '../output/failure.ts'

const digits = '0123456789'
const lower = 'abcdefghijklmnopqrstuvwxyz'
const upper = lower.toUpperCase()
const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'

const charsets: Readonly<Record<string, string>> = {
  alphanumeric: digits + upper + lower,
  letters: upper + lower,
  digits,
  hex: `${digits}abcdef`,
  base64url: `${upper}${lower}${digits}-_`,
  printable: digits + upper + lower + punctuation
}

/** What `--charset` takes, for help and errors. */
export const charsetChoices = `${Object.keys(charsets).join(', ')}, bytes, or chars:… with characters of your own`

/** The longest secret that is made: a mistyped length should not fill the memory. */
export const maxLength = 1_000_000

/**
 * Makes a random secret of `length` characters of a set, each equally likely (`bytes`: of random bytes). The
 * caller owns it and overwrites it. Throws `UsageError` for a bad set.
 */
export function generate(length: number, charset: string): Buffer {
  if (charset === 'bytes') return randomBytes(length)
  const characters = charactersOf(charset)
  const secret = newBytes(length)
  // A byte below the largest multiple of the set's size picks each character equally often; others are drawn again.
  const fair = 256 - (256 % characters.length)
  const drawn = newBytes(1024)
  let filled = 0
  while (filled < length) {
    randomFillSync(drawn)
    for (const byte of drawn) {
      if (byte < fair && filled < length) secret[filled++] = characters[byte % characters.length] ?? 0
    }
  }
  drawn.fill(0)
  return secret
}

function charactersOf(charset: string): Buffer {
  const text = charset.startsWith('chars:') ? charset.slice('chars:'.length) : charsets[charset]
  if (text === undefined)
    throw new UsageError(`unknown charset ${JSON.stringify(charset)}`, `known: ${charsetChoices}`)
  const characters = Buffer.from(text)
  if (
    !/^[\x20-\x7e]*$/.test(text) ||
    new Set(characters).size !== characters.length ||
    characters.length < 2
  ) {
    throw new UsageError(
      `bad charset ${JSON.stringify(charset)}: it takes two or more different ASCII characters`
    )
  }
  return characters
}
