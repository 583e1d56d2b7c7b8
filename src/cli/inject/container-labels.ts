import { isSecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import type { InjectOptions } from './inject-options.ts'
import { digestLabel, injectedLabel } from './labels.ts'
import type { VariablesFile } from './variables.ts'

/** A box that a container is given as files; `version` undefined for one that is missing and may be. */
export interface GivenBox {
  readonly box: BoxName
  readonly version: number | undefined
  readonly target: string
  readonly options: InjectOptions
}

/**
 * The flags that label a container with what it is given: boxes with their versions, and the digest of everything, which only
 * who may read it all is told.
 */
export async function labelsOf(
  cli: Cli,
  boxes: readonly GivenBox[],
  environment: readonly VariablesFile[]
): Promise<string[]> {
  if (boxes.length === 0 && environment.length === 0) return []
  const asked = {
    files: boxes
      .filter(({ version }) => version !== undefined)
      .map(({ box, version, target, options }) => ({ box, version, path: options['path'] ?? '', target })),
    environment: environment.map(({ box, path }) => ({ box, path }))
  }
  const injected = await cli.api.injected(asked).catch((error: unknown) => {
    if (isSecretboxError(error, 'denied')) return null
    throw error
  })
  const shown = boxes.map(({ box, version, target }) => ({ box, version, target }))
  const given = shown.length === 0 ? [] : ['--label', `${injectedLabel}=${JSON.stringify(shown)}`]
  return [...given, ...(injected === null ? [] : ['--label', `${digestLabel}=${injected.digest}`])]
}
