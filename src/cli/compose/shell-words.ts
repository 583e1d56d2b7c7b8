/**
 * The words of a text, as docker-compose finds them in a command that is no list (Python, shlex.split: POSIX quotes and
 * backslashes, nothing else). Null when a quote or a backslash has no end.
 */
export function shellWords(text: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (quote === "'" ? character !== quote : quote !== '' && character !== quote && character !== '\\')
      word = (word ?? '') + character
    else if (quote !== '' && character === quote) quote = ''
    else if (character === '\\') {
      at++
      if (at >= text.length) return null
      const escaped = text.charAt(at)
      // Within quotes a backslash is one but before these (shlex: escapedquotes).
      const isKept = quote === '"' && escaped !== '"' && escaped !== '\\'
      word = (word ?? '') + (isKept ? '\\' : '') + escaped
    } else if (character === "'" || character === '"') {
      quote = character
      word ??= ''
    } else if (/[ \t\r\n]/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + character
  }
  if (quote !== '') return null
  return word === null ? words : [...words, word]
}
