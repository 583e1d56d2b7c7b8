import { readFileSync, statSync } from 'node:fs'
import { quote, reasonOf } from '../../base/errors.ts'
import { leaveOneOut } from '../../base/messages.ts'
import type { Injected } from '../../api/injected.ts'
import { UsageError } from '../output/failure.ts'
import { valuesOf, type CommandLine } from './command-line.ts'

/** Variables of boxes, each file with the names of its own. */
type FromBoxes = Injected['environment']

/**
 * Throws `UsageError` for a variable of a box that `--env` or an `--env-file` gives, too, and for an `--env-file` that only
 * docker can read, since that reads it to its end.
 */
export function refuseGivenTwice(line: CommandLine, fromBoxes: FromBoxes): void {
  const places = new Map(
    fromBoxes.flatMap(({ box, path, variables }) => variables.map(name => [name, `${box}:${path}`] as const))
  )
  if (places.size === 0) return
  const refuse = (name: string, flag: string): void => {
    const place = places.get(name)
    if (place === undefined) return
    throw new UsageError(
      `variable ${quote(name)} is in ${quote(place)}, and is given by ${flag}, too`,
      leaveOneOut
    )
  }
  for (const value of valuesOf(line, 'env')) refuse(value.split('=', 1)[0] ?? '', '--env')
  for (const file of valuesOf(line, 'env-file'))
    for (const name of namesIn(file)) refuse(name, `--env-file ${quote(file)}`)
}

/** The names in a file, as docker reads it (docker/cli, opts/file.go). One that docker will refuse has none. */
function namesIn(file: string): string[] {
  try {
    if (!statSync(file).isFile())
      throw new UsageError(
        `cannot look for variables in --env-file ${quote(file)}: it can be read only once, which docker does`,
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
    throw new UsageError(`cannot read --env-file ${quote(file)}: ${reasonOf(error)}`)
  }
}
