/** A pattern in which a star stands for any number of characters: the texts between its stars. One alone: there is no star. */
export interface Glob {
  readonly literals: readonly string[]
}

/** Whether all of a text is as the pattern says. It takes time in proportion to the text's length for each literal. */
export function matchesGlob({ literals }: Glob, text: string): boolean {
  const [first = '', ...rest] = literals
  const last = rest.pop()
  if (last === undefined) return text === first
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false
  const end = text.length - last.length
  let from = first.length
  for (const literal of rest) {
    const found = text.indexOf(literal, from)
    if (found === -1 || found + literal.length > end) return false
    from = found + literal.length
  }
  return true
}

/** What no text that is matched has in it. */
const star = '\0'

/** Whether the wide pattern matches whatever the narrow one does: what a star of the narrow one stands for, one of the wide one must. */
export function coversGlob(wide: Glob, narrow: Glob): boolean {
  return matchesGlob(wide, narrow.literals.join(star))
}
