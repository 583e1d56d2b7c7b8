import { quote } from '../../base/errors.ts'
import { namesInFile } from '../inject/given-variables.ts'
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

/** What such words say of the service that they end with. */
export interface RanService {
  readonly service: string
  /** As whom it is to run; null: as it says. */
  readonly user: string | null
  /** The names of its variables, by `--env` and `--env-from-file`. Throws `UsageError` for a file that cannot be read, or only once. */
  readonly variables: () => readonly string[]
  /** As `-v` takes them. */
  readonly volumes: readonly string[]
}

export function ranService(words: readonly string[]): RanService {
  return {
    service: words.at(-1) ?? '',
    user: valuesAfter(words, '--user', '-u').at(-1) ?? null,
    variables: () => [
      ...valuesAfter(words, '--env', '-e').map(each => each.split('=', 1)[0] ?? ''),
      ...valuesAfter(words, '--env-from-file').flatMap(file => namesInFile(file, '--env-from-file'))
    ],
    volumes: valuesAfter(words, '--volume', '-v')
  }
}

/** Throws `UsageError` for an `--entrypoint`, by which compose leaves out what gives a service its variables. */
export function refuseOtherEntrypoint(
  words: readonly string[],
  { variables, ran }: Pick<Wanted, 'variables' | 'ran'>
): void {
  const service = ran?.service ?? ''
  if (valueAfter(words, '--entrypoint') === null || !variables.has(service)) return
  throw new UsageError(
    `service ${quote(service)} would be without its variables: --entrypoint takes the place of what gives them`,
    'set the entrypoint in a compose file, or use: docker vault run --env-box'
  )
}

/** The values of a flag by its names: `--user 1`, `--user=1`, `-u 1`, `-u1`, `-u=1`. */
function valuesAfter(words: readonly string[], long: string, short: string | null = null): string[] {
  return words.flatMap((word, index) => {
    if (word === long || word === short) return words[index + 1] ?? []
    if (word.startsWith(`${long}=`)) return word.slice(long.length + 1)
    return short !== null && word.startsWith(short) ? word.slice(short.length).replace(/^=/, '') : []
  })
}

/** The value of a flag; null without it. */
export function valueAfter(words: readonly string[], flag: string): string | null {
  const attached = words.find(word => word.startsWith(`${flag}=`))
  if (attached !== undefined) return attached.slice(flag.length + 1)
  const at = words.indexOf(flag)
  return at === -1 ? null : (words[at + 1] ?? '')
}
