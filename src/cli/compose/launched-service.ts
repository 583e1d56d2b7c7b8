import { basename } from 'node:path/posix'
import { quote } from '../../base/errors.ts'
import { leaveOneOut } from '../../base/messages.ts'
import type { ImageConfig } from '../inject/find-image.ts'
import { launchedWith, launcherTarget } from '../inject/launched.ts'
import type { NamedVariables } from '../inject/given-variables.ts'
import { forUserAlone, variablesTarget, type VariablesFile } from '../inject/variables.ts'
import { UsageError } from '../output/failure.ts'
import { dollars, listIn, mappingIn, meantText, type Mapping } from './model.ts'
import { shellWords } from './shell-words.ts'
import type { BoxMount, ServiceChange } from './with-volumes.ts'

/** A service that is to have variables, and what its image says. */
interface Launching {
  readonly name: string
  readonly fields: Mapping
  readonly image: ImageConfig
  /** Where the launcher is on the host. */
  readonly launcher: string
  /** As whom it runs, as the host sees it. */
  readonly owner: { readonly uid: string; readonly gid: string }
}

/**
 * What becomes of a service so that its process and its health check have the variables of these files. Throws `UsageError` when it
 * has no program, or what it is to run is no list of words.
 */
export function launchedService(
  { name, fields, image, launcher, owner }: Launching,
  files: readonly VariablesFile[]
): ServiceChange {
  const boxes = files.map(({ box, path }, index): BoxMount => ({
    target: variablesTarget(index),
    options: { box, path, ...owner, ...forUserAlone }
  }))
  const paths = files.map(({ path }, index) => `${variablesTarget(index)}/${basename(path)}`)
  const words = (key: string): readonly string[] | null =>
    wordsIn(fields[key], `${key} of service ${quote(name)}`)
  const healthcheck = mappingIn(fields['healthcheck'])
  const { entrypoint, command, health } = launchedWith(paths, image, {
    entrypoint: words('entrypoint'),
    words: words('command') ?? [],
    health: healthcheck['disable'] === true ? ['NONE'] : checkIn(healthcheck['test'])
  })
  const test = health === null ? {} : { healthcheck: { ...healthcheck, test: health.map(dollars) } }
  return {
    boxes,
    mounts: [{ type: 'bind', source: dollars(launcher), target: launcherTarget, read_only: true }],
    fields: { entrypoint: entrypoint.map(dollars), command: command.map(dollars), ...test }
  }
}

/** A command, as compose takes it: null where none is given. */
function wordsIn(value: unknown, what: string): readonly string[] | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.map(word => meantText(String(word)))
  const words = typeof value === 'string' ? shellWords(meantText(value)) : null
  if (words === null)
    throw new UsageError(`bad ${what}: a quote in it does not end`, 'write it as a list of words')
  return words
}

/** A check, as images have it; null where none is given. */
function checkIn(test: unknown): readonly string[] | null {
  if (typeof test === 'string') return ['CMD-SHELL', meantText(test)]
  return Array.isArray(test) ? test.map(word => meantText(String(word))) : null
}

/**
 * Throws `UsageError` for a variable of a box that the service has as well, in its `environment` or as `compose run` is `given` it: there is no
 * telling which is meant.
 */
export function refuseInEnvironment(
  name: string,
  { environment, given }: { readonly environment: unknown; readonly given: readonly string[] },
  ofBoxes: readonly NamedVariables[]
): void {
  const own = Array.isArray(environment)
    ? listIn(environment).map(each => String(each).split('=', 1)[0] ?? '')
    : Object.keys(mappingIn(environment))
  for (const { place, variables } of ofBoxes)
    for (const variable of variables) {
      const other = own.includes(variable)
        ? `in the environment of service ${quote(name)}`
        : given.includes(variable)
          ? 'is given by --env'
          : null
      if (other !== null)
        throw new UsageError(
          `variable ${quote(variable)} is in ${quote(place)}, and ${other}, too`,
          leaveOneOut
        )
    }
}
