const shorthands: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escapeOf(character: string): string {
  const point = character.codePointAt(0) ?? 0
  return shorthands[character] ?? `\\u${point.toString(16).padStart(4, '0')}`
}

/** As `printable`, line by line: for what may have several. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/**
 * The text with everything escaped that could steer a terminal or break its line: control characters (C0, DEL,
 * C1), line and paragraph separators, and the marks that turn writing direction. Everything else stays.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, escapeOf)
}
