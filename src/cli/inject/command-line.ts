import { quote } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'

/** Which flags a command of docker's has: long names, and whether a value follows. */
export interface FlagTable {
  readonly kinds: ReadonlyMap<string, 'value' | 'switch'>
  /** The long name of each one-letter flag. */
  readonly longNames: ReadonlyMap<string, string>
}

/** A flag as it was given. */
export interface Flag {
  /** Its long name. */
  readonly name: string
  /** Of a switch: `true`, or what stands behind its equals sign. */
  readonly value: string
  /** The words that say the same, to hand them on. */
  readonly words: readonly string[]
}

/** A command line of docker's, taken apart. */
export interface CommandLine {
  readonly flags: readonly Flag[]
  readonly operands: readonly string[]
}

/** Makes a table out of `name` or `name letter` for each flag. */
export function flagTable(flags: Record<'values' | 'switches', readonly string[]>): FlagTable {
  const kinds = new Map<string, 'value' | 'switch'>()
  const longNames = new Map<string, string>()
  for (const [words, kind] of [
    [flags.values, 'value'],
    [flags.switches, 'switch']
  ] as const) {
    for (const word of words) {
      const [name = '', letter] = word.split(' ')
      kinds.set(name, kind)
      if (letter !== undefined) longNames.set(letter, name)
    }
  }
  return { kinds, longNames }
}

/**
 * Takes a command line apart as docker does (github.com/spf13/pflag): `--name value`, `--name=value`, `-n value`,
 * `-nvalue`, `-n=value`, letters of switches run together, `--` ends the flags. `interspersed`: flags may follow
 * operands, too. Throws `UsageError` for a flag that is not in the table, unless its value is attached.
 */
export function readCommandLine(
  args: readonly string[],
  table: FlagTable,
  { interspersed }: { interspersed: boolean }
): CommandLine {
  const flags: Flag[] = []
  const operands: string[] = []
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') {
      operands.push(...rest)
      break
    }
    if (arg.startsWith('--')) flags.push(readLong(arg, rest, table))
    else if (arg.startsWith('-') && arg !== '-') flags.push(...readLetters(arg, rest, table))
    else {
      operands.push(arg)
      if (!interspersed) {
        operands.push(...rest)
        break
      }
    }
  }
  return { flags, operands }
}

function readLong(arg: string, rest: string[], table: FlagTable): Flag {
  const equals = arg.indexOf('=')
  if (equals !== -1) {
    return { name: arg.slice(2, equals), value: arg.slice(equals + 1), words: [arg] }
  }
  const name = arg.slice(2)
  const kind = table.kinds.get(name)
  if (kind === undefined) throw unknownFlag(arg)
  if (kind === 'switch') return { name, value: 'true', words: [arg] }
  const value = rest.shift()
  if (value === undefined) throw new UsageError(`flag ${quote(arg)} needs a value`)
  return { name, value, words: [arg, value] }
}

function* readLetters(arg: string, rest: string[], table: FlagTable): Generator<Flag> {
  for (let letters = arg.slice(1); letters !== '';) {
    const word = `-${letters.charAt(0)}`
    const name = table.longNames.get(letters.charAt(0))
    const behind = letters.slice(1)
    if (name === undefined) throw unknownFlag(word)
    if (table.kinds.get(name) === 'switch' && !behind.startsWith('=')) {
      yield { name, value: 'true', words: [word] }
      letters = behind
      continue
    }
    const value = behind === '' ? rest.shift() : behind.replace(/^=/, '')
    if (value === undefined) throw new UsageError(`flag ${quote(word)} needs a value`)
    yield { name, value, words: behind === '' ? [word, value] : [word + behind] }
    return
  }
}

function unknownFlag(word: string): UsageError {
  return new UsageError(
    `unknown flag ${quote(word)}`,
    'if your docker knows it, write it with an equals sign and its value, as in --flag=value or --switch=true'
  )
}

/** The value of a flag that counts once: the last one given. */
export function lastValue(line: CommandLine, name: string): string | null {
  return line.flags.findLast(flag => flag.name === name)?.value ?? null
}

/** All values of a flag, in their order. */
export function valuesOf(line: CommandLine, name: string): string[] {
  return line.flags.filter(flag => flag.name === name).map(({ value }) => value)
}

/** The words of all flags but the named ones. */
export function wordsWithout(line: CommandLine, names: readonly string[]): string[] {
  return line.flags.filter(({ name }) => !names.includes(name)).flatMap(({ words }) => words)
}
