import { quote } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'
import { entriesIn, type Mapping } from './model.ts'
import type { Wanted } from './with-boxes.ts'

/*
 * The words of `compose run [OPTIONS] SERVICE [COMMAND]`.
 */

/** Those up to the service: what follows is a command of its own. */
export function beforeCommand(model: Mapping, words: readonly string[]): readonly string[] {
  const services = new Set(entriesIn(model['services']).map(([name]) => name))
  return words.slice(0, words.findIndex(word => services.has(word)) + 1)
}

/** As whom the service is to run; null: as it says. */
export function userIn(words: readonly string[]): string | null {
  const attached = words.find(word => /^-u./.test(word))
  return (
    valueAfter(words, '--user') ?? valueAfter(words, '-u') ?? attached?.slice(2).replace(/^=/, '') ?? null
  )
}

/** Throws `UsageError` for an `--entrypoint`, by which compose leaves out what gives a service its variables. */
export function refuseOtherEntrypoint(
  words: readonly string[],
  { variables }: Pick<Wanted, 'variables'>
): void {
  const service = words.at(-1) ?? ''
  if (valueAfter(words, '--entrypoint') === null || !variables.has(service)) return
  throw new UsageError(
    `service ${quote(service)} would be without its variables: --entrypoint takes the place of what gives them`,
    'set the entrypoint in a compose file, or use: docker vault run --env-box'
  )
}

/** The value of a flag; null without it. */
export function valueAfter(words: readonly string[], flag: string): string | null {
  const attached = words.find(word => word.startsWith(`${flag}=`))
  if (attached !== undefined) return attached.slice(flag.length + 1)
  const at = words.indexOf(flag)
  return at === -1 ? null : (words[at + 1] ?? '')
}
