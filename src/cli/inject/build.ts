import { rm } from 'node:fs/promises'
import type { Command } from 'commander'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { UsageError } from '../output/failure.ts'
import { withPrivateDirectory } from '../input/private-file.ts'
import { makeProcessDirectory } from '../input/process-directory.ts'
import { isTrustedDirectory } from '../input/trusted-path.ts'
import { noBoxes, readyBoxes, type BuildBoxes } from './build-boxes.ts'
import { buildFlags } from './build-flags.ts'
import { labelFlags } from './build-labels.ts'
import { openSource, type BuildSource } from './build-source.ts'
import { findBuilder, type Builder } from './builder.ts'
import { lastValue, readCommandLine, valuesOf, wordsWithout, type CommandLine } from './command-line.ts'
import { dockerOf, endingAsDocker, type Conditions } from './docker.ts'
import { buildInjectOptions } from './inject-options.ts'
import { parseInjection, type Injection } from './injection.ts'
import { refuseSharedTargets } from './mount-flags.ts'

const text = 'Build an image with boxes: docker build, --inject, and BOX instructions'
const flagsHelp = `
Options, anywhere among docker's own:
  --inject BOX[:ALIAS|:/PATH][,OPTION]...
      give each RUN the files of the box at /run/vault/BOX, at /run/vault/ALIAS or at /PATH; options are those of a
      volume: ${buildInjectOptions.join(', ')}

BOX name and BOX ["name", "other name"] in a Dockerfile say which boxes the image expects when it runs.
Everything else is as in: docker build --help`

/** `build [--inject …]… [docker's arguments]`: `docker build`, with boxes. */
export function build(cli: Cli): Command {
  const description = `${text}. Nothing of a box gets into the image, its history or the build cache.`
  const defined = command(cli, 'build', description, ['$ build --inject npm -t web .'])
  return defined
    .summary(text)
    .usage('[--inject BOX]... [OPTIONS OF DOCKER BUILD] PATH | URL | -')
    .helpOption(false)
    .addHelpText('after', flagsHelp)
    .argument('[args...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[]) => {
      const line = readCommandLine(args, buildFlags, { interspersed: true })
      if (lastValue(line, 'help') === 'true') defined.outputHelp()
      else await buildWithBoxes(cli, line)
    })
}

/** Without boxes it is for docker to say who builds. */
const plainBuilder: Builder = { words: ['build'], env: {} }

async function buildWithBoxes(cli: Cli, line: CommandLine): Promise<void> {
  const [context] = line.operands
  if (context === undefined || line.operands.length > 1) {
    throw new UsageError('name one build context: a directory, a URL or "-"', 'see: docker build --help')
  }
  const injections = valuesOf(line, 'inject').map(value => parseInjection(value, buildInjectOptions))
  refuseSharedTargets(injections)
  const docker = dockerOf(cli)
  const { words, env } = injections.length > 0 ? await findBuilder(docker) : plainBuilder

  await endingAsDocker(cli, guard =>
    withSourceDirectory(cli.env, directory =>
      withBoxes(cli, injections, async boxes => {
        const file = lastValue(line, 'file')
        const means = { stdin: cli.stdin, directory, interrupted: guard.interrupted }
        const source = await openSource(means, file, context)
        const { labels, args, input } =
          source === null
            ? asGiven(file, context, injections)
            : await changed(cli, line, source, boxes, injections)
        const rest = [...labels, ...wordsWithout(line, ['inject', 'file']), ...args]
        const missed = guard.missed()
        if (missed !== null) return { code: null, signal: missed }
        return docker.run([...words, ...boxes.dockerFlags, ...rest], guard, { env, ...input })
      })
    )
  )
}

/** docker's arguments about labels, Dockerfile and context, and its input. */
interface Prepared {
  readonly labels: readonly string[]
  readonly args: readonly string[]
  readonly input: Pick<Conditions, 'input'>
}

function asGiven(file: string | null, context: string, injections: readonly Injection[]): Prepared {
  if (injections.length > 0) throw onlyTheBuilderCanRead(context)
  return { labels: [], args: [...(file === null ? [] : ['-f', file]), context], input: {} }
}

async function changed(
  cli: Cli,
  line: CommandLine,
  source: BuildSource,
  { runFlags }: BuildBoxes,
  injections: readonly Injection[]
): Promise<Prepared> {
  // Reading Dockerfiles takes a library that no other command has to wait for.
  const { rewriteDockerfile } = await import('./dockerfile.ts')
  const target = lastValue(line, 'target')
  const rewritten = rewriteDockerfile(source.text, { name: source.name, runFlags, target })
  const labels = await labelFlags(cli, rewritten, injections)
  const { args, input } = await source.deliver(rewritten.text)
  return { labels, args, input: input === null ? {} : { input } }
}

function onlyTheBuilderCanRead(context: string): SecretboxError {
  return new SecretboxError(
    'invalid',
    `cannot give boxes to a build of ${quote(context)}: its Dockerfile cannot be read here`,
    { hint: 'clone it and build the directory, or give the Dockerfile on standard input: -f -' }
  )
}

function withBoxes<T>(
  cli: Cli,
  injections: readonly Injection[],
  use: (boxes: BuildBoxes) => Promise<T>
): Promise<T> {
  if (injections.length === 0) return use(noBoxes)
  return withPrivateDirectory(cli.env, async directory => use(await readyBoxes(cli, injections, directory)))
}

/** For what is no secret, but what others must not change either: contexts can be too large for memory. */
async function withSourceDirectory<T>(
  env: NodeJS.ProcessEnv,
  use: (directory: string) => Promise<T>
): Promise<T> {
  const remove = (path: string) => rm(path, { recursive: true, force: true })
  const directory = await makeProcessDirectory(temporaryDirectory(env), 'secretbox-build', remove)
  try {
    return await use(directory)
  } finally {
    await remove(directory)
  }
}

/** `TMPDIR` may still be another user's, as after su(1). */
function temporaryDirectory(env: NodeJS.ProcessEnv): string {
  const found = [env['TMPDIR'] ?? '', '/tmp', '/var/tmp'].find(
    path => path !== '' && isTrustedDirectory(path)
  )
  if (found !== undefined) return found
  throw new SecretboxError(
    'unavailable',
    'cannot keep the build context: there is no temporary directory of your own',
    {
      hint: 'set TMPDIR to a directory that belongs to you and to which nobody else can write'
    }
  )
}
