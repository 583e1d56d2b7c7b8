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

/** A file of variables (docs/environment.md): a line `NAME="value"` for each. The caller owns it. */
export function variablesText(variables: ReadonlyMap<string, Secret>): Buffer {
  const all = [...variables]
  const most = all.reduce((sum, [name, value]) => sum + name.length + 2 * value.length + 4, 0)
  const text = newBytes(most)
  let length = 0
  for (const [name, value] of all) {
    length += text.write(`${name}="`, length)
    for (const byte of value.bytes()) {
      const escaped = escapes.get(byte)
      if (escaped !== undefined) text[length++] = backslash
      text[length++] = escaped ?? byte
    }
    text[length++] = quoteMark
    text[length++] = lineFeed
  }
  return text.subarray(0, length)
}
