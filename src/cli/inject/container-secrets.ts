import { quote } from '../../base/errors.ts'
import { parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { placeOfSecret } from '../../base/secret-kinds.ts'
import { readAll } from '../client/http.ts'
import { upload } from '../client/upload.ts'
import type { Cli } from '../declare/cli.ts'
import type { OperatorFile } from '../files/operator-files.ts'
import { givenFile, standardInput } from '../input/given-file.ts'
import { UsageError } from '../output/failure.ts'
import { valuesOf, type CommandLine } from './command-line.ts'
import { ephemeralOption, wholly, type EphemeralBox } from './ephemeral.ts'
import type { InjectOptions } from './inject-options.ts'
import { boxMount, type Claim } from './mount-flags.ts'
import { readSecrets, type ContainerSecrets } from './secrets-form.ts'
import type { NamedVariablesFile } from './variables.ts'
import { variablesText } from './variables-text.ts'

const noSecrets: ContainerSecrets = { mounts: new Map(), environment: new Map() }
/** Nobody has more than this of secrets for one container. */
const maxTextBytes = 16 << 20
const secretsFlag = 'secret_mounts of --secrets'
const variablesFlag = 'secret_environment of --secrets'
/** Nobody but the container's user has to read them. */
const secretOptions: InjectOptions = { file: 'true', mode: '0400', ...ephemeralOption }
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
  const { body } =
    file === '-'
      ? standardInput(stdin)
      : await givenFile(file, { flag: '--secrets', instead: 'pipe it in, with --secrets -' })
  const text = await readAll(body, maxTextBytes)
  try {
    return readSecrets(text, file === '-' ? 'standard input' : quote(file))
  } finally {
    text.fill(0)
  }
}

/** What the secrets claim: places of files. */
export function claimsOfSecrets({ mounts }: ContainerSecrets): Claim[] {
  return [...mounts.keys()].map(target => {
    return { target, flag: secretsFlag, shows: { kind: 'secret' }, isDirectory: false }
  })
}

/** The secrets as what goes into a box of their own: files, and a file of variables; null when there are none. */
export function boxOfSecrets(
  cli: Cli,
  driver: string,
  box: BoxName,
  { mounts, environment }: ContainerSecrets
): EphemeralBox | null {
  if (mounts.size === 0 && environment.size === 0) return null
  const places = placesOf(mounts)
  return {
    box,
    fill: filledWith(cli, box, { mounts, environment }, places),
    targets: [...places].map(([target, path]) => ({ box, target, options: { path } })),
    mounts: options =>
      [...places].flatMap(([target, path]) =>
        boxMount(driver, box, target, { path, ...options, ...secretOptions })
      )
  }
}

/** Where in their box files lie, by their targets: the same targets in the same way, whatever order they come in. */
function placesOf(mounts: ContainerSecrets['mounts']): ReadonlyMap<string, FilePath> {
  const sorted = [...mounts].sort(([one], [other]) => (one < other ? -1 : 1))
  return new Map(sorted.map(([target, { kind }], index) => [target, placeOfSecret(kind, index + 1)]))
}

/** The variables among secrets, which are to lie in this box; none when there are none. */
export function variablesOfSecrets({ environment }: ContainerSecrets, box: BoxName): NamedVariablesFile[] {
  if (environment.size === 0) return []
  const variables = [...environment.keys()]
  return [{ box, path: variablesPath, options: ephemeralOption, flag: variablesFlag, variables }]
}

function filledWith(
  cli: Cli,
  box: BoxName,
  { mounts, environment }: ContainerSecrets,
  places: ReadonlyMap<string, FilePath>
): EphemeralBox['fill'] {
  return async () => {
    const variables = environment.size === 0 ? null : variablesText(environment)
    try {
      const given = [...mounts].flatMap(([target, { content }]) => {
        const path = places.get(target)
        return path === undefined ? [] : [streamOf(target, path, content.bytes())]
      })
      if (variables !== null) given.push(streamOf('secret_environment', variablesPath, variables))
      await wholly(cli, '--secrets', counting => upload(counting, { box, path: parseFilePath('') }, given))
    } finally {
      variables?.fill(0)
    }
  }
}

function streamOf(source: string, path: FilePath, bytes: Uint8Array): OperatorFile {
  return { source, path, type: 'stream', bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) }
}
