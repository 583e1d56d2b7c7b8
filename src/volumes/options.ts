import { quote, SecretboxError } from '../errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath, type VolumeName } from '../vault/names.ts'

/** How a volume shows its box; the meaning of `-o`, `volume-opt` and `driver_opts`. */
export interface VolumeOptions {
  readonly box: BoxName
  /** A version to stay at; null: the newest at each mount. */
  readonly version: number | null
  /** The part of the box to serve; '' is all of it. */
  readonly path: FilePath
  /** Owner of every entry. */
  readonly uid: number
  readonly gid: number
  /** Permission bits of every file; null: each file's own. */
  readonly mode: number | null
  /** The container may write into its copy. */
  readonly rw: boolean
  /** Bytes that a writable copy may hold; null: what the box needs and `defaultSpareBytes` more. */
  readonly size: number | null
  /** A missing box gives an empty copy instead of an error. */
  readonly optional: boolean
  /** The box goes with the last volume that shows it. */
  readonly ephemeral: boolean
}

/** How the names of boxes begin that may go with a volume: the option cannot take a box that was meant to stay. */
const ephemeralPrefix = 'ephemeral-'

/** What a writable copy may grow by when `size` is not given. */
export const defaultSpareBytes = 16 << 20

const maxId = 0xffff_fffe // (uid_t)-1 means "do not change" to chown(2)
const flagWords = new Map([
  ['', true],
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false]
])

/** Each option: what its value must be, and how it is read (null: it is not that). */
const readers = {
  box: { rule: 'the name of a box', read: parseBoxName },
  version: {
    rule: 'a version number from 1 on',
    read: (text: string) => integer(text, 1, Number.MAX_SAFE_INTEGER)
  },
  path: { rule: 'a path in the box', read: parseFilePath },
  uid: { rule: `a user id from 0 to ${maxId}`, read: (text: string) => integer(text, 0, maxId) },
  gid: { rule: `a group id from 0 to ${maxId}`, read: (text: string) => integer(text, 0, maxId) },
  mode: { rule: 'permission bits in octal, 0 to 7777', read: octalMode },
  rw: { rule: '"true" or "false"', read: flag },
  size: { rule: 'bytes, or a number with k, m or g', read: byteCount },
  optional: { rule: '"true" or "false"', read: flag },
  ephemeral: { rule: '"true" or "false"', read: flag }
} as const

type OptionName = keyof typeof readers

/** The names of all options, for messages and documentation. */
export const optionNames = Object.keys(readers) as OptionName[]

/**
 * Reads a volume's options. Throws `invalid` that names the option and what is allowed: for an unknown one the
 * list of known ones, for a bad value what it must be.
 */
export function parseVolumeOptions(
  volume: VolumeName,
  given: Readonly<Record<string, string>>
): VolumeOptions {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(readers, name)) {
      throw new SecretboxError(
        'invalid',
        `unknown option ${quote(name)}: known options are ${optionNames.join(', ')}`
      )
    }
  }
  const option = <N extends OptionName>(
    name: N
  ): Exclude<ReturnType<(typeof readers)[N]['read']>, null> | null => {
    const text = given[name]
    if (text === undefined) return null
    const { rule, read } = readers[name]
    const value = read(text)
    if (value === null)
      throw new SecretboxError('invalid', `bad option ${name}=${quote(text)}: it must be ${rule}`)
    return value as Exclude<ReturnType<(typeof readers)[N]['read']>, null>
  }
  const options: VolumeOptions = {
    box: option('box') ?? boxOfVolume(volume),
    version: option('version'),
    path: option('path') ?? ('' as FilePath),
    uid: option('uid') ?? 0,
    gid: option('gid') ?? 0,
    mode: option('mode'),
    rw: option('rw') ?? false,
    size: option('size'),
    optional: option('optional') ?? false,
    ephemeral: option('ephemeral') ?? false
  }
  if (options.size !== null && !options.rw) {
    throw new SecretboxError('invalid', 'bad option size: it is for writable copies only', {
      hint: 'add rw=true'
    })
  }
  if (options.ephemeral && !options.box.startsWith(ephemeralPrefix)) {
    throw new SecretboxError(
      'invalid',
      `bad option ephemeral: box ${quote(options.box)} would be destroyed with the volume`,
      { hint: `it is for boxes whose names begin with "${ephemeralPrefix}"` }
    )
  }
  return options
}

/** True when two volumes would show the same thing in the same way. */
export function sameOptions(a: VolumeOptions, b: VolumeOptions): boolean {
  return (Object.keys(a) as (keyof VolumeOptions)[]).every(key => a[key] === b[key])
}

// A volume's name obeys the rule of box names.
function boxOfVolume(volume: VolumeName): BoxName {
  return parseBoxName(volume)
}

function integer(text: string, least: number, most: number): number | null {
  if (!/^\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return value >= least && value <= most ? value : null
}

function octalMode(text: string): number | null {
  return /^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777 ? Number.parseInt(text, 8) : null
}

function flag(text: string): boolean | null {
  return flagWords.get(text) ?? null
}

function byteCount(text: string): number | null {
  const match = /^(\d{1,15})([kmg]?)$/i.exec(text)
  if (match === null) return null
  const unit = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 }[(match[2] ?? '').toLowerCase()] ?? 1
  const bytes = Number(match[1]) * unit
  return bytes >= 1 && Number.isSafeInteger(bytes) ? bytes : null
}
