import type { Command } from 'commander'
import { dirname } from 'node:path/posix'
import * as z from 'zod/mini'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseBoxName, type BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { askEngine, findEngineSocket } from '../client/engine.ts'
import { UsageError } from '../output/failure.ts'
import { flagTable, lastValue, readCommandLine, valuesOf, type CommandLine } from './command-line.ts'
import { dockerOf, endingAsDocker } from './docker.ts'
import { refuseBoxesInEnv } from './env-box.ts'
import { refuseGivenTwice } from './given-variables.ts'
import { launcherTarget } from './launched.ts'
import { isRoot, nullIfDenied, refuseWithoutUse } from './may-use.ts'

/** The flags of `docker exec`, of every docker from 20.10 to 29. */
export const execFlags = flagTable({
  values: ['detach-keys', 'env e', 'env-file', 'user u', 'workdir w'],
  switches: ['detach d', 'help', 'interactive i', 'privileged', 'tty t']
})

/** What the Engine says of a container (`GET /containers/{name}/json`), as far as it is read here. */
const Container = z.object({
  Path: z.string(),
  Args: z.nullish(z.array(z.string())),
  Mounts: z.nullish(
    z.array(z.object({ Type: z.string(), Name: z.optional(z.string()), Destination: z.string() }))
  )
})
type Container = z.output<typeof Container>

/** `exec CONTAINER COMMAND…`: `docker exec`, with the variables of `--env-box`. */
export function exec(cli: Cli): Command {
  const text = 'Run a command in a running container: docker exec, with the variables of --env-box'
  const defined = command(cli, 'exec', `${text}. In a container that was given none it is docker exec.`, [
    '$ exec -it web sh'
  ])
  return defined
    .summary('Run a command in a running container, with the variables of --env-box')
    .usage('[OPTIONS OF DOCKER EXEC] CONTAINER COMMAND [ARG...]')
    .helpOption(false)
    .addHelpText('after', '\nEverything else is as in: docker exec --help')
    .argument('[args...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[]) => {
      const line = readCommandLine(args, execFlags, { interspersed: false })
      if (lastValue(line, 'help') === 'true') defined.outputHelp()
      else await execWithVariables(cli, line)
    })
}

async function execWithVariables(cli: Cli, line: CommandLine): Promise<void> {
  const [name, ...words] = line.operands
  if (name === undefined || words.length === 0)
    throw new UsageError('name the container and a command', 'see: docker exec --help')
  refuseBoxesInEnv(line)
  const socket = await findEngineSocket(cli.env, cli.docker)
  // What nobody knows docker itself shall tell of.
  const container = await askEngine(socket, `/containers/${encodeURIComponent(name)}/json`, Container)
  const files = container === null ? [] : filesOf(container)
  if (container !== null && files.length > 0) {
    const shown = await shownIn(cli, container, files)
    await refuseWithoutUse(
      cli,
      shown.map(({ box }) => box)
    )
    await refuseGiven(cli, line, shown)
  }
  const launched = files.length === 0 ? words : [launcherTarget, ...files, '--', ...words]
  const flags = line.flags.flatMap(flag => flag.words)
  await endingAsDocker(cli, guard => dockerOf(cli).run(['exec', ...flags, name, ...launched], guard))
}

/** The files of variables that the container's own program was given. */
function filesOf({ Path, Args }: Container): string[] {
  const args = Args ?? []
  return Path === launcherTarget ? args.slice(0, Math.max(0, args.indexOf('--'))) : []
}

/** What of boxes these files are. Throws `denied` when that is not for the user to know: then nothing of it is for them to use. */
async function shownIn(
  cli: Cli,
  { Mounts }: Container,
  files: readonly string[]
): Promise<{ box: BoxName; path: string; version: number | null }[]> {
  const volumes = new Map((await cli.api.volumes()).map(({ name, options }) => [name, options]))
  return files.flatMap(file => {
    const mount = Mounts?.find(({ Destination }) => Destination === dirname(file))
    const shown = volumes.get(mount?.Name ?? '')
    if (shown === undefined && isRoot()) return []
    if (shown === undefined)
      throw new SecretboxError('denied', `cannot tell of which box the container has ${quote(file)}`, {
        hint: 'docker exec runs a command without its variables'
      })
    return { box: parseBoxName(shown.box), path: shown.path, version: shown.version }
  })
}

/** Refuses a variable that is given here and is in a file as well: there would be no telling which is meant. */
async function refuseGiven(
  cli: Cli,
  line: CommandLine,
  environment: Awaited<ReturnType<typeof shownIn>>
): Promise<void> {
  if ([...valuesOf(line, 'env'), ...valuesOf(line, 'env-file')].length === 0) return
  const injected = await cli.api.injected({ files: [], environment }).catch(nullIfDenied)
  const named = (injected?.environment ?? []).map(({ box, path, variables }) => ({
    place: `${box}:${path}`,
    variables
  }))
  refuseGivenTwice(line, named)
}
