import { randomBytes } from 'node:crypto'
import { quote } from '../../base/errors.ts'
import {
  parseFilePath,
  parseVolumeName,
  type BoxName,
  type FilePath,
  type VolumeName
} from '../../base/names.ts'
import { readAll } from '../client/http.ts'
import { upload } from '../client/upload.ts'
import type { Cli } from '../declare/cli.ts'
import type { OperatorFile } from '../files/operator-files.ts'
import { givenFile, standardInput } from '../input/given-file.ts'
import { UsageError } from '../output/failure.ts'
import { lastValue, valuesOf, type CommandLine } from './command-line.ts'
import type { Docker } from './docker.ts'
import { ephemeralOption, wholly, type EphemeralBox } from './ephemeral.ts'
import type { ImageConfig } from './find-image.ts'
import { withImageFiles } from './image-files.ts'
import type { InjectOptions } from './inject-options.ts'
import { boxMount, subpathMount, type Claim } from './mount-flags.ts'
import { readSecrets, type ContainerSecrets } from './secrets-form.ts'
import {
  hasSubpaths,
  layoutByDirectory,
  layoutByFile,
  refuseHiding,
  type SecretsLayout
} from './secrets-layout.ts'
import type { NamedVariablesFile } from './variables.ts'
import { variablesText } from './variables-text.ts'

const noSecrets: ContainerSecrets = { mounts: new Map(), environment: new Map() }
/** Nobody has more than this of secrets for one container. */
const maxTextBytes = 16 << 20
const secretsFlag = 'secret_mounts of --secrets'
const variablesFlag = 'secret_environment of --secrets'
/** Nobody but the container's user has to read them. */
const secretOptions: InjectOptions = { mode: '0400', ...ephemeralOption }
/** Where in their box the variables are. */
const variablesPath = parseFilePath('variables')

/**
 * The secrets of `--secrets FILE`, or of standard input for `-`; none without the flag. Who gets them wipes them. Throws `UsageError`
 * for what is not of their form.
 */
export async function secretsOf({ stdin }: Pick<Cli, 'stdin'>, line: CommandLine): Promise<ContainerSecrets> {
  const [file, ...more] = valuesOf(line, 'secrets')
  if (file === undefined) return noSecrets
  if (more.length > 0)
    throw new UsageError('give --secrets once', 'one file holds all secrets of a container')
  const { body } = file === '-' ? standardInput(stdin) : await givenFile(file)
  const text = await readAll(body, maxTextBytes)
  try {
    return readSecrets(text, file === '-' ? 'standard input' : quote(file))
  } finally {
    text.fill(0)
  }
}

/** Overwrites them. */
export function wipeSecrets({ mounts, environment }: ContainerSecrets): void {
  for (const secret of [...mounts.values(), ...environment.values()]) secret.wipe()
}

/** What the secrets claim: places of files, as they were given. */
export function claimsOfSecrets({ mounts }: ContainerSecrets): Claim[] {
  return [...mounts.keys()].map(target => {
    return { target, flag: secretsFlag, shows: { kind: 'secret' }, isDirectory: false }
  })
}

/** The container that gets them, as far as it is known. */
interface Receiving {
  readonly image: string
  /** Null when the Engine does not have it. */
  readonly found: ImageConfig | null
  readonly line: CommandLine
  /** What else is mounted. */
  readonly claims: readonly Claim[]
}

/**
 * How the files get into the container: each alone, where Engine and client can do that, else by directories of their own. Throws
 * `UsageError` where a directory would hide something.
 */
export async function layOut(
  cli: Cli,
  docker: Docker,
  { mounts }: ContainerSecrets,
  { image, found, line, claims }: Receiving
): Promise<SecretsLayout> {
  const targets = [...mounts.keys()]
  // What both speak: an older client knows no such option of a mount.
  const version =
    targets.length === 0 ? '' : await docker.ask(['version', '--format', '{{.Client.APIVersion}}'])
  if (targets.length === 0 || hasSubpaths(version?.trim() ?? '')) return layoutByFile(targets)
  const layout = layoutByDirectory(targets)
  if (found === null) return layout
  await withImageFiles(cli, image, found, lastValue(line, 'platform'), files =>
    refuseHiding(layout, claims, async path => (await files.kindAt(path)) !== null)
  )
  return layout
}

/** What is mounted of the secrets. */
export function claimsOfLayout({ mounts, isByFile }: SecretsLayout): Claim[] {
  return mounts.map(({ target }) => ({
    target,
    flag: secretsFlag,
    shows: { kind: 'secret' },
    isDirectory: !isByFile
  }))
}

/** The secrets as what goes into a box of their own: files, and a file of variables; null when there are none. */
export function boxOfSecrets(
  cli: Cli,
  driver: string,
  box: BoxName,
  secrets: ContainerSecrets,
  layout: SecretsLayout
): EphemeralBox | null {
  if (secrets.mounts.size === 0 && secrets.environment.size === 0) return null
  const volume = layout.isByFile && layout.mounts.length > 0 ? newVolumeName() : null
  return {
    box,
    fill: filledWith(cli, box, secrets, layout),
    targets: layout.mounts.map(({ target, path }) => ({ box, target, options: { path } })),
    mounts: options => mountsOf(layout, { driver, box, volume, options: { ...options, ...secretOptions } }),
    volume
  }
}

/** The variables among secrets, which are to lie in this box; none when there are none. */
export function variablesOfSecrets({ environment }: ContainerSecrets, box: BoxName): NamedVariablesFile[] {
  if (environment.size === 0) return []
  const variables = [...environment.keys()]
  return [{ box, path: variablesPath, options: ephemeralOption, flag: variablesFlag, variables }]
}

/** As the Engine names anonymous volumes: so ours may go with its last container (option `transient`). */
function newVolumeName(): VolumeName {
  return parseVolumeName(randomBytes(32).toString('hex'))
}

function filledWith(
  cli: Cli,
  box: BoxName,
  { mounts, environment }: ContainerSecrets,
  { files }: SecretsLayout
): EphemeralBox['fill'] {
  return async () => {
    const variables = environment.size === 0 ? null : variablesText(environment)
    try {
      const given = [
        ...[...mounts].map(([target, secret]) => streamOf(target, placeOf(files, target), secret.bytes())),
        ...(variables === null ? [] : [streamOf('secret_environment', variablesPath, variables)])
      ]
      await wholly(cli, '--secrets', counting => upload(counting, { box, path: parseFilePath('') }, given))
    } finally {
      variables?.fill(0)
    }
  }
}

function streamOf(source: string, path: FilePath, bytes: Uint8Array): OperatorFile {
  return { source, path, type: 'stream', bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) }
}

function placeOf(files: ReadonlyMap<string, FilePath>, target: string): FilePath {
  const path = files.get(target)
  if (path === undefined) throw new Error(`no place for ${target}`)
  return path
}

/** The flags that mount the files. `volume`: the one that shows files by themselves, as many mounts as there are. */
export function mountsOf(
  { mounts }: Pick<SecretsLayout, 'mounts'>,
  {
    driver,
    box,
    volume,
    options
  }: { driver: string; box: BoxName; volume: VolumeName | null; options: InjectOptions }
): string[] {
  return mounts.flatMap(({ target, path }) =>
    volume === null
      ? boxMount(driver, box, target, { path, ...options })
      : subpathMount({ driver, volume, box }, target, path, options)
  )
}
