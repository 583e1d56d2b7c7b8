import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { pluginName } from '../../base/default-paths.ts'
import { SecretboxError } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import {
  lastValue,
  readCommandLine,
  valuesOf,
  wordsWithout,
  type CommandLine
} from '../inject/command-line.ts'
import { endingAsDocker, type Ending } from '../inject/docker.ts'
import { volumesOfProject } from '../inject/project-volumes.ts'
import type { SignalGuard } from '../inject/signals.ts'
import { withPrivateDirectory } from '../input/private-file.ts'
import { boxSecretsIn, placedSecretsIn, refuseBuildOfBoxes } from './box-secrets.ts'
import { boxVariablesIn } from './box-variables.ts'
import { composeFlags } from './compose-flags.ts'
import { findComposer, type Composer } from './composer.ts'
import { imageOf, imagesToGet, type Step } from './images.ts'
import { beforeCommand, ranService, refuseOtherEntrypoint, type RanService } from './run-words.ts'
import { meantServices } from './meant-services.ts'
import type { Mapping } from './model.ts'
import { readProject, type Project } from './project.ts'
import { refuseUnknownKeys } from './vault-keys.ts'
import { changesFor, type Wanted } from './with-boxes.ts'
import { volumeNameForm, withVolumes } from './with-volumes.ts'

const flagsHelp = `
In the compose files, which stay as they are:
  secrets:
    db-password:
      external: true        # the only file of box "db-password"
    tls-key:
      x-vault: web:key.pem  # a file of box "web"
  services:
    web:
      secrets: [db-password, tls-key]
      x-vault-env: app      # the variables of the only file of box "app"

Services have secrets at /run/secrets/NAME, or as the long form says (target,
uid, gid, mode). x-vault-env is BOX, BOX:FILE, or a list of these: variables
that only the service's process has, and its health check.`

/** Commands that make containers, or show what these would be made of: they need the boxes. The others do without. */
const makers = ['up', 'create', 'run', 'scale', 'watch']
const showers = ['config', 'convert']

/** `compose …`: `docker compose`, or docker-compose, with secrets and variables out of boxes. */
export function compose(cli: Cli): Command {
  const text = 'Run docker compose with boxes as secrets and variables'
  const defined = command(cli, 'compose', `${text}. Nothing of a box gets into what compose is given.`, [
    '$ compose up --detach'
  ])
  return defined
    .summary(text)
    .usage('[OPTIONS OF DOCKER COMPOSE] COMMAND')
    .helpOption(false)
    .addHelpText('after', `${flagsHelp}\n\nEverything else is as in: docker compose --help`)
    .argument('[args...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[]) => {
      const line = readCommandLine(args, composeFlags, { interspersed: false })
      if (lastValue(line, 'help') === 'true') defined.outputHelp()
      else await composeWithBoxes(cli, line)
    })
}

async function composeWithBoxes(cli: Cli, line: CommandLine): Promise<void> {
  const composer = await findComposer(cli)
  if (composer === null)
    throw new SecretboxError('unavailable', 'there is no docker compose', {
      hint: "install docker's compose plugin, or docker-compose"
    })
  const { client, words } = composer
  await endingAsDocker(cli, async guard => {
    const project = line.operands.length === 0 ? null : await readProject(composer, line, cli.env)
    if (project !== null) refuseUnknownKeys(project.model)
    const boxes = project === null ? null : boxesIn(project.model)
    const [verb = ''] = line.operands
    if (project !== null && [...makers, ...showers, 'build'].includes(verb)) refuseBuildOfBoxes(project.model)
    if (project !== null && boxes !== null)
      return runWithBoxes(cli, composer, { line, project, boxes }, guard)
    const missed = guard.missed()
    if (missed !== null) return { code: null, signal: missed }
    return client.run([...words, ...wordsWithout(line, []), ...line.operands], guard)
  })
}

/** What a project has out of boxes. */
type Boxes = Pick<Wanted, 'secrets' | 'variables' | 'names'>

/** Null when it has nothing. */
function boxesIn(model: Mapping): Boxes | null {
  const all = boxSecretsIn(model)
  const [secrets, variables] = [placedSecretsIn(model, all), boxVariablesIn(model)]
  if (secrets.length + variables.size === 0) return null
  return { secrets, variables, names: new Set(all.keys()) }
}

interface Asked {
  readonly line: CommandLine
  readonly project: Project
  readonly boxes: Boxes
}

async function runWithBoxes(
  cli: Cli,
  composer: Composer,
  { line, project, boxes }: Asked,
  guard: SignalGuard
): Promise<Ending> {
  const { model } = project
  const [verb = '', ...rest] = line.operands
  const driver = cli.env['SECRETBOX_DRIVER'] || `${pluginName}:latest`
  const isOld = composer.version[0] < 2
  // In memory, for what variables were replaced by may be a secret of its own.
  return withPrivateDirectory(cli.env, async directory => {
    const runOver = async (name: string, over: Mapping, words: readonly string[], asProgress = false) => {
      const file = join(directory, name)
      await writeNew(file, JSON.stringify(over))
      const missed = guard.missed()
      if (missed !== null) return { code: null, signal: missed }
      const all = [...composer.words, '--file', file, ...project.flags, ...words]
      return composer.client.run(all, guard, { asProgress })
    }
    const without = (others: readonly string[]): Mapping =>
      withVolumes(model, boxes.names, new Map(), { driver, isOld, others })
    const isMaker = makers.includes(verb)
    if (!isMaker && !showers.includes(verb))
      return runOver(
        'compose.json',
        without(verb === 'down' ? await ownVolumes(cli, project.name) : []),
        line.operands
      )
    const own = verb === 'run' ? beforeCommand(model, rest) : rest
    const meant = meantServices(model, own, profilesOf(cli, line))
    const wanted = wantedOf(composer, project, boxes, {
      meant,
      ran: verb === 'run' ? ranService(own) : null
    })
    if (verb === 'run') refuseOtherEntrypoint(own, wanted)
    const steps: readonly Step[] = isMaker ? await imagesToGet(cli, wanted, own) : []
    for (const { words } of steps) {
      const ending = await runOver(`${words[0] ?? ''}.json`, without([]), words, true)
      if (ending.code !== 0) return ending
    }
    const changed = withVolumes(model, boxes.names, await changesFor(cli, wanted), { driver, isOld })
    return runOver('compose.json', changed, line.operands)
  })
}

/** What of it the services that are meant have. */
function wantedOf(
  { version: [major] }: Composer,
  { model, name }: Project,
  { secrets, variables, names }: Boxes,
  { meant, ran }: { readonly meant: ReadonlySet<string>; readonly ran: RanService | null }
): Wanted {
  return {
    model,
    secrets: secrets.filter(({ service }) => meant.has(service)),
    variables: new Map([...variables].filter(([service]) => meant.has(service))),
    names,
    ran,
    imageOf: service => imageOf(model, service, `${name}${major < 2 ? '_' : '-'}${service}`)
  }
}

/** The volumes of boxes that the project has: so `down --volumes` takes them away, whatever became of the boxes. */
async function ownVolumes(cli: Cli, project: string): Promise<string[]> {
  return (await volumesOfProject(cli, project)).filter(name => volumeNameForm.test(name))
}

function profilesOf({ env }: Cli, line: CommandLine): string[] {
  const given = valuesOf(line, 'profile')
  return [...given, ...(env['COMPOSE_PROFILES'] ?? '').split(',')].filter(Boolean)
}

async function writeNew(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(text)
  } finally {
    await handle.close()
  }
}
