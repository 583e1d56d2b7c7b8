import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import type { InjectOptions } from './inject-options.ts'
import { nullIfDenied } from './may-use.ts'
import { digestLabel, injectedLabel } from './labels.ts'
import type { VariablesFile } from './variables.ts'

/** A box that a container is given as files. */
export interface GivenBox {
  readonly box: BoxName
  /** Undefined for a box that is missing and may be; null for the newest, which is not said. */
  readonly version: number | null | undefined
  readonly target: string
  readonly options: InjectOptions
}

/**
 * The labels of a container that say what it is given: boxes with their versions, and the digest of everything, which only who may
 * read it all is told.
 */
export async function labelsOf(
  cli: Pick<Cli, 'api'>,
  boxes: readonly GivenBox[],
  environment: readonly VariablesFile[]
): Promise<Readonly<Record<string, string>>> {
  if (boxes.length === 0 && environment.length === 0) return {}
  const files = boxes.flatMap(({ box, version, target, options }) =>
    version === undefined ? [] : [{ box, version, path: options['path'] ?? '', target }]
  )
  const asked = { files, environment: environment.map(({ box, path }) => ({ box, path })) }
  const injected = await cli.api.injected(asked).catch(nullIfDenied)
  const shown = boxes.map(({ box, version, target }) => ({ box, version: version ?? undefined, target }))
  return {
    ...(shown.length === 0 ? {} : { [injectedLabel]: JSON.stringify(shown) }),
    ...(injected === null ? {} : { [digestLabel]: injected.digest })
  }
}

/** The flags that label a container. */
export function flagsOfLabels(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`])
}
