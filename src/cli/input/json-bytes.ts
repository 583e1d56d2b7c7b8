import { isUtf8 } from 'node:buffer'
import { SecretboxError } from '../../base/errors.ts'
import { newBytes, Secret } from '../../base/secret.ts'

/*
 * JSON (RFC 8259) read without making strings of its values, which may be secrets: a string can be neither overwritten nor kept
 * from the heap's collector, which leaves copies. Only the names of objects' members become strings.
 */

/** A value, as its place in the text. `begin` and `end` count bytes. */
export type JsonValue = { readonly begin: number; readonly end: number } & (
  | { readonly type: 'object'; readonly members: ReadonlyMap<string, JsonValue> }
  | { readonly type: 'string' | 'array' | 'number' | 'boolean' | 'null' }
)

/** More is nobody's, and would need a stack of its own. */
const maxDepth = 100
const byteOf = (character: string): number => character.charCodeAt(0)
const [quoteMark, backslash] = [byteOf('"'), byteOf('\\')]
/** What stands behind a backslash, but for `u`. */
const escapes: ReadonlyMap<number, number> = new Map(
  ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'].map(pair => [
    pair.charCodeAt(0),
    pair.charCodeAt(1)
  ])
)

/**
 * Reads a text of JSON. Throws `invalid` that tells where it is none, and shows nothing of it; an object that names a member twice
 * is none either, for its readers would not agree on which counts.
 */
export function readJson(text: Buffer): JsonValue {
  if (!isUtf8(text)) throw new SecretboxError('invalid', 'it is not valid UTF-8')
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

/** The bytes of a string in UTF-8, its escapes undone; the caller owns them. Throws `invalid` for half a surrogate pair. */
export function stringBytes(text: Buffer, { begin, end }: Pick<JsonValue, 'begin' | 'end'>): Secret {
  // No escape is shorter than what it stands for.
  const bytes = newBytes(end - begin - 2)
  try {
    return new Secret(bytes.subarray(0, writeUnescaped(text, begin + 1, end - 1, bytes)))
  } catch (error) {
    bytes.fill(0)
    throw error
  }
}

/** Gives how many bytes it wrote. */
function writeUnescaped(text: Buffer, begin: number, end: number, bytes: Buffer): number {
  let length = 0
  for (let at = begin; at < end;) {
    if (text[at] !== backslash) {
      bytes[length++] = text[at++] ?? 0
      continue
    }
    const plain = escapes.get(text[at + 1] ?? 0)
    if (plain !== undefined) {
      bytes[length++] = plain
      at += 2
      continue
    }
    const { point, units } = codePointAt(text, at)
    length += bytes.write(String.fromCodePoint(point), length)
    at += 6 * units
  }
  return length
}

/** The bytes of any value, as they are written; the caller owns them. */
export function writtenBytes(text: Buffer, { begin, end }: Pick<JsonValue, 'begin' | 'end'>): Secret {
  const bytes = newBytes(end - begin)
  text.copy(bytes, 0, begin, end)
  return new Secret(bytes)
}

function codePointAt(text: Buffer, at: number): { point: number; units: number } {
  const first = unitAt(text, at) ?? 0
  if (first < 0xd800 || first > 0xdfff) return { point: first, units: 1 }
  const isPair = first < 0xdc00 && text[at + 6] === backslash && text[at + 7] === byteOf('u')
  const second = isPair ? (unitAt(text, at + 6) ?? 0) : 0
  if (second < 0xdc00 || second > 0xdfff) throw notJson(text, at, 'half a surrogate pair')
  return { point: 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), units: 2 }
}

/** What the four digits of an escape say that begins there; null when they are none. */
function unitAt(text: Buffer, at: number): number | null {
  let unit = 0
  for (const byte of text.subarray(at + 2, at + 6)) {
    const digit = isDigit(byte) ? byte - 0x30 : (byte | 0x20) - 0x61 + 10
    if (digit < 0 || digit > 15 || (digit < 10 && !isDigit(byte))) return null
    unit = unit * 16 + digit
  }
  return text.length < at + 6 ? null : unit
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

const noValue = 'something that is no value'

class Reader {
  readonly #text: Buffer
  #at = 0

  constructor(text: Buffer) {
    this.#text = text
  }

  value(depth: number): JsonValue {
    if (depth > maxDepth) throw this.#bad('too many values in each other')
    this.#skipSpace()
    const begin = this.#at
    switch (String.fromCharCode(this.#text[begin] ?? 0)) {
      case '{':
        return { type: 'object', members: this.#members(depth), begin, end: this.#at }
      case '[':
        this.#items(depth)
        return { type: 'array', begin, end: this.#at }
      case '"':
        this.#string()
        return { type: 'string', begin, end: this.#at }
      case 't':
        return this.#word('true', 'boolean')
      case 'f':
        return this.#word('false', 'boolean')
      case 'n':
        return this.#word('null', 'null')
      default:
        this.#number()
        return { type: 'number', begin, end: this.#at }
    }
  }

  end(): void {
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#bad('something after its end')
  }

  #members(depth: number): ReadonlyMap<string, JsonValue> {
    const members = new Map<string, JsonValue>()
    this.#list('}', () => {
      this.#skipSpace()
      const begin = this.#at
      this.#string()
      const name = Buffer.from(stringBytes(this.#text, { begin, end: this.#at }).bytes()).toString()
      if (members.has(name)) throw this.#bad('a name that is there already')
      this.#skipSpace()
      this.#take(':')
      members.set(name, this.value(depth + 1))
    })
    return members
  }

  #items(depth: number): void {
    this.#list(']', () => void this.value(depth + 1))
  }

  /** What stands between two brackets, of which the first is next. */
  #list(close: string, item: () => void): void {
    this.#at++
    this.#skipSpace()
    if (this.#is(close)) {
      this.#at++
      return
    }
    for (;;) {
      item()
      this.#skipSpace()
      if (this.#is(close)) break
      this.#take(',')
    }
    this.#at++
  }

  #string(): void {
    this.#take('"')
    for (;;) {
      const byte = this.#text[this.#at]
      if (byte === undefined || byte < 0x20)
        throw this.#bad('a string without its end, or a control character in it')
      this.#at++
      if (byte === quoteMark) return
      if (byte === backslash) this.#escape()
    }
  }

  #escape(): void {
    const byte = this.#text[this.#at] ?? 0
    const isUnit = byte === byteOf('u')
    if (!isUnit && !escapes.has(byte)) throw this.#bad('a backslash before what it cannot be before')
    if (isUnit && unitAt(this.#text, this.#at - 1) === null) throw this.#bad('an escape without four digits')
    this.#at += isUnit ? 5 : 1
  }

  #word(word: string, type: 'boolean' | 'null'): JsonValue {
    const begin = this.#at
    const end = begin + word.length
    if (!this.#text.subarray(begin, end).equals(Buffer.from(word))) throw this.#bad(noValue)
    this.#at = end
    return { type, begin, end }
  }

  #number(): void {
    if (this.#is('-')) this.#at++
    if (this.#is('0')) this.#at++
    else this.#digits()
    if (this.#is('.')) {
      this.#at++
      this.#digits()
    }
    if (!this.#is('e') && !this.#is('E')) return
    this.#at++
    if (this.#is('+') || this.#is('-')) this.#at++
    this.#digits()
  }

  #digits(): void {
    const begin = this.#at
    while (isDigit(this.#text[this.#at])) this.#at++
    if (this.#at === begin) throw this.#bad(noValue)
  }

  #skipSpace(): void {
    while ([0x20, 0x09, 0x0a, 0x0d].includes(this.#text[this.#at] ?? 0)) this.#at++
  }

  #is(character: string): boolean {
    return this.#text[this.#at] === byteOf(character)
  }

  #take(character: string): void {
    if (!this.#is(character)) throw this.#bad(`something else than ${JSON.stringify(character)}`)
    this.#at++
  }

  #bad(what: string): SecretboxError {
    return notJson(this.#text, this.#at, what)
  }
}

function notJson(text: Buffer, at: number, what: string): SecretboxError {
  let line = 1
  for (const byte of text.subarray(0, at)) if (byte === 0x0a) line++
  const column = at - (at === 0 ? -1 : text.lastIndexOf(0x0a, at - 1))
  return new SecretboxError('invalid', `it is not JSON: line ${line}, byte ${column} has ${what}`)
}
