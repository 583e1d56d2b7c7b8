import { statSync } from 'node:fs'
import { basename, posix, resolve } from 'node:path'
import { isSecretboxError, quote } from '../../base/errors.ts'
import { parseBoxName, type BoxName } from '../../base/names.ts'
import { notADirectory } from '../files/destination.ts'
import { UsageError } from '../output/failure.ts'
import { argumentsAreSeen, refuseContents } from '../input/refuse-contents.ts'
import { splitAt } from '../input/split-at.ts'
import { placeAndOptions, refuseOptionOfDirectory, type InjectOptions } from './inject-options.ts'

/** The directory in a container below which boxes appear, and below which images expect them. */
export const vaultDirectory = '/run/vault'

const putIntoBox = `${argumentsAreSeen}: put it into a file of a box (docker vault put BOX:FILE), and inject that`

/** A box that a container or a build is to be given. */
export interface Injection {
  readonly box: BoxName
  /** Where it appears: an absolute, normal path. */
  readonly target: string
  /** How its volume shows it, as options of a volume. */
  readonly options: InjectOptions
  /** The flag as it was given, for messages. */
  readonly flag: string
}

/** A directory of the operator's that a container is to be given as a box. */
export interface DirectoryInjection {
  readonly directory: string
  readonly target: string
  readonly flag: string
}

/**
 * Reads `--inject BOX[:ALIAS|:/PATH][,OPTION[=VALUE]]…`; a box's name has no colon. `taken`: the options that there are.
 * Throws `UsageError`.
 */
export function parseInjection(value: string, taken: readonly string[]): Injection {
  const flag = `--inject ${value}`
  if (isOfMount(value))
    throw new UsageError(
      `bad flag ${quote(flag)}: a box stands first, without a word before it`,
      'write it as --inject BOX, --inject BOX:ALIAS or --inject BOX:/PATH, with options behind a comma'
    )
  refuseContents(value, '--inject takes a box', putIntoBox)
  const { place, options } = placeAndOptions(value, taken)
  const [name, alias] = splitAt(place, place.indexOf(':'))
  const box = parseName(name, flag)
  return { box, target: alias === '' ? targetOf(box) : parsePlace(alias, flag), options, flag }
}

/** Whether a value is written as one of docker's `--mount` is: what it says is places and names. */
function isOfMount(value: string): boolean {
  return /^(box|src|source|target|dst|destination|type|volume-driver)=[^,=]*(,|$)/.test(value)
}

/**
 * Reads `--inject-dir DIR[:alias|:/abs/path]`. The last colon counts, unless the whole of it names a directory.
 * Without an alias the directory's own name is it. Throws `UsageError`.
 */
export function parseDirectoryInjection(value: string): DirectoryInjection {
  const flag = `--inject-dir ${value}`
  const isWhole = isDirectory(value)
  const [directory, place] = isWhole ? [value, ''] : splitAt(value, lastColon(value))
  if (!isWhole && !isDirectory(directory)) {
    if (!isThere(directory)) refuseContents(value, '--inject-dir takes a directory', putIntoBox)
    const reason = isThere(directory) ? notADirectory : 'there is no such directory'
    throw new UsageError(`cannot inject ${quote(directory)}: ${reason}`)
  }
  refuseOptionOfDirectory(flag, directory, place)
  const target = parsePlace(place === '' ? basename(resolve(directory)) : place, flag)
  return { directory, target, flag }
}

/** Where a box appears that nobody gave a path. */
export function targetOf(name: BoxName): string {
  return `${vaultDirectory}/${name}`
}

function parsePlace(place: string, flag: string): string {
  if (!place.startsWith('/')) return targetOf(parseName(place, flag))
  const target = normalTarget(place)
  if (isTakenByRuntime(target))
    throw new UsageError(`bad flag ${quote(flag)}: a box cannot take the place of ${quote(target)}`)
  return target
}

/**
 * What the runtime mounts there itself has no room for anything (runc: inside /proc; no directory can be made in sysfs). And
 * what is mounted at one of the Engine's three network files becomes that of the container, also for others that share its network (Engine
 * fact 19).
 */
export function isTakenByRuntime(target: string): boolean {
  return /^\/((proc|sys)(\/.*)?|dev|etc\/(hosts|hostname|resolv\.conf))?$/.test(target)
}

function parseName(name: string, flag: string): BoxName {
  try {
    return parseBoxName(name)
  } catch (error) {
    if (!isSecretboxError(error, 'invalid')) throw error
    const form = flag.startsWith('--inject-dir') ? '--inject-dir DIR' : '--inject BOX'
    throw new UsageError(
      `bad flag ${quote(flag)}: ${error.message}`,
      `write it as ${form}, ${form}:ALIAS or ${form}:/PATH`
    )
  }
}

/** A path in a container in the one way of writing it. */
export function normalTarget(path: string): string {
  const normal = posix.normalize(posix.join('/', path))
  return normal === '/' ? normal : normal.replace(/\/$/, '')
}

function lastColon(value: string): number {
  // Colons may be part of a path on either side; `:/` begins a target.
  const absolute = value.lastIndexOf(':/')
  return absolute > 0 ? absolute : value.lastIndexOf(':')
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
