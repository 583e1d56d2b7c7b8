/** The text before and behind a character; all of it and nothing where there is none. */
export function splitAt(text: string, index: number): [string, string] {
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}
