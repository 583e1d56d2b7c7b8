const shorthands: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * What could steer a terminal, break its line, turn its direction, or be there without being seen (Unicode's general
 * categories and Default_Ignorable_Code_Point, UAX #44): controls (C0, DEL, C1), formats (bidi, zero-width, tags), lone
 * surrogates, private and unassigned characters, line ends, spaces but the one, variation selectors, fillers, blank Braille.
 */
const unsafe = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu

function escapeOf(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16)
  return shorthands[character] ?? (hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`)
}

/** The text with everything escaped that a reader at a terminal would not see as what it is. Letters and marks of every script stay. */
export function printable(text: string): string {
  return text.replace(unsafe, escapeOf)
}

/** As `printable`, line by line: for what may have several. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** The value as JSON that prints likewise and means the same; `indent` as for JSON.stringify. */
export function printableJson(value: unknown, indent?: number): string {
  // Outside of its strings JSON has only ASCII, whose line ends are its own.
  return JSON.stringify(value, null, indent).replace(unsafe, character =>
    character === '\n'
      ? character
      : Array.from({ length: character.length }, (_, at) => {
          return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
        }).join('')
  )
}
