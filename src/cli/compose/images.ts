import type { Cli } from '../declare/cli.ts'
import { findImage } from '../inject/find-image.ts'
import { serviceIn, textIn, type Mapping } from './model.ts'
import { valueAfter } from './run-words.ts'
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
