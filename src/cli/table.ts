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

/** How many characters a text has, counted as code points. */
export function widthOf(text: string): number {
  return Array.from(text).length
}

/** The text, cut to `width` characters; a cut is shown by `…`. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}
