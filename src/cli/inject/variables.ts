import { basename } from 'node:path/posix'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { variablesDirectory } from '../../base/variables.ts'
import { shellWord } from '../../base/shell-word.ts'
import type { Cli } from '../declare/cli.ts'
import { findLauncher } from '../client/socket.ts'
import { lastValue, type CommandLine } from './command-line.ts'
import type { EnvBox } from './env-box.ts'
import type { ImageConfig } from './find-image.ts'
import { placesOfVariables, refuseGivenTwice, type NamedVariables } from './given-variables.ts'
import { withImageFiles } from './image-files.ts'
import type { InjectOptions } from './inject-options.ts'
import { launchedWith, launcherTarget, noShell, shellText } from './launched.ts'
import { nullIfDenied } from './may-use.ts'
import { boxMount, type Claim } from './mount-flags.ts'
import { mountValue } from './mount-value.ts'

/** A file of variables (docs/environment.md) in a box, and more options of the volume that shows it. */
export interface VariablesFile {
  readonly box: BoxName
  readonly path: FilePath
  readonly options?: InjectOptions
}

/** A file of variables that a flag gives, and what these are called. */
export interface NamedVariablesFile extends VariablesFile {
  readonly flag: string
  readonly variables: readonly string[]
}

/** What a container's variables depend on. */
export interface VariablesParts {
  readonly driver: string
  /** Docker's command line, whose operands begin with the image. */
  readonly line: CommandLine
  /** Null when the Engine does not have it. */
  readonly found: ImageConfig | null
  /** Writes into a volume's options whose its files are; see `ownersOfBoxes`. */
  readonly owned: (options: InjectOptions) => InjectOptions
}

/** Of docker run and docker create: what stands before the image, instead of the flags `replaced`, and what follows it. */
export interface DockerArguments {
  readonly flags: readonly string[]
  readonly replaced: readonly string[]
  readonly words: readonly string[]
}

/** Only the container's user reads a file of variables. */
export const forUserAlone: InjectOptions = { mode: '0400', dirmode: '0500' }

/**
 * The arguments by which a container of the image has the variables of the files: mounts, entrypoint, health check and
 * command. Without files they change nothing. Throws `not_found` without an image, `UsageError` when the image has no program, or a check that docker's
 * options cannot express.
 */
export async function variablesArguments(
  cli: Cli,
  { driver, line, found, owned }: VariablesParts,
  files: readonly VariablesFile[]
): Promise<DockerArguments> {
  const [image = '', ...operands] = line.operands
  if (files.length === 0) return { flags: [], replaced: [], words: operands }
  if (found === null) {
    const message = `cannot find out what the container is to run: there is no image ${quote(image)}`
    throw new SecretboxError('not_found', message)
  }
  const paths = files.map(({ path }, index) => `${variablesTarget(index)}/${basename(path)}`)
  const given = lastValue(line, 'entrypoint')
  const healthCommand = lastValue(line, 'health-cmd') || null
  const hasNoCheck = lastValue(line, 'no-healthcheck') === 'true'
  const { entrypoint, command, health } = launchedWith(paths, found, {
    entrypoint: given === null ? null : [given],
    words: operands,
    health: hasNoCheck ? ['NONE'] : healthCommand === null ? null : ['CMD-SHELL', healthCommand]
  })
  if (health !== null && healthCommand === null && found.health[0] === 'CMD')
    await requireShell(cli, image, found, lastValue(line, 'platform'))
  const [launcher = '', ...words] = [...entrypoint, ...command]
  const mounts = files.map(({ box, path, options }, index) =>
    boxMount(driver, box, variablesTarget(index), owned({ path, ...forUserAlone, ...options }))
  )
  const flags = [
    ...mounts.flat(),
    ...launcherMount(await findLauncher(cli.env, cli.docker)),
    ...['--entrypoint', launcher],
    ...(health === null ? [] : ['--health-cmd', shellText(health.slice(1), found)])
  ]
  return { flags, replaced: ['entrypoint', 'health-cmd'], words }
}

/** A check that is a shell's needs one; what the image has there, docker would find out in the container. */
async function requireShell(
  cli: Cli,
  image: string,
  found: ImageConfig,
  platform: string | null
): Promise<void> {
  const [shell = ''] = found.shell
  const kind = await withImageFiles(cli, image, found, platform, files => files.kindAt(shell))
  if (kind !== 'file') throw noShell(`the image has no ${quote(shell)}`)
}

/** Where the container has a file of variables: a directory of its own for each, counted from 1. */
export function variablesTarget(index: number): string {
  return `${variablesDirectory}/${index + 1}`
}

/** The flag that mounts the launcher: a file of the host's, the same for all, which nobody can write there. */
function launcherMount(source: string): string[] {
  return ['--mount', mountValue(['type=bind', `source=${source}`, `target=${launcherTarget}`, 'readonly'])]
}

/** A file as the place of its variables. */
export function named({
  box,
  path,
  variables
}: VariablesFile & Pick<NamedVariables, 'variables'>): NamedVariables {
  return { place: `${box}:${path}`, variables }
}

/** Null for who may use one of the boxes and not look into it. */
async function namesIn(
  cli: Pick<Cli, 'api'>,
  asked: readonly { readonly box: BoxName; readonly path: FilePath | null }[]
): Promise<(VariablesFile & Pick<NamedVariables, 'variables'>)[] | null> {
  const environment = asked.map(({ box, path }) => ({ box, path }))
  const injected = await cli.api.injected({ files: [], environment }).catch(nullIfDenied)
  if (injected === null) return null
  return injected.environment.map(({ box, path, variables }) => {
    return { box: parseBoxName(box), path: parseFilePath(path), variables }
  })
}

/** The places that files of variables take, each of which the flag at its place gives. */
export function claimsOfVariables(flags: readonly string[]): Claim[] {
  const [first] = flags
  if (first === undefined) return []
  const files = flags.map((flag, index) => {
    return { target: variablesTarget(index), flag, shows: null, isDirectory: true }
  })
  return [{ target: launcherTarget, flag: first, shows: null, isDirectory: false }, ...files]
}

/**
 * The files that `--env-box` names, and then those `besides`. Throws what the daemon says of one that is none of variables, with which a
 * container would not start, and `UsageError` for a variable that is given twice, by these or by the command line.
 */
export async function filesOfVariables(
  cli: Cli,
  line: CommandLine,
  envBoxes: readonly EnvBox[],
  besides: readonly NamedVariablesFile[]
): Promise<readonly VariablesFile[]> {
  const found = await variablesAskedFor(cli, envBoxes)
  refuseGivenTwice(line, [
    ...found.map(named),
    ...besides.map(({ flag, variables }) => ({ place: flag, variables }))
  ])
  return [...found.map(({ box, path }) => ({ box, path })), ...besides]
}

/**
 * Which files these are, and what their variables are called. For who may use a box and not read it, which the names would tell of, that
 * is as it was asked, with no names. Throws what the daemon says of a file that is none of variables, `denied` when it has to be named,
 * `UsageError` for a variable that two of them have.
 */
export async function variablesAskedFor(
  cli: Pick<Cli, 'api'>,
  asked: readonly { readonly box: BoxName; readonly path: FilePath | null }[]
): Promise<(VariablesFile & Pick<NamedVariables, 'variables'>)[]> {
  if (asked.length === 0) return []
  const found = await namesIn(cli, asked).catch(async (error: unknown) => {
    // Which of them cannot be, or why they cannot be together, is told by who asked; of one that cannot be the daemon has told.
    if (asked.length === 1 || !isSecretboxError(error, 'invalid')) throw error
    const each = await Promise.all(asked.map(one => namesIn(cli, [one])))
    placesOfVariables(each.flatMap(files => (files ?? []).map(named)))
    throw error
  })
  if (found !== null) return found
  return asked.map(({ box, path }) => {
    if (path !== null) return { box, path, variables: [] }
    throw new SecretboxError('denied', `cannot tell which file of box ${quote(box)} has the variables`, {
      hint: `you may use it, and not look into it: name the file, ${shellWord(`${box}:FILE`)}`
    })
  })
}
