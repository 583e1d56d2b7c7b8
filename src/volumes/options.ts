import type { CopyOptions } from '../copies/send-tree.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import { didYouMean } from '../base/messages.ts'
import {
  ephemeralPrefix,
  isAnonymousVolume,
  parseBoxName,
  parseFilePath,
  type BoxName,
  type FilePath,
  type VolumeName
} from '../base/names.ts'
import { nearest } from '../base/nearest.ts'
import {
  byteCount,
  flag,
  groupId,
  permissionBits,
  userId,
  versionNumber,
  type ValueKind
} from './option-values.ts'

/** How a volume shows its box; the meaning of `-o`, `volume-opt` and `driver_opts`. */
export interface VolumeOptions extends CopyOptions {
  readonly box: BoxName
  /** A version to stay at; null: the newest at each mount. */
  readonly version: number | null
  /** The part of the box to serve; '' is all of it. */
  readonly path: FilePath
  /** The volume is the file that `path` names, and not a directory with that in it: so it can be mounted where a file is to be. */
  readonly file: boolean
  /** A missing box gives an empty copy instead of an error. */
  readonly optional: boolean
  /** The box goes with the last volume that shows it. */
  readonly ephemeral: boolean
  /** The volume goes with the last container that has it, however that is removed. */
  readonly transient: boolean
}

const boxName: ValueKind<BoxName> = { rule: 'the name of a box', read: parseBoxName, advise: () => null }
const pathInBox: ValueKind<FilePath> = {
  rule: 'a path in the box',
  // Empty is what an unset variable gives, and would show all of the box.
  read: text => (text === '' ? null : parseFilePath(text)),
  advise: () => null
}

const kinds = {
  box: boxName,
  version: versionNumber,
  path: pathInBox,
  file: flag,
  uid: userId,
  gid: groupId,
  mode: permissionBits,
  dirmode: permissionBits,
  rw: flag,
  size: byteCount,
  optional: flag,
  ephemeral: flag,
  transient: flag,
  api: flag
} as const

type OptionName = keyof typeof kinds

/** The names of all options, for messages and documentation. */
export const optionNames = Object.keys(kinds) as OptionName[]

/** Those that are "true" or "false". */
export const switchNames: readonly OptionName[] = optionNames.filter(name => kinds[name] === flag)

/**
 * Reads a volume's options. Throws `invalid` that names the option and what is allowed: for an unknown one the
 * list of known ones, for a bad value what it must be.
 */
export function parseVolumeOptions(
  volume: VolumeName,
  given: Readonly<Record<string, string>>
): VolumeOptions {
  for (const name of Object.keys(given)) if (!Object.hasOwn(kinds, name)) throw unknownOption(name)
  const option = <T>(name: OptionName, kind: ValueKind<T>): T | null => {
    const text = given[name]
    if (text === undefined) return null
    const value = kind.read(text)
    if (value === null) throw badValue(name, text, kind)
    return value
  }
  const usual = defaultsOf(volume)
  const options: VolumeOptions = {
    box: option('box', kinds.box) ?? usual.box,
    version: option('version', kinds.version) ?? usual.version,
    path: option('path', kinds.path) ?? usual.path,
    file: option('file', kinds.file) ?? usual.file,
    uid: option('uid', kinds.uid) ?? usual.uid,
    gid: option('gid', kinds.gid) ?? usual.gid,
    mode: option('mode', kinds.mode) ?? usual.mode,
    dirmode: option('dirmode', kinds.dirmode) ?? usual.dirmode,
    rw: option('rw', kinds.rw) ?? usual.rw,
    size: option('size', kinds.size) ?? usual.size,
    optional: option('optional', kinds.optional) ?? usual.optional,
    ephemeral: option('ephemeral', kinds.ephemeral) ?? usual.ephemeral,
    transient: option('transient', kinds.transient) ?? usual.transient,
    api: option('api', kinds.api) ?? usual.api
  }
  if (options.size !== null && !options.rw) {
    throw new SecretboxError('invalid', 'bad option size: it is for writable copies only', {
      hint: 'add rw=true'
    })
  }
  if (options.file) refuseBesideFile(options)
  if (options.ephemeral && !options.box.startsWith(ephemeralPrefix)) {
    throw new SecretboxError(
      'invalid',
      `bad option ephemeral: box ${quote(options.box)} would be destroyed with the volume`,
      { hint: `it is for boxes whose names begin with "${ephemeralPrefix}"` }
    )
  }
  if (options.transient && !isAnonymousVolume(volume)) {
    throw new SecretboxError(
      'invalid',
      `bad option transient: volume ${quote(volume)} has a name, so it stays until it is removed`,
      { hint: 'it is for anonymous volumes, as "docker vault run --inject" makes them' }
    )
  }
  return options
}

/**
 * The options that a volume's record holds, or null unless they are what `parseVolumeOptions` could have answered: they
 * are written as an operator would write them, and read again.
 */
export function readOptions(
  volume: VolumeName,
  record: Readonly<Record<string, unknown>>
): VolumeOptions | null {
  // What is absent has its default; so has an empty path, which is not written.
  const given = Object.entries(record).flatMap(([name, value]) =>
    value === null || value === '' ? [] : [[name, written(name, value)] as const]
  )
  try {
    const options: Readonly<Record<string, unknown>> & VolumeOptions = {
      ...parseVolumeOptions(volume, Object.fromEntries(given))
    }
    return Object.entries(record).every(([name, value]) => options[name] === value) ? options : null
  } catch {
    return null
  }
}

function written(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  const isOctal = typeof value === 'number' && kinds[name as OptionName] === permissionBits
  return isOctal ? `0${value.toString(8)}` : JSON.stringify(value)
}

/** True when two volumes would show the same thing in the same way. */
export function sameOptions(a: VolumeOptions, b: VolumeOptions): boolean {
  return (Object.keys(a) as (keyof VolumeOptions)[]).every(key => a[key] === b[key])
}

/** An option that a volume has otherwise than it was given. Values as an operator would write them; null where there is none. */
export interface OptionDifference {
  readonly option: string
  readonly given: string | null
  readonly has: string | null
}

/**
 * Where the options that were given for a volume that exists already mean something else than those that it has, which
 * the Engine passes over without a word. What the same value is in another form is no difference, nor is a default that
 * is written out; an option that the driver would refuse is one. No options at all ask for nothing. `has`: all options of
 * the volume, as its record has them.
 */
export function optionDifferences(
  volume: VolumeName,
  has: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, string>>
): OptionDifference[] {
  if (Object.keys(given).length === 0) return []
  const usual: Readonly<Record<string, unknown>> = { __proto__: null, ...defaultsOf(volume) }
  return [...new Set([...optionNames, ...Object.keys(given)])].flatMap(option => {
    const text = given[option]
    const value = text === undefined ? usual[option] : valueOf(option, text)
    // What a record of another release lacks is as it is without the option.
    const held = Object.hasOwn(has, option) ? has[option] : usual[option]
    if (value !== undefined && value === held) return []
    return [
      {
        option,
        given: value === undefined ? (text ?? null) : shown(option, value),
        has: shown(option, held)
      }
    ]
  })
}

/** Undefined for an option that there is not, and for a value that it cannot have. */
function valueOf(option: string, text: string): unknown {
  try {
    return Object.hasOwn(kinds, option) ? (kinds[option as OptionName].read(text) ?? undefined) : undefined
  } catch {
    return undefined
  }
}

function shown(option: string, value: unknown): string | null {
  return value === undefined || value === null || value === '' ? null : written(option, value)
}

function defaultsOf(volume: VolumeName): VolumeOptions {
  return {
    // A volume's name obeys the rule of box names.
    box: parseBoxName(volume),
    version: null,
    path: '' as FilePath,
    file: false,
    uid: 0,
    gid: 0,
    mode: null,
    dirmode: null,
    rw: false,
    size: null,
    optional: false,
    ephemeral: false,
    transient: false,
    api: false
  }
}

/** Throws `invalid` for what takes a directory, where the volume is a file. */
function refuseBesideFile({ path, rw, optional, api }: VolumeOptions): void {
  const refuse = (reason: string, hint: string): void => {
    throw new SecretboxError('invalid', `bad option file: ${reason}`, { hint })
  }
  if (path === '') refuse('it is for one file of the box', 'say which: path=FILE')
  // Who may write next to a file could put something else in its place, which whoever mounts it would follow.
  if (rw) refuse('a file by itself cannot be writable', 'leave one of file and rw out')
  if (optional) refuse('a box that is missing has no file', 'leave one of file and optional out')
  if (api) refuse('the socket of the option api lies in a directory', 'leave one of file and api out')
}

function unknownOption(name: string): SecretboxError {
  const meant = nearest(name, optionNames)
  return new SecretboxError(
    'invalid',
    `unknown option ${quote(name)}: known options are ${optionNames.join(', ')}`,
    meant === null ? {} : { hint: didYouMean(meant) }
  )
}

function badValue(name: OptionName, text: string, kind: ValueKind<unknown>): SecretboxError {
  const hint =
    text === ''
      ? `an unset variable gives an empty value; leave ${name} out, or give it one`
      : text.trim() !== text
        ? 'there is white space around it'
        : /[^\x20-\x7e]/.test(text)
          ? 'write it with ASCII letters and digits'
          : kind.advise(name, text)
  return new SecretboxError(
    'invalid',
    `bad option ${name}=${quote(text)}: it must be ${kind.rule}`,
    hint === null ? {} : { hint }
  )
}
