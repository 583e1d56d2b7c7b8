import { readFileSync, statSync } from 'node:fs'
import { quote, reasonOf } from '../../base/errors.ts'
import { leaveOneOut } from '../../base/messages.ts'
import { argumentsAreSeen, refuseContents } from '../input/refuse-contents.ts'
import { UsageError } from '../output/failure.ts'
import { valuesOf, type CommandLine } from './command-line.ts'

/** Where variables come from that docker is not told of, in words, and their names. */
export interface NamedVariables {
  readonly place: string
  readonly variables: readonly string[]
}

/**
 * Throws `UsageError` for a variable that two of these places give, or that `--env` or an `--env-file` gives, too; and for an
 * `--env-file` that only docker can read, since that reads it to its end.
 */
export function refuseGivenTwice(line: CommandLine, given: readonly NamedVariables[]): void {
  const places = placesOfVariables(given)
  const refuse = (name: string, by: string): void => {
    refuseIn(places, name, by)
  }
  if (places.size === 0) return
  for (const value of valuesOf(line, 'env')) refuse(value.split('=', 1)[0] ?? '', '--env')
  for (const file of valuesOf(line, 'env-file'))
    for (const name of namesInFile(file, '--env-file')) refuse(name, `--env-file ${quote(file)}`)
}

/** Which of these places gives each variable. Throws `UsageError` for one that two of them give. */
export function placesOfVariables(given: readonly NamedVariables[]): ReadonlyMap<string, string> {
  const places = new Map<string, string>()
  for (const { place, variables } of given)
    for (const name of variables) {
      refuseIn(places, name, quote(place))
      places.set(name, place)
    }
  return places
}

function refuseIn(places: ReadonlyMap<string, string>, name: string, by: string): void {
  const place = places.get(name)
  if (place === undefined) return
  throw new UsageError(
    `variable ${quote(name)} is in ${quote(place)}, and is given by ${by}, too`,
    leaveOneOut
  )
}

/**
 * The names in a file that a flag gives, as docker reads it (docker/cli, opts/file.go). One that docker will refuse has none. Throws `UsageError` for
 * what cannot be read, or not twice.
 */
export function namesInFile(file: string, flag: string): string[] {
  try {
    if (!statSync(file).isFile())
      throw new UsageError(
        `cannot look for variables in ${flag} ${quote(file)}: it can be read only once, which docker does`,
        'put these variables into a box, too, or into a file'
      )
    const lines = readFileSync(file, 'utf8')
      .replace(/^\ufeff/, '')
      .split('\n')
    return lines
      .map(line => line.trimStart())
      .filter(line => line !== '' && !line.startsWith('#'))
      .map(line => line.split('=', 1)[0]?.trimEnd() ?? '')
  } catch (error) {
    if (error instanceof UsageError) throw error
    refuseContents(
      file,
      `${flag} takes a file`,
      `${argumentsAreSeen}: put the line into a file of a box, and give that: --env-box BOX:FILE`
    )
    throw new UsageError(`cannot read ${flag} ${quote(file)}: ${reasonOf(error)}`)
  }
}
