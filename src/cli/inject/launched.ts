import { basename } from 'node:path/posix'
import { UsageError } from '../output/failure.ts'
import type { ImageConfig } from './find-image.ts'

/** Where a container has the launcher (launcher/README.md), and the directories of its files of variables. */
export const launcherTarget = '/run/secretbox/launcher'

/** What is asked for instead of what an image executes, as the Engine takes it. */
export interface AskedProgram {
  /** Null: the image's. One empty word is none; no word is none either, and leaves the image's command. */
  readonly entrypoint: readonly string[] | null
  /** The command; without a word it is the image's, if its entrypoint is. */
  readonly words: readonly string[]
  /** A check as images have it; null or empty: the image's. */
  readonly health: readonly string[] | null
}

/** What a container executes by the launcher. */
export interface Launched {
  /** The launcher, its own arguments, and the entrypoint. */
  readonly entrypoint: readonly string[]
  /** What follows. */
  readonly command: readonly string[]
  /** A check as images have it, `["CMD", program, argument…]`; null when there is none. */
  readonly health: readonly [kind: 'CMD', ...words: string[]] | null
}

type Executed = Pick<ImageConfig, 'entrypoint' | 'command' | 'health' | 'shell'>

/**
 * What a container of the image has to execute so that its own program, and its health check, have the variables of these
 * files. Throws `UsageError` when it would have no program.
 */
export function launchedWith(files: readonly string[], image: Executed, asked: AskedProgram): Launched {
  const before = withoutLauncher(image)
  const { entrypoint, command } = programOf(before, asked)
  if (entrypoint.length + command.length === 0)
    throw new UsageError('no command is given, and the image has none', 'name one after the image')
  const launcher = [launcherTarget, ...files, '--']
  const check = checkOf(before, asked)
  return {
    entrypoint: [...launcher, ...entrypoint],
    command,
    health: check === null ? null : ['CMD', ...launcher, ...check]
  }
}

/** An image that was committed from a container with variables runs by the launcher, with files that are not there: it is as it was before. */
function withoutLauncher(image: Executed): Executed {
  if (image.entrypoint[0] !== launcherTarget) return image
  const words = [...image.entrypoint, ...image.command]
  return {
    ...image,
    entrypoint: [],
    command: words.slice(words.indexOf('--') + 1),
    health: ownCheck(image.health)
  }
}

function ownCheck(health: readonly string[]): readonly string[] {
  const [kind, ...words] = health
  if (kind === 'CMD' && words[0] === launcherTarget) return ['CMD', ...words.slice(words.indexOf('--') + 1)]
  return kind === 'CMD-SHELL' && words[0]?.startsWith(`exec '${launcherTarget}'`) === true ? [] : health
}

/**
 * The program of a container, as the Engine puts it together (moby, daemon/commit.go, merge): an entrypoint that is given drops
 * the image's command, too.
 */
function programOf(
  image: Executed,
  { entrypoint, words }: AskedProgram
): Pick<Launched, 'entrypoint' | 'command'> {
  const own = words.length > 0 ? words : image.command
  if (entrypoint === null) return { entrypoint: image.entrypoint, command: own }
  if (entrypoint.length === 0) return { entrypoint: [], command: own }
  return { entrypoint: entrypoint.length === 1 && entrypoint[0] === '' ? [] : entrypoint, command: words }
}

/** The words of its check; null when there is none (moby, daemon/health.go, getProbe). */
function checkOf({ health, shell }: Executed, asked: AskedProgram): readonly string[] | null {
  const [kind, ...words] = asked.health !== null && asked.health.length > 0 ? asked.health : health
  if (kind === 'CMD-SHELL') return [...shell, words.join(' ')]
  return kind === 'CMD' && words.length > 0 ? words : null
}

/** Shells that take `exec` and single quotes as POSIX says. */
const shells = ['sh', 'ash', 'bash', 'busybox', 'dash', 'ksh', 'mksh', 'zsh']

/**
 * The text for `--health-cmd`, of which docker makes nothing but a shell's: a shell that becomes the words. Throws
 * `UsageError` when the image has said that another program is its shell.
 */
export function shellText(words: readonly string[], { shell }: Pick<Executed, 'shell'>): string {
  if (!shells.includes(basename(shell[0] ?? ''))) throw noShell(`its SHELL is "${shell[0] ?? ''}"`)
  return `exec ${words.map(word => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')}`
}

/** Of a check that docker's options cannot express. */
export function noShell(reason: string): UsageError {
  return new UsageError(
    `cannot give the image's health check its variables: --health-cmd is run by a shell, and ${reason}`,
    'leave the check out with --no-healthcheck, or run the container by docker vault compose'
  )
}
