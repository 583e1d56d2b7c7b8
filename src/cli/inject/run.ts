import type { Command } from 'commander'
import { pluginName } from '../../base/default-paths.ts'
import { quote } from '../../base/errors.ts'
import { parseFilePath, type BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { exitCodes, UsageError } from '../output/failure.ts'
import { lastValue, readCommandLine, valuesOf, wordsWithout, type CommandLine } from './command-line.ts'
import { dockerOf, endingAsDocker, type Docker, type Ending } from './docker.ts'
import { ephemeralOption, withEphemeralBoxes, type BoxTarget } from './ephemeral.ts'
import { findImage, type ImageConfig } from './find-image.ts'
import {
  parseDirectoryInjection,
  parseInjection,
  targetOf,
  type DirectoryInjection,
  type Injection
} from './injection.ts'
import { hintLabel, injectedLabel, namesInLabel } from './labels.ts'
import {
  boxMount,
  claimsOf,
  emptyMount,
  refuseSharedTargets,
  silentClaims,
  type Claim
} from './mount-flags.ts'
import { refuseNestedTargets } from './nested-targets.ts'
import { warnOfOtherOptions } from './other-options.ts'
import { remappedRoot } from './remapped-root.ts'
import { runFlags } from './run-flags.ts'
import type { SignalGuard } from './signals.ts'

const flagsHelp = `
Options, anywhere among docker's own and before the image:
  --inject BOX[:ALIAS|:/PATH]      mount the box at /run/vault/BOX, at /run/vault/ALIAS or at /PATH
  --inject-dir DIR[:ALIAS|:/PATH]  mount a copy of this directory; it is gone with the container's volumes

Copies are read-only. One that can be written takes a volume with the option rw=true (docker volume create -d secretbox
-o box=BOX -o rw=true NAME); what is written into it is kept nowhere, and lost when the container stops.`

/** `run [--inject …]… [docker's arguments]`: `docker run`, with boxes. */
export function run(cli: Cli): Command {
  return define(cli, 'run', 'run', 'Run a container with boxes: docker run, and --inject', [
    '$ run --rm --inject db --inject staging-tls:tls -p 443:443 web'
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
  const injections = valuesOf(line, 'inject').map(parseInjection)
  const directories = valuesOf(line, 'inject-dir').map(parseDirectoryInjection)
  const driver = cli.env['SECRETBOX_DRIVER'] || pluginName
  const claims = [
    ...injections.map(claimOfBox),
    ...directories.map(claimOfDirectory),
    ...claimsOf(line, driver)
  ]
  refuseSharedTargets(claims)
  if ((await withVersions(cli, injections)) === null) return
  await refuseNestedTargets(cli, claims)
  await warnOfOtherOptions(cli, line, driver)

  const docker = dockerOf(cli)
  await endingAsDocker(cli, async guard => {
    const failed = await pullIfNeeded(cli, docker, guard, verb, line, image)
    if (failed !== null) return failed
    const found = await findImage(cli, image)
    await refuseNestedTargets(cli, [...claims, ...silentClaims(found?.volumes ?? [], claims)])
    const empty = unfulfilled(cli, image, found, claims)
    const owner = await ownerOfBoxes(cli, line)
    return withEphemeralBoxes(cli, directories, async ephemeral => {
      const injected = await withVersions(cli, [...injections, ...ephemeral])
      if (injected === null) return { code: exitCodes.failed, signal: null }
      const mounts = [
        ...injections.map(({ box, target }) => boxMount(driver, box, target, owner)),
        ...ephemeral.map(({ box, target }) =>
          boxMount(driver, box, target, { ...owner, ...ephemeralOption })
        ),
        ...empty.map(emptyMount)
      ]
      const label = injected.length === 0 ? [] : ['--label', `${injectedLabel}=${JSON.stringify(injected)}`]
      const rest = [...wordsWithout(line, ['inject', 'inject-dir']), ...line.operands]
      const missed = guard.missed()
      if (missed !== null) return { code: null, signal: missed }
      return docker.run([verb, ...mounts.flat(), ...label, ...rest], guard)
    })
  })
}

function claimOfBox({ box, target, flag }: Injection): Claim {
  return {
    target,
    flag,
    shows: { kind: 'box', box, version: null, path: parseFilePath('') },
    isDirectory: true
  }
}

function claimOfDirectory({ directory, target, flag }: DirectoryInjection): Claim {
  return { target, flag, shows: { kind: 'directory', path: directory }, isDirectory: true }
}

/** Whom the files of boxes belong to: root of the container, whoever that is to the host. */
async function ownerOfBoxes(cli: Cli, line: CommandLine): Promise<Readonly<Record<string, string>>> {
  const isNeeded = line.flags.some(({ name }) => name === 'inject' || name === 'inject-dir')
  if (!isNeeded || lastValue(line, 'userns') === 'host') return {}
  return { ...(await remappedRoot(cli)) }
}

/** What the label on the container says of a box. */
interface Injected {
  readonly box: BoxName
  readonly version: number | undefined
  readonly target: string
}

/** The boxes with their newest versions. Those that are missing are told; null when any is. */
async function withVersions(cli: Cli, places: readonly BoxTarget[]): Promise<Injected[] | null> {
  const found: Injected[] = []
  await cli.each(places, async ({ box, target }) => {
    found.push({ box, version: (await cli.api.versions(box)).at(-1)?.version, target })
  })
  return found.length === places.length ? found : null
}

/** Has docker pull the image when docker would: what an image asks for is written in it. Gives the ending of a pull that failed. */
async function pullIfNeeded(
  cli: Cli,
  docker: Docker,
  guard: SignalGuard,
  verb: 'run' | 'create',
  line: CommandLine,
  image: string
): Promise<Ending | null> {
  const pull = lastValue(line, 'pull') ?? 'missing'
  if (pull === 'never' || (pull !== 'always' && (await findImage(cli, image)) !== null)) return null
  const platform = lastValue(line, 'platform')
  const quiet = lastValue(line, 'quiet') === 'true'
  const words = [...(platform === null ? [] : ['--platform', platform]), ...(quiet ? ['--quiet'] : []), image]
  const { code, signal } = await docker.run(['pull', ...words], guard, { asProgress: true })
  if (code === 0) return null
  // What docker itself exits with when it cannot get the image.
  return { code: code === 1 && verb === 'run' ? 125 : code, signal }
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
