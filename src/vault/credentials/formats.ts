import { isUtf8 } from 'node:buffer'
import { newBytes } from '../../base/secret.ts'

/**
 * How values are written in a format of files, byte by byte: a value is never a string. What each client reads was tried with
 * it (test/cli/credential-clients.test.ts) or read where the comment says.
 */
export interface Format {
  /** What stands for a byte; undefined for one that stands for itself. */
  readonly instead: (byte: number) => string | undefined
  /** What stands for the bytes from a place on, and how many these are; null where it is for each byte alone. */
  readonly insteadOfSeveral?: (
    value: Uint8Array,
    at: number
  ) => { readonly text: string; readonly bytes: number } | null
  /** What stands around a value; asked of values that may do without. */
  readonly quotes: (value: Uint8Array) => string
  /** Why a value cannot be written, in words that follow "it"; null when it can. */
  readonly refuse: (value: Uint8Array) => string | null
}

const [tab, newline, carriageReturn, space, quote, hash, dollar] = [9, 10, 13, 32, 34, 35, 36]
const [star, colon, semicolon, backslash, brace] = [42, 58, 59, 92, 123]
const nothing = (): undefined => undefined
const unquoted = (): string => ''
const quoted = (): string => '"'

const lineEnds = [newline, carriageReturn] as const

const wordsOf = new Map([
  [0, 'has a NUL byte'],
  [newline, 'has a newline'],
  [carriageReturn, 'has a carriage return']
])

type Refusal = Format['refuse']

const has =
  (...bytes: number[]): Refusal =>
  value => {
    const found = bytes.find(byte => value.includes(byte))
    return found === undefined ? null : (wordsOf.get(found) ?? `has byte ${found}`)
  }
const isEmpty: Refusal = value => (value.length === 0 ? 'is empty' : null)
const notUtf8: Refusal = value => (isUtf8(value) ? null : 'is not UTF-8')
const hasSpaceAround: Refusal = value =>
  isSpace(value[0]) || isSpace(value.at(-1)) ? 'has white space at its beginning or end' : null
const longerThan =
  (most: number): Refusal =>
  value =>
    value.length > most ? `is longer than ${most} bytes` : null

function isSpace(byte: number | undefined): boolean {
  return byte === space || (byte !== undefined && byte >= tab && byte <= carriageReturn)
}

function firstOf(...refusals: Refusal[]): Refusal {
  return value => {
    for (const refuse of refusals) {
      const reason = refuse(value)
      if (reason !== null) return reason
    }
    return null
  }
}

function hasPair(value: Uint8Array, isFirst: (byte: number) => boolean, seconds: readonly number[]): boolean {
  return value.some((byte, at) => at > 0 && seconds.includes(byte) && isFirst(value[at - 1] ?? 0))
}

const escaped = (bytes: readonly number[]) => (byte: number) =>
  bytes.includes(byte) ? `\\${String.fromCharCode(byte)}` : undefined

const cEscapes: Readonly<Record<number, string>> = {
  [tab]: '\\t',
  [newline]: '\\n',
  [carriageReturn]: '\\r',
  [quote]: '\\"',
  [backslash]: '\\\\'
}

/** RFC 8259; DEL as YAML wants it, which kubectl reads its file as. */
const inJson = (byte: number): string | undefined =>
  cEscapes[byte] ?? (byte < space || byte === 127 ? `\\u00${hex(byte)}` : undefined)

/**
 * What JSON may hold as it is, and YAML 1.1 not, or takes for an end of line (YAML 1.1, 5.1 and 5.4): kubectl reads its file
 * so. U+0080 to U+009F, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF.
 */
function inYaml(value: Uint8Array, at: number): { text: string; bytes: number } | null {
  const [first = 0, second = 0, third = 0] = value.subarray(at, at + 3)
  if (first === 0xc2 && second < 0xa0) return { text: `\\u00${hex(second)}`, bytes: 2 }
  const code = ((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f)
  const isOne =
    (first === 0xe2 && (code === 0x2028 || code === 0x2029)) ||
    (first === 0xef && code >= 0xfeff && notInYaml.has(code))
  return isOne ? { text: `\\u${code.toString(16)}`, bytes: 3 } : null
}

const notInYaml: ReadonlySet<number> = new Set([0xfeff, 0xfffe, 0xffff])

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** RFC 3986, 2.3: what needs no percent in any part of a URL. */
function inUrl(byte: number): string | undefined {
  return /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte)) ? undefined : `%${hex(byte).toUpperCase()}`
}

/** What a file of each kind can hold, and how. */
export const formats = {
  /** As it is: one value is all of the file. */
  raw: { instead: nothing, quotes: unquoted, refuse: () => null },
  /** `NAME=value` of `docker run --env-file`: no quotes, no escapes (docker/cli, pkg/kvfile: UTF-8, lines of at most 64 KiB). */
  env: {
    instead: nothing,
    quotes: unquoted,
    refuse: firstOf(has(0, ...lineEnds), notUtf8, longerThan(60_000))
  },
  /** A value of a file of variables (docs/environment.md), in double quotes. */
  variables: {
    instead: byte => (byte === tab ? undefined : cEscapes[byte]),
    quotes: quoted,
    refuse: has(0)
  },
  /** A word of a POSIX shell, in single quotes. */
  shell: {
    instead: byte => (byte === 39 ? "'\\''" : undefined),
    quotes: () => "'",
    refuse: has(0)
  },
  /**
   * libpq's password file: a backslash before ":" and "\"; before "*", which alone is any host, and "#", which begins a
   * comment. An empty password is none (libpq, fe-connect.c, passwordFromFile).
   */
  pgpass: {
    instead: escaped([colon, backslash, star, hash]),
    quotes: unquoted,
    refuse: firstOf(isEmpty, has(0, ...lineEnds))
  },
  /** libpq's connection service file: values as they are, without white space at their ends, in lines under 1024 bytes (fe-connect.c, parseServiceFile). */
  'pg-service': {
    instead: nothing,
    quotes: unquoted,
    refuse: firstOf(isEmpty, has(0, ...lineEnds), hasSpaceAround, longerThan(900))
  },
  /** An option file of MySQL and MariaDB: in quotes, with escapes, in lines under 4096 bytes (mysys/my_default.c). */
  mysql: {
    instead: byte => cEscapes[byte],
    quotes: quoted,
    refuse: firstOf(has(0), longerThan(1900))
  },
  /** `.netrc`: a word, or in quotes, with `\"` and `\\` (curl(1), and Python's netrc). */
  netrc: {
    instead: escaped([quote, backslash]),
    quotes: value => (isNetrcWord(value) ? '' : '"'),
    refuse: firstOf(isEmpty, has(0, ...lineEnds))
  },
  /** `.npmrc`: a string of JSON (npm's ini). What looks like `${NAME}` is replaced afterwards, whatever its quotes. */
  npmrc: {
    instead: inJson,
    quotes: quoted,
    refuse: firstOf(isEmpty, has(0, ...lineEnds), notUtf8, value =>
      hasPair(value, byte => byte === dollar, [brace]) ? 'has "${", which npm replaces' : null
    )
  },
  /** The files of the AWS clients: no quotes, no escapes; some take what follows " #" or " ;" for a comment. */
  aws: {
    instead: nothing,
    quotes: unquoted,
    refuse: firstOf(isEmpty, has(0, ...lineEnds), hasSpaceAround, value =>
      // Before a value is white space, too.
      value[0] === hash || value[0] === semicolon || hasPair(value, isSpace, [hash, semicolon])
        ? 'has "#" or ";" at its beginning or after white space'
        : null
    )
  },
  /** A part of a URL, as git's store of credentials has it (gitcredentials(7)); git takes no newline in one. */
  url: { instead: inUrl, quotes: unquoted, refuse: firstOf(isEmpty, has(0, ...lineEnds)) },
  json: { instead: inJson, insteadOfSeveral: inYaml, quotes: quoted, refuse: notUtf8 }
} as const satisfies Readonly<Record<string, Format>>

export type FormatName = keyof typeof formats

function isNetrcWord(value: Uint8Array): boolean {
  return value[0] !== hash && value.every(byte => byte > space && byte !== quote && byte !== backslash)
}

/** The bytes of a value inside of its quotes; the caller zeroes them. What the format refuses is not asked for. */
export function escapedIn(format: Format, value: Uint8Array): Buffer {
  let length = 0
  for (const { byte, text } of partsIn(format, value)) length += byte === null ? text.length : 1
  const written = newBytes(length)
  let at = 0
  for (const { byte, text } of partsIn(format, value)) {
    if (byte === null) at += written.write(text, at, 'latin1')
    else written[at++] = byte
  }
  return written
}

/** What is written, one after the other: a byte as it is, or else a text. */
function* partsIn(
  { instead, insteadOfSeveral }: Format,
  value: Uint8Array
): Generator<{ readonly byte: number | null; readonly text: string }> {
  for (let at = 0; at < value.length;) {
    const several = insteadOfSeveral?.(value, at) ?? null
    const byte = value[at] ?? 0
    const text = several?.text ?? instead(byte)
    yield text === undefined ? { byte, text: '' } : { byte: null, text }
    at += several?.bytes ?? 1
  }
}
