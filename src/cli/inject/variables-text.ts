import { newBytes, type Secret } from '../../base/secret.ts'

/** What a byte is written as, behind a backslash. */
const escapes: ReadonlyMap<number, number> = new Map(
  ['\\\\', '""', '\nn', '\rr'].map(pair => [pair.charCodeAt(0), pair.charCodeAt(1)])
)
const [quoteMark, lineFeed, backslash] = ['"', '\n', '\\'].map(character => character.charCodeAt(0)) as [
  number,
  number,
  number
]

/** How many bytes `variablesText` makes of them. */
export function lengthOfText(variables: ReadonlyMap<string, Secret>): number {
  let length = 0
  for (const [name, value] of variables) {
    length += name.length + value.length + 4
    for (const byte of value.bytes()) if (escapes.has(byte)) length++
  }
  return length
}

/** A file of variables (docs/environment.md): a line `NAME="value"` for each. The caller owns it. */
export function variablesText(variables: ReadonlyMap<string, Secret>): Buffer {
  const text = newBytes(lengthOfText(variables))
  let length = 0
  for (const [name, value] of variables) {
    length += text.write(`${name}="`, length)
    for (const byte of value.bytes()) {
      const escaped = escapes.get(byte)
      if (escaped !== undefined) text[length++] = backslash
      text[length++] = escaped ?? byte
    }
    text[length++] = quoteMark
    text[length++] = lineFeed
  }
  return text
}
