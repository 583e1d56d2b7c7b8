import { quote } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { findImage } from '../inject/find-image.ts'
import { UsageError } from '../output/failure.ts'
import { serviceIn, textIn, type Mapping } from './model.ts'
import type { Wanted } from './with-boxes.ts'

/** A command of compose that is to be run before. */
export interface Step {
  readonly words: readonly string[]
}

/** The image of a service; `built` is what compose calls one that it builds and nobody gave a name. */
export function imageOf(model: Mapping, service: string, built: string): string {
  return textIn(serviceIn(model, service)['image']) ?? built
}

/**
 * What has to be pulled or built before what a service runs, and as whom, can be told from its image: what is not there, and
 * what compose is asked to get anew. `words` follow compose's command.
 */
export async function imagesToGet(
  cli: Cli,
  { model, secrets, variables, imageOf }: Wanted,
  words: readonly string[]
): Promise<Step[]> {
  const services = new Set([...secrets.map(({ service }) => service), ...variables.keys()])
  const pull: string[] = []
  const build: string[] = []
  for (const service of services) {
    const fields = serviceIn(model, service)
    const isBuilt = fields['build'] !== undefined && fields['build'] !== null
    const policy = valueAfter(words, '--pull') ?? textIn(fields['pull_policy']) ?? 'missing'
    const isAnew = isBuilt ? words.includes('--build') || policy === 'build' : policy === 'always'
    if (policy === 'never' || (isBuilt && words.includes('--no-build'))) continue
    if (!isAnew && (await findImage(cli, imageOf(service))) !== null) continue
    ;(isBuilt ? build : pull).push(service)
  }
  return [
    ...(pull.length === 0 ? [] : [{ words: ['pull', ...pull] }]),
    ...(build.length === 0 ? [] : [{ words: ['build', ...build] }])
  ]
}

/** Throws `UsageError` for a `run --entrypoint`, by which compose leaves out what gives a service its variables. */
export function refuseOtherEntrypoint([verb, ...words]: readonly string[], { variables }: Wanted): void {
  if (verb !== 'run' || valueAfter(words, '--entrypoint') === null) return
  const service = words.find(word => variables.has(word))
  if (service === undefined) return
  throw new UsageError(
    `service ${quote(service)} would be without its variables: --entrypoint takes the place of what gives them`,
    `set the entrypoint in a compose file, or use: docker vault run --env-box`
  )
}

function valueAfter(words: readonly string[], flag: string): string | null {
  const attached = words.find(word => word.startsWith(`${flag}=`))
  if (attached !== undefined) return attached.slice(flag.length + 1)
  const at = words.indexOf(flag)
  return at === -1 ? null : (words[at + 1] ?? '')
}
