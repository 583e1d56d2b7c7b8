import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { pluginName } from '../../base/default-paths.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseFilePath } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { ownerOnHost } from '../inject/box-owner.ts'
import { lastValue, readCommandLine, wordsWithout, type CommandLine } from '../inject/command-line.ts'
import { containerUser, type Owner } from '../inject/container-user.ts'
import { dockerOf, endingAsDocker } from '../inject/docker.ts'
import { findImage } from '../inject/find-image.ts'
import { withImageFiles } from '../inject/image-files.ts'
import { remappedRoot } from '../inject/remapped-root.ts'
import { hasSubpaths } from '../inject/secrets-layout.ts'
import { withPrivateDirectory } from '../input/private-file.ts'
import {
  boxSecretsIn,
  mappingIn,
  placedSecretsIn,
  textIn,
  type Mapping,
  type PlacedSecret
} from './box-secrets.ts'
import { composeFlags } from './compose-flags.ts'
import { findComposer, type Composer } from './composer.ts'
import { readProject, type Project } from './project.ts'
import { withVolumes, type FoundSecret } from './with-volumes.ts'

const flagsHelp = `
In the compose files, which stay as they are:
  secrets:
    db-password:
      external: true        # the only file of box "db-password"
    tls-key:
      x-vault: web:key.pem  # a file of box "web"

Services have them at /run/secrets/NAME, or as the long form of their secrets says (target, uid, gid, mode).`

/** `compose …`: `docker compose`, or docker-compose, with secrets out of boxes. */
export function compose(cli: Cli): Command {
  const text = 'Run docker compose with boxes as secrets'
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
    const model = project === null ? null : await changedModel(cli, composer, project)
    const missed = guard.missed()
    if (missed !== null) return { code: null, signal: missed }
    if (project === null || model === null)
      return client.run([...words, ...wordsWithout(line, []), ...line.operands], guard)
    // In memory, for what variables were replaced by may be a secret of its own.
    return withPrivateDirectory(cli.env, async directory => {
      const file = join(directory, 'compose.json')
      const handle = await open(file, 'wx', 0o600)
      try {
        await handle.writeFile(JSON.stringify(model))
      } finally {
        await handle.close()
      }
      return client.run([...words, '--file', file, ...project.flags, ...line.operands], guard)
    })
  })
}

/** The model with boxes in it; null when it asks for none. */
async function changedModel(
  cli: Cli,
  { version: [major, minor] }: Composer,
  { model }: Project
): Promise<Mapping | null> {
  const placed = placedSecretsIn(model, boxSecretsIn(model))
  if (placed.length === 0) return null
  const found: FoundSecret[] = []
  for (const secret of placed) found.push(await findSecret(cli, model, secret))
  const api = await dockerOf(cli).ask(['version', '--format', '{{.Server.APIVersion}}'])
  const isNew = major > 2 || (major === 2 && minor >= 27)
  return withVolumes(model, found, {
    driver: cli.env['SECRETBOX_DRIVER'] || `${pluginName}:latest`,
    bySubpath: isNew && hasSubpaths(api?.trim() ?? ''),
    async whyNot(service, directory) {
      const image = imageOf(model, service)
      const config = image === null ? null : await findImage(cli, image)
      if (image === null || config === null) return null
      const found = await withImageFiles(cli, image, config, null, files => files.kindAt(directory))
      return found === null ? null : `the image has ${quote(directory)}`
    }
  })
}

function imageOf(model: Mapping, service: string): string | null {
  return textIn(mappingIn(mappingIn(model['services'])[service])['image'])
}

/** Throws `not_found` for a box or a file that is not there, `invalid` when a box alone does not say which file is meant. */
async function findSecret(cli: Cli, model: Mapping, secret: PlacedSecret): Promise<FoundSecret> {
  const { files } = await cli.api.box(secret.box)
  const paths = files.filter(({ type }) => type !== 'directory').map(({ path }) => path)
  const path = secret.path ?? (paths.length === 1 ? paths[0] : undefined)
  if (path === undefined || !paths.includes(path)) {
    const reason =
      secret.path === null
        ? `box ${quote(secret.box)} has ${paths.length} files`
        : `box ${quote(secret.box)} has no file ${quote(secret.path)}`
    throw new SecretboxError('not_found', `cannot find secret ${quote(secret.secret)}: ${reason}`, {
      hint: `say which it is: x-vault: ${secret.box}:FILE`
    })
  }
  const owner = await ownerOf(cli, model, secret)
  return { ...secret, path: parseFilePath(path), ...owner }
}

/** To whom a secret belongs, as the host sees it. */
async function ownerOf(
  cli: Cli,
  model: Mapping,
  { service, uid, gid }: PlacedSecret
): Promise<{ uid: string; gid: string }> {
  const fields = mappingIn(mappingIn(model['services'])[service])
  const image = textIn(fields['image']) ?? ''
  const isAsked = uid === null || gid === null
  const found = isAsked && image !== '' ? await findImage(cli, image) : null
  const user: Owner = isAsked
    ? await containerUser(cli, { image, found, platform: null, given: textIn(fields['user']) })
    : { uid: 0, gid: 0 }
  const root = fields['userns_mode'] === 'host' ? null : await remappedRoot(cli)
  return { uid: ownerOnHost(uid ?? user.uid, root?.uid), gid: ownerOnHost(gid ?? user.gid, root?.gid) }
}
