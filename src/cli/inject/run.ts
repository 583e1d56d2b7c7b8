import type { Command } from 'commander'
import { pluginName } from '../../base/default-paths.ts'
import { quote } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { exitCodes, UsageError } from '../output/failure.ts'
import { lastValue, readCommandLine, valuesOf, wordsWithout, type CommandLine } from './command-line.ts'
import { ownersOfBoxes } from './box-owner.ts'
import { flagsOfLabels, labelsOf, type GivenBox } from './container-labels.ts'
import { dockerOf, endingAsDocker, type Docker, type Ending } from './docker.ts'
import { parseEnvBox, refuseBoxesInEnv, type EnvBox } from './env-box.ts'
import { boxOfSecrets, claimsOfSecrets, secretsOf, variablesOfSecrets } from './container-secrets.ts'
import { boxOfDirectory, newEphemeralName, withEphemeralBoxes, type BoxTarget } from './ephemeral.ts'
import { findImage, type ImageConfig } from './find-image.ts'
import {
  parseDirectoryInjection,
  parseInjection,
  targetOf,
  type DirectoryInjection,
  type Injection
} from './injection.ts'
import { runInjectOptions } from './inject-options.ts'
import { hintLabel, namesInLabel } from './labels.ts'
import {
  boxMount,
  claimOfBox,
  claimsOf,
  emptyMount,
  refuseSharedTargets,
  silentClaims,
  type Claim
} from './mount-flags.ts'
import { nullIfDenied, refuseWithoutUse } from './may-use.ts'
import { refuseNestedTargets } from './nested-targets.ts'
import { warnOfOtherOptions } from './other-options.ts'
import { runFlags } from './run-flags.ts'
import { wipeSecrets, type ContainerSecrets } from './secrets-form.ts'
import { boxOfSelf, claimOfSelf, takesSelfCopy, withSockets } from './self-copy.ts'
import { versionShown } from './shown-version.ts'
import type { SignalGuard } from './signals.ts'
import { claimsOfVariables, filesOfVariables, variablesArguments } from './variables.ts'

/** What docker does not know. */
const ownFlags = ['inject', 'inject-dir', 'env-box', 'secrets', 'api']

const flagsHelp = `
Options, anywhere among docker's own and before the image:
  --inject BOX[:ALIAS|:/PATH][,OPTION]...
      mount the box at /run/vault/BOX, at /run/vault/ALIAS or at /PATH
  --inject-dir DIR[:ALIAS|:/PATH]
      mount a copy of this directory; it is gone with the container's volumes
  --api
      let the container ask for itself, at a socket in each --inject: its option
      api; without any at /run/secretbox/self/.secretbox/api.sock
  --secrets FILE|-
      give the container the secrets of this JSON; they are gone with it:
      {"secret_mounts": {"/path": {"kind": "text"|"json", "content": …}},
       "secret_environment": {"NAME": "value"}}
  --env-box BOX[:FILE]
      give the container's process the variables of a file of NAME=value lines

Options of an --inject are those of a volume:
${runInjectOptions.join(', ')}.
A name with a comma is quoted as in CSV. Files belong to whom the container runs
as, unless uid and gid say otherwise. Copies are read-only; with rw the
container may write into its own: that is kept nowhere, and lost when it stops.`

/** `run [--inject …]… [docker's arguments]`: `docker run`, with boxes. */
export function run(cli: Cli): Command {
  return define(cli, 'run', 'run', 'Run a container with boxes: docker run, and --inject', [
    '$ run --rm --inject db --inject staging-tls:tls -p 443:443 web',
    '$ run --rm --inject db:/etc/db,path=client,mode=0400 web'
  ])
}

/** `create-container [--inject …]… [docker's arguments]`: `docker create`, with boxes. */
export function createContainer(cli: Cli): Command {
  return define(
    cli,
    'create-container',
    'create',
    'Create a container with boxes: docker create, and --inject',
    ['$ create-container --name web --inject db web']
  )
}

function define(cli: Cli, name: string, verb: 'run' | 'create', text: string, examples: string[]): Command {
  const description = `${text}. The boxes that the image asks for and is not given are empty.`
  const defined = command(cli, name, description, examples)
  return defined
    .summary(text)
    .usage(`[--inject BOX]... [OPTIONS OF DOCKER ${verb.toUpperCase()}] IMAGE [COMMAND] [ARG...]`)
    .helpOption(false)
    .addHelpText('after', `${flagsHelp}\n\nEverything else is as in: docker ${verb} --help`)
    .argument('[args...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[]) => {
      const line = readCommandLine(args, runFlags, { interspersed: false })
      if (lastValue(line, 'help') === 'true') defined.outputHelp()
      else await runWithBoxes(cli, verb, line)
    })
}

async function runWithBoxes(cli: Cli, verb: 'run' | 'create', line: CommandLine): Promise<void> {
  const [image] = line.operands
  if (image === undefined) throw new UsageError('name the image', `see: docker ${verb} --help`)
  const injections = withSockets(
    line,
    valuesOf(line, 'inject').map(value => parseInjection(value, runInjectOptions))
  )
  const hasSelf = takesSelfCopy(line, injections)
  const directories = valuesOf(line, 'inject-dir').map(parseDirectoryInjection)
  const envBoxes = valuesOf(line, 'env-box').map(parseEnvBox)
  refuseBoxesInEnv(line)
  const secrets = await secretsOf(cli, line)
  try {
    await runWithSecrets(cli, { verb, line, image, injections, directories, envBoxes, secrets, hasSelf })
  } finally {
    wipeSecrets(secrets)
  }
}

/** A container that is to be made, and what it is to be given. */
interface Wanted {
  readonly verb: 'run' | 'create'
  readonly line: CommandLine
  readonly image: string
  readonly injections: readonly Injection[]
  readonly directories: readonly DirectoryInjection[]
  readonly envBoxes: readonly EnvBox[]
  readonly secrets: ContainerSecrets
  /** It asks for itself at a copy that shows nothing. */
  readonly hasSelf: boolean
}

async function runWithSecrets(cli: Cli, wanted: Wanted): Promise<void> {
  const { verb, line, image, injections, directories, envBoxes, secrets, hasSelf } = wanted
  const driver = cli.env['SECRETBOX_DRIVER'] || pluginName
  const secretsBox = newEphemeralName()
  const secretVariables = variablesOfSecrets(secrets, secretsBox)
  const claims = [
    ...injections.map(claimOfBox),
    ...directories.map(claimOfDirectory),
    ...claimsOfVariables([...envBoxes, ...secretVariables].map(({ flag }) => flag)),
    ...claimsOf(line, driver),
    ...claimsOfSecrets(secrets),
    ...(hasSelf ? [claimOfSelf] : [])
  ]
  refuseSharedTargets(claims)
  await refuseWithoutUse(
    cli,
    [...injections, ...envBoxes].map(({ box }) => box)
  )
  if ((await withVersions(cli, injections)) === null) return
  await refuseNestedTargets(cli, claims)
  await warnOfOtherOptions(cli, line, driver)
  const environment = await filesOfVariables(cli, line, envBoxes, secretVariables)

  const docker = dockerOf(cli)
  await endingAsDocker(cli, async guard => {
    const pulled = await pullIfNeeded(cli, docker, guard, verb, line, image)
    if (typeof pulled === 'object') return pulled
    const found = await findImage(cli, image)
    await refuseNestedTargets(cli, [...claims, ...silentClaims(found?.volumes ?? [], claims)])
    const empty = unfulfilled(cli, image, found, claims)
    const made = [
      ...directories.map(each => boxOfDirectory(cli, driver, each)),
      ...[boxOfSecrets(cli, driver, secretsBox, secrets)].filter(each => each !== null),
      ...(hasSelf ? [boxOfSelf(driver)] : [])
    ]
    const options = [...injections.map(each => each.options), ...[...made, ...environment].map(() => ({}))]
    const owned = await ownersOfBoxes(cli, { line, image, found }, options)
    const variables = await variablesArguments(cli, { driver, line, found, owned }, environment)
    return withEphemeralBoxes(cli, made, async () => {
      const injected = await withVersions(cli, [...injections, ...made.flatMap(({ targets }) => targets)])
      if (injected === null) return { code: exitCodes.failed, signal: null }
      const mounts = [
        ...injections.map(each => boxMount(driver, each.box, each.target, owned(each.options))),
        ...made.map(each => each.mounts(owned({}))),
        ...empty.map(emptyMount)
      ]
      const labels = flagsOfLabels(await labelsOf(cli, injected, environment))
      // What was looked at is what is to run: docker would pull again, and maybe something else.
      const again = pulled === 'pulled' && lastValue(line, 'pull') === 'always' ? ['pull'] : []
      const ours = [...ownFlags, ...again, ...variables.replaced]
      const kept = again.map(name => `--${name}=never`)
      const rest = [...variables.flags, ...kept, ...wordsWithout(line, ours), image, ...variables.words]
      const missed = guard.missed()
      if (missed !== null) return { code: null, signal: missed }
      return docker.run([verb, ...mounts.flat(), ...labels, ...rest], guard)
    })
  })
}

function claimOfDirectory({ directory, target, flag }: DirectoryInjection): Claim {
  return { target, flag, shows: { kind: 'directory', path: directory }, isDirectory: true }
}

/** The boxes with their newest versions, as far as these are for the user to know. Those that are missing are told; null when any is. */
async function withVersions(cli: Cli, places: readonly BoxTarget[]): Promise<GivenBox[] | null> {
  const found: GivenBox[] = []
  await cli.each(places, async place => {
    found.push({ ...place, version: await versionShown(cli, place).catch(nullIfDenied) })
  })
  return found.length === places.length ? found : null
}

/**
 * Has docker pull the image when docker would: what an image asks for is written in it. Gives the ending of a pull that failed, with
 * which this is over.
 */
async function pullIfNeeded(
  cli: Cli,
  docker: Docker,
  guard: SignalGuard,
  verb: 'run' | 'create',
  line: CommandLine,
  image: string
): Promise<'pulled' | 'not pulled' | Ending> {
  const pull = lastValue(line, 'pull') ?? 'missing'
  const platform = lastValue(line, 'platform')
  const present = pull === 'always' ? null : await findImage(cli, image)
  if (pull === 'never' || isFor(platform, present)) return 'not pulled'
  const quiet = lastValue(line, 'quiet') === 'true'
  const words = [...(platform === null ? [] : ['--platform', platform]), ...(quiet ? ['--quiet'] : []), image]
  const { code, signal } = await docker.run(['pull', ...words], guard, { asProgress: true })
  // The Engine may have it for other machines beside the one that it tells of.
  if (code === 0) return 'pulled'
  if (present !== null) return 'not pulled'
  // What docker itself exits with when it cannot get the image.
  return { code: code === 1 && verb === 'run' ? 125 : code, signal }
}

/** Whether it is there, for the machines that docker is asked for: `linux/arm64/v8`, or a part of that. */
function isFor(platform: string | null, found: ImageConfig | null): boolean {
  if (found === null || platform === null) return found !== null
  const { platform: own } = found
  return platform.includes('/') ? `${platform}/`.startsWith(`${own}/`) : own.split('/').includes(platform)
}

/** The places of the boxes that the image asks for and nobody gave it. They are left empty, and the user is told. */
function unfulfilled(cli: Cli, image: string, found: ImageConfig | null, claims: readonly Claim[]): string[] {
  const hints = namesInLabel(found?.labels ?? {}, hintLabel)
  if (hints === null)
    cli.note(`note: label ${hintLabel} of image ${quote(image)} is not a JSON array of box names`)
  const isTaken = (path: string) => claims.some(({ target }) => `${path}/`.startsWith(`${target}/`))
  const asked = (hints ?? []).filter(name => !isTaken(targetOf(name)))
  for (const name of asked) {
    cli.note(`note: the image asks for box ${quote(name)}, which is not injected: ${targetOf(name)} is empty`)
  }
  return asked.map(targetOf)
}
