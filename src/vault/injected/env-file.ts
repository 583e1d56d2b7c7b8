import { viewOf } from '../../base/bytes.ts'
import { SecretboxError } from '../../base/errors.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import { mostInVariable, mostVariables, variableName } from '../../base/variables.ts'

/** A variable of a file; whoever reads it wipes the value. */
export interface Variable {
  readonly name: string
  readonly value: Secret
}

/*
 * The words of launcher/variables.c. `test/unit/env-file.test.ts` holds both readers to one table, and says what the
 * format is.
 */
const notAVariable = 'it is not NAME=value'
const openQuote = 'its quote does not end'
const afterQuote = 'something follows its quote'
const badEscape = 'it has a backslash before something else than n, r, t, ", $ or \\'
const thereAlready = 'its variable is there already'
const tooLong = 'its variable is longer than 128 KiB'
const tooMuch = 'there are more than 4096 variables, or more than 1 MiB of them'
const aNul = 'it has a NUL'

/** What is wrong with a line of a file, which is counted from 1. The words hold nothing of the file. */
export class BadLine extends SecretboxError {
  constructor(line: number, reason: string) {
    super('invalid', `line ${line}: ${reason}`, {
      hint: 'a line is NAME=value, NAME="value" or NAME=\'value\'; docs/environment.md says the rest'
    })
    this.name = 'BadLine'
  }
}

const [tab, lineFeed, carriageReturn, space, doubleQuote, hash, singleQuote, equals, backslash] = [
  ...Buffer.from('\t\n\r "#\'=\\')
] as [number, number, number, number, number, number, number, number, number]
/** By the letter behind the backslash. */
const escapes: ReadonlyMap<number | undefined, number> = new Map(
  Object.entries({ n: '\n', r: '\r', t: '\t', '"': '"', $: '$', '\\': '\\' }).map(
    ([letter, meant]) => [letter.charCodeAt(0), meant.charCodeAt(0)] as const
  )
)
/** What some editors put before UTF-8. */
const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf)
const exportWord = Buffer.from('export')

/**
 * The variables of a file, as the launcher reads them when the container starts. Throws `BadLine`; then nothing of a value is left
 * in memory.
 */
export function readVariables(bytes: Uint8Array): Variable[] {
  const text = viewOf(bytes)
  const found: Variable[] = []
  const names = new Set<string>()
  const nul = text.indexOf(0)
  if (nul !== -1) throw new BadLine(1 + lineFeedsIn(text, 0, nul), aNul)
  try {
    let line = 1
    let at = text.subarray(0, 3).equals(byteOrderMark) ? 3 : 0
    while (at < text.length) {
      at = skipBlanks(text, at)
      let end = endOfLine(text, at)
      if (end > at && text[at] !== hash) {
        const variable = readVariable(text, at, line, names)
        found.push(variable)
        names.add(variable.name)
        end = variable.end
        if (names.size > mostVariables) throw new BadLine(line, tooMuch)
      }
      const next = text.indexOf(lineFeed, end)
      line += lineFeedsIn(text, at, end) + 1
      at = next === -1 ? text.length : next + 1
    }
    return found
  } catch (error) {
    for (const { value } of found) value.wipe()
    throw error
  }
}

function readVariable(
  text: Buffer,
  begin: number,
  line: number,
  names: ReadonlySet<string>
): Variable & { readonly end: number } {
  const nameAt = skipExport(text, begin)
  let at = nameAt
  while (isOfName(text[at])) at++
  // Nothing but the name is ever a string: a line that is no variable may be a piece of a value.
  if (text[at] !== equals) throw new BadLine(line, notAVariable)
  const name = text.toString('latin1', nameAt, at)
  if (!variableName.test(name)) throw new BadLine(line, notAVariable)
  if (names.has(name)) throw new BadLine(line, thereAlready)
  at++
  const isQuoted = text[at] === singleQuote || text[at] === doubleQuote
  const end = isQuoted ? text.length : endOfLine(text, at)
  const read = isQuoted ? readQuoted(text, at, line) : { value: copied(text.subarray(at, end)), end }
  if (name.length + 1 + read.value.length + 1 > mostInVariable) {
    read.value.wipe()
    throw new BadLine(line, tooLong)
  }
  return { name, ...read }
}

/** A value in quotes, from the first quote on, and where its last line ends. */
function readQuoted(text: Buffer, begin: number, line: number): { value: Secret; end: number } {
  const quote = text[begin]
  const unescaped = newBytes(text.length - begin)
  try {
    let length = 0
    let at = begin + 1
    for (; text[at] !== quote; at++) {
      if (at >= text.length) throw new BadLine(line, openQuote)
      let byte = text[at]
      if (quote === doubleQuote && byte === backslash) {
        at++
        if (at >= text.length) throw new BadLine(line, openQuote)
        byte = escapes.get(text[at])
        if (byte === undefined) throw new BadLine(line, badEscape)
      }
      unescaped[length++] = byte ?? 0
    }
    const rest = skipBlanks(text, at + 1)
    const end = endOfLine(text, rest)
    if (end > rest && (text[rest] !== hash || rest === at + 1)) throw new BadLine(line, afterQuote)
    return { value: copied(unescaped.subarray(0, length)), end }
  } finally {
    unescaped.fill(0)
  }
}

/** `export` and blanks, as in files that a shell reads, too. */
function skipExport(text: Buffer, begin: number): number {
  const end = begin + exportWord.length
  if (!text.subarray(begin, end).equals(exportWord)) return begin
  return text[end] === space || text[end] === tab ? skipBlanks(text, end) : begin
}

function isOfName(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z0-9_.-]/.test(String.fromCharCode(byte))
}

function copied(bytes: Uint8Array): Secret {
  const own = newBytes(bytes.length)
  own.set(bytes)
  return new Secret(own)
}

function skipBlanks(text: Buffer, begin: number): number {
  let at = begin
  while (text[at] === space || text[at] === tab) at++
  return at
}

/** Where the line ends, its carriage return left out. */
function endOfLine(text: Buffer, begin: number): number {
  const found = text.indexOf(lineFeed, begin)
  const end = found === -1 ? text.length : found
  return end > begin && text[end - 1] === carriageReturn ? end - 1 : end
}

function lineFeedsIn(text: Buffer, begin: number, end: number): number {
  let count = 0
  for (let at = text.indexOf(lineFeed, begin); at !== -1 && at < end; at = text.indexOf(lineFeed, at + 1))
    count++
  return count
}
