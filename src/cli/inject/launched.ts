import { basename } from 'node:path/posix'
import { UsageError } from '../output/failure.ts'
import type { ImageConfig } from './find-image.ts'

/** Where a container has the launcher (launcher/README.md), and the directories of its files of variables. */
export const launcherTarget = '/run/secretbox/launcher'

/** What the command line says of what a container executes. */
export interface AskedProgram {
  /** Of `--entrypoint`, the last one; null without it. */
  readonly entrypoint: string | null
  /** What follows the image. */
  readonly words: readonly string[]
  /** Of `--health-cmd`; null without it. */
  readonly healthCommand: string | null
  readonly noHealthcheck: boolean
}

/** What a container executes by the launcher. */
export interface Launched {
  /** The launcher, then all its arguments. */
  readonly program: readonly string[]
  /** A check as images have it, `["CMD", program, argument…]`; null when there is none. */
  readonly health: readonly [kind: 'CMD', ...words: string[]] | null
}

type Executed = Pick<ImageConfig, 'entrypoint' | 'command' | 'health' | 'shell'>

/**
 * What a container of the image has to execute so that its own program, and its health check, have the variables of these
 * files. Throws `UsageError` when it would have no program.
 */
export function launchedWith(files: readonly string[], image: Executed, asked: AskedProgram): Launched {
  const program = programOf(image, asked)
  if (program.length === 0)
    throw new UsageError('no command is given, and the image has none', 'name one after the image')
  const launcher = [launcherTarget, ...files, '--']
  const check = checkOf(image, asked)
  return {
    program: [...launcher, ...program],
    health: check === null ? null : ['CMD', ...launcher, ...check]
  }
}

/**
 * The program of a container, as the Engine puts it together (moby, daemon/commit.go, merge) out of what docker sends
 * (docker/cli, cli/command/container/opts.go, parse): an entrypoint that is given drops the image's command, too, and an
 * empty one is none.
 */
function programOf({ entrypoint, command }: Executed, asked: AskedProgram): readonly string[] {
  if (asked.entrypoint === '') return asked.words
  if (asked.entrypoint !== null) return [asked.entrypoint, ...asked.words]
  return [...entrypoint, ...(asked.words.length > 0 ? asked.words : command)]
}

/** The words of its check; null when there is none (moby, daemon/health.go, getProbe). */
function checkOf({ health, shell }: Executed, asked: AskedProgram): readonly string[] | null {
  if (asked.noHealthcheck) return null
  if (asked.healthCommand !== null && asked.healthCommand !== '') return [...shell, asked.healthCommand]
  const [kind, ...words] = health
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
