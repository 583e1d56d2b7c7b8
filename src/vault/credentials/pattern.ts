import { newBytes } from '../../base/secret.ts'

/*
 * Expressions of types, which operators write and people's values are held to: those of regular expressions without what looks
 * around, refers back, or repeats a group. They always are about all of a text, and how long it takes to find out does not depend on
 * how a value was chosen: all ways through the expression are followed at once (Thompson, 1968), never one after the other.
 */

/** An expression for all of a text. */
export interface Pattern {
  /** As it was written. */
  readonly source: string
  test(text: string): boolean
}

/** What is wrong with an expression. */
export class BadPattern extends Error {}

/** A character, or a group, as often as `min` to `max` times; a group is there once. */
type Step =
  | { readonly kind: 'character'; readonly is: (character: string) => boolean; min: number; max: number }
  | { readonly kind: 'group'; readonly ways: Ways }
/** One of these, each a row of steps. */
type Ways = readonly (readonly Step[])[]

const escape = String.raw`\\(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[pP]\{[^{}]*\}|[dDwWsStnrfv0^$\\.*+?()[\]{}|/-])`
const inClass = String.raw`(?:\\[^]|[^\\\]])`
const token = new RegExp(
  String.raw`(?<open>\((?:\?:)?(?!\?))|(?<close>\))|(?<or>\|)|(?<character>${escape}|\[\^?${inClass}+\]|[^\\[\](){}|*+?^$])`,
  'uy'
)
const count = /[*+?]|\{(?<least>\d{1,4})(?<open>,(?<most>\d{1,4})?)?\}/uy
const classAlone = new RegExp(`^${inClass}+$`, 'u')
const mostSteps = 200

/** Reads one. Throws `BadPattern`. */
export function readPattern(source: string): Pattern {
  let at = 0
  let steps = 0
  const next = (expression: RegExp): Record<string, string | undefined> | null => {
    expression.lastIndex = at
    const found = expression.exec(source)
    at += found?.[0].length ?? 0
    return found && { all: found[0], ...found.groups }
  }
  const readWays = (isInside: boolean): Ways => {
    const ways: Step[][] = [[]]
    for (;;) {
      if (at === source.length) {
        if (isInside) throw new BadPattern('a group has no end')
        return ways
      }
      const found = next(token)
      if (found === null)
        throw new BadPattern(`${JSON.stringify(source.slice(at, at + 8))} is not known in an expression`)
      if (++steps > mostSteps) throw new BadPattern('an expression is too long')
      const { open, close, or, character = '' } = found
      if (or !== undefined) ways.push([])
      else if (open !== undefined) {
        ways.at(-1)?.push({ kind: 'group', ways: readWays(true) })
        if (next(count) !== null) throw new BadPattern('an expression repeats no group and refers to none')
      } else if (close === undefined)
        ways.at(-1)?.push({ kind: 'character', is: characterIn(character), ...times() })
      else if (isInside) return ways
      else throw new BadPattern('there is a ")" too many')
    }
  }
  const times = (): { min: number; max: number } => {
    const found = next(count)
    if (found === null) return { min: 1, max: 1 }
    const { all, least, open, most } = found
    if (least === undefined) return { min: all === '+' ? 1 : 0, max: all === '?' ? 1 : Infinity }
    const [min, max] = [Number(least), open === undefined ? Number(least) : Number(most ?? Infinity)]
    if (min > max) throw new BadPattern(`${all ?? ''} counts backwards`)
    return { min, max }
  }
  const ways = readWays(false)
  return {
    source,
    test(text) {
      const characters = Array.from(text)
      const start = newBytes(characters.length + 1)
      start[0] = 1
      return afterWays(ways, characters, start)[characters.length] === 1
    }
  }
}

/** Reads what stands in the brackets of a class: one character that must be among them. Throws `BadPattern`. */
export function readCharacters(inside: string): Pattern {
  if (!classAlone.test(inside)) throw new BadPattern('a bracket among characters has a backslash before it')
  const source = `[${inside}]`
  return { source, test: characterIn(source) }
}

/** Whether one character is as this part of an expression says. */
function characterIn(part: string): (character: string) => boolean {
  let expression: RegExp
  try {
    expression = new RegExp(`^${part}$`, 'u')
  } catch (error) {
    throw new BadPattern((error as Error).message)
  }
  const known = new Map<string, boolean>()
  return character => {
    const before = known.get(character)
    if (before !== undefined) return before
    const is = expression.test(character)
    if (known.size < mostKnown) known.set(character, is)
    return is
  }
}

/** Texts have few different characters. */
const mostKnown = 1000

/** The places of a text at which something can end that begins at one of the places `from`. */
function afterWays(ways: Ways, characters: readonly string[], from: Uint8Array): Uint8Array {
  const ends = newBytes(from.length)
  for (const way of ways) {
    let places = from
    for (const step of way)
      places =
        step.kind === 'group'
          ? afterWays(step.ways, characters, places)
          : afterCharacters(step, characters, places)
    places.forEach((is, place) => {
      if (is === 1) ends[place] = 1
    })
  }
  return ends
}

function afterCharacters(
  { is, min, max }: Extract<Step, { kind: 'character' }>,
  characters: readonly string[],
  from: Uint8Array
): Uint8Array {
  const length = characters.length
  // How many fit in a row from each place on.
  const row = new Int32Array(length + 1)
  for (let place = length - 1; place >= 0; place--)
    row[place] = is(characters[place] ?? '') ? (row[place + 1] ?? 0) + 1 : 0
  // From each place a range of others is reached: +1 where ranges begin, -1 after their ends.
  const changes = new Int32Array(length + 2)
  from.forEach((isFrom, place) => {
    const most = Math.min(max, row[place] ?? 0)
    if (isFrom !== 1 || most < min) return
    changes[place + min] = (changes[place + min] ?? 0) + 1
    changes[place + most + 1] = (changes[place + most + 1] ?? 0) - 1
  })
  const to = newBytes(length + 1)
  let ranges = 0
  for (let place = 0; place <= length; place++) {
    ranges += changes[place] ?? 0
    to[place] = ranges > 0 ? 1 : 0
  }
  return to
}
