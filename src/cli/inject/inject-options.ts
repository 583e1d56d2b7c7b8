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

const quotedHint = `a name with a comma or a quote is written as in CSV: --inject '"one, ""two"""'`
/** What `-v` takes in that place, and a copy is or does by itself. */
const needless = ['ro', 'readonly', 'nocopy', 'z', 'Z']

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
  const [name] = splitAt(last, last.indexOf('='))
  const isOption = taken.includes(name) && (last.includes('=') || injectSwitches.includes(last))
  if (!isOption && !needless.includes(last)) return
  const right = mountValue([before, ...(isOption ? [last] : []), ...rest])
  const why = isOption ? 'options follow a comma' : 'that is so by itself, and no option of a box'
  throw badFlag(
    flag,
    `${quote(last)} stands in the place of an alias: ${why}`,
    `write --inject ${shellWord(right)}, or, to have the box in a directory of that name, --inject ${shellWord(`${before.split(':')[0] ?? ''}:/run/vault/${last}`)}`
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
    : needless.includes(name)
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
