import type { FlagTable } from './command-line.ts'

/** What stands where a command line of docker's goes on: a flag, the value of one, or an operand. */
export type Position =
  | { readonly kind: 'flag' }
  | {
      readonly kind: 'value'
      readonly flag: string
      /** What is written before it in the same word. */ readonly prefix: string
    }
  | { readonly kind: 'operand' }

/** Where `current`, the word after `before`, stands. `interspersed`: flags may follow operands, too. */
export function positionAt(
  before: readonly string[],
  current: string,
  table: FlagTable,
  { interspersed }: { interspersed: boolean }
): Position {
  let awaited: string | null = null
  for (const word of before) {
    if (awaited !== null) awaited = null
    else if (word === '--') return { kind: 'operand' }
    else if (word.startsWith('-') && word !== '-') awaited = wanting(word, table)
    else if (!interspersed) return { kind: 'operand' }
  }
  if (awaited !== null) return { kind: 'value', flag: awaited, prefix: '' }
  const [, name] = /^--([^=]+)=/.exec(current) ?? []
  if (name !== undefined) return { kind: 'value', flag: name, prefix: `--${name}=` }
  return { kind: current.startsWith('-') ? 'flag' : 'operand' }
}

/** The flag whose value is the next word, if this word ends in one. */
function wanting(word: string, { kinds, longNames }: FlagTable): string | null {
  if (word.startsWith('--')) {
    const name = word.slice(2)
    return kinds.get(name) === 'value' ? name : null
  }
  for (let at = 1; at < word.length; at++) {
    const name = longNames.get(word.charAt(at))
    if (name === undefined) return null
    if (kinds.get(name) === 'value') return at === word.length - 1 ? name : null
  }
  return null
}
