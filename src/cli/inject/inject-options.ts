import { isSecretboxError, quote } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import { parseVolumeName } from '../../base/names.ts'
import { nearest } from '../../base/nearest.ts'
import { shellWord } from '../../base/shell-word.ts'
import { optionNames, parseVolumeOptions, switchNames } from '../../volumes/options.ts'
import { UsageError } from '../output/failure.ts'
import { splitAt } from '../input/split-at.ts'
import { mountFields, mountValue } from './mount-value.ts'

/** Options of the volume that an `--inject` makes, as they were given. */
export type InjectOptions = Readonly<Record<string, string>>

const notForInjections = ['box', 'ephemeral', 'transient']
/** What a container's box takes: all that a volume does, but for what `--inject` says by itself. */
export const runInjectOptions: readonly string[] = optionNames.filter(
  name => !notForInjections.includes(name)
)
/** What a build's box takes: files of a build are secrets of BuildKit, which nobody can write. */
export const buildInjectOptions: readonly string[] = ['version', 'path', 'uid', 'gid', 'mode', 'optional']

/** Those that are on when they are named. */
export const injectSwitches: readonly string[] = switchNames

/** Whether a switch among options is on. */
export function isOn(value: string | undefined): boolean {
  return value === 'true' || value === '1'
}

const quotedHint = `a name with a comma or a quote is written as in CSV, all of it in one pair of quotes: --inject '"one, ""two"":alias"'`
/** What `-v` takes in that place (moby, volume/mounts/linux_parser.go), and a copy is or does by itself. */
const needless = ['ro', 'readonly', 'nocopy']
/** And what means nothing for a copy. */
const meaningless = ['rw', 'z', 'cached', 'consistent', 'delegated', 'rprivate', 'rshared', 'rslave']
/** Likewise; but right behind a box they are good aliases. */
const meaninglessAfterPath = ['default', 'private', 'shared', 'slave']

/** Whether docker would take a word for an option of a `-v`, in any case: it takes `RO`, too. */
function isOfVolumes(word: string, { afterPath = false } = {}): boolean {
  const words = [...needless, ...meaningless, ...(afterPath ? meaninglessAfterPath : [])]
  return words.includes(word.toLowerCase())
}

/**
 * Takes the value of an `--inject` apart, which is a record of CSV as that of docker's `--mount`: first the box with its
 * place, then options. A value without a comma is the first alone, as it is written. Throws `UsageError`: for an option that
 * is none of `taken` or has a value that it cannot have, and for one that stands in the alias's place, with its right spelling.
 */
export function placeAndOptions(
  value: string,
  taken: readonly string[]
): { place: string; options: InjectOptions } {
  const flag = `--inject ${value}`
  const fields = value.includes(',') || value.startsWith('"') ? mountFields(value) : [value]
  if (fields === null) throw badFlag(flag, 'its quotes are not those of CSV', quotedHint)
  const [place = '', ...rest] = fields
  refuseOptionInPlace(flag, place, rest, taken)
  const options: Record<string, string> = {}
  for (const field of rest) {
    const [written, text] = splitAt(field, field.indexOf('='))
    const name = written.toLowerCase()
    if (!taken.includes(name)) throw unknown(flag, place, written, text, taken)
    if (Object.hasOwn(options, name)) throw badFlag(flag, `option ${quote(name)} is given twice`)
    const isBare = !field.includes('=')
    if (isBare && !injectSwitches.includes(name))
      throw badFlag(flag, `option ${quote(name)} needs a value`, `as in ${name}=VALUE`)
    options[name] = isBare ? 'true' : text
  }
  checkValues(flag, options)
  return { place, options }
}

function refuseOptionInPlace(
  flag: string,
  place: string,
  rest: readonly string[],
  taken: readonly string[]
): void {
  const colon = place.lastIndexOf(':')
  if (colon === -1) return
  const [before, last] = splitAt(place, colon)
  const isOption = isOptionOf(taken, last)
  if (!isOption && !isOfVolumes(last, { afterPath: before.includes(':/') })) return
  const others = rest.filter(each => isOptionOf(taken, each) || !isOfVolumes(each))
  const right = mountValue([before, ...(isOption ? [last.toLowerCase()] : []), ...others])
  const why = isOption
    ? 'options follow a comma'
    : needless.includes(last.toLowerCase())
      ? 'that is so by itself, and no option of a box'
      : 'it means nothing for a box'
  throw badFlag(
    flag,
    `${quote(last)} stands in the place of an alias: ${why}`,
    `write --inject ${shellWord(right)}, or, to have the box in a directory of that name, --inject ${shellWord(`${before.split(':')[0] ?? ''}:/run/vault/${last}`)}`
  )
}

/** Whether a word is an option of a box as one is written: `NAME=VALUE`, or a switch. */
function isOptionOf(taken: readonly string[], word: string): boolean {
  const name = splitAt(word, word.indexOf('='))[0].toLowerCase()
  return taken.includes(name) && (word.includes('=') || injectSwitches.includes(name))
}

/** Throws `UsageError` for what looks like an option in the place of an `--inject-dir`, which takes none; `right`: the flag without it. */
export function refuseOptionOfDirectory(flag: string, directory: string, place: string): void {
  const words = place.split(/[:,]/)
  const at = words.findIndex(
    (word, index) =>
      (index > 0 || !word.startsWith('/')) &&
      (isOptionOf(optionNames, word) || isOfVolumes(word, { afterPath: index > 0 }))
  )
  if (at === -1) return
  const word = words[at] ?? ''
  const right = [directory, ...words.slice(0, at)].join(':')
  const asName =
    words.length === 1
      ? `, or, to have it in a directory of that name, --inject-dir ${shellWord(`${directory}:/run/vault/${word}`)}`
      : ''
  throw badFlag(
    flag,
    `${quote(word)} looks like an option, and a directory takes none`,
    `write --inject-dir ${shellWord(right)}${asName}`
  )
}

function unknown(
  flag: string,
  place: string,
  name: string,
  text: string,
  taken: readonly string[]
): UsageError {
  const meant = nearest(name, taken)
  const hint = ['target', 'dst', 'destination'].includes(name)
    ? `write the place behind the box: --inject ${shellWord(`${splitAt(place, place.indexOf(':'))[0]}:${text}`)}`
    : isOfVolumes(name)
      ? 'a copy is read-only unless it has the option rw: leave it out'
      : meant === null
        ? quotedHint
        : didYouMean(meant)
  return badFlag(flag, `unknown option ${quote(name)}: an --inject takes ${taken.join(', ')}`, hint)
}

/** By the rules of the driver: what it would refuse when docker makes the volume is refused before docker is called. */
function checkValues(flag: string, options: InjectOptions): void {
  try {
    parseVolumeOptions(parseVolumeName('injected'), options)
  } catch (error) {
    if (!isSecretboxError(error, 'invalid')) throw error
    throw badFlag(flag, error.message, error.hint)
  }
}

function badFlag(flag: string, reason: string, hint?: string): UsageError {
  return new UsageError(`bad flag ${quote(flag)}: ${reason}`, hint)
}
