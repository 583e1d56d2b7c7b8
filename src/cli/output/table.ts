/** Lines of a table: columns as wide as their widest cell, three spaces between, none at a line's end. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))))
  }
  return rows.map(row =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell) + 3))
      .join('')
      .trimEnd()
  )
}

/**
 * Lines of a table that comes in parts, the heading before the first; columns become wider with what needs it, and never
 * narrower again.
 */
export function growingTable(
  headings: readonly string[]
): (rows: readonly (readonly string[])[]) => string[] {
  let widest: readonly string[] | null = null
  return rows => {
    if (widest !== null && rows.length === 0) return []
    const before: readonly string[] = widest ?? headings
    const isFirst = widest === null
    widest = before.map((cell, column) =>
      rows.reduce(
        (wide, row) => (widthOf(row[column] ?? '') > widthOf(wide) ? (row[column] ?? '') : wide),
        cell
      )
    )
    return tableLines([widest, ...(isFirst ? [headings] : []), ...rows]).slice(1)
  }
}

/** Two columns: East Asian wide and fullwidth characters (Unicode, UAX #11) and what is shown as an emoji. */
const wide =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Yi}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u
/** None: what is drawn onto the character before, and what is not drawn. */
const unseen = /[\p{M}\p{Cf}]/u

function columnsOf(character: string): number {
  return unseen.test(character) ? 0 : wide.test(character) ? 2 : 1
}

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += columnsOf(character)
  return width
}

/** The text, cut to `width` columns; a cut is shown by `…`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const character of text) {
    left -= columnsOf(character)
    if (left < 0) break
    kept += character
  }
  return `${kept}…`
}
