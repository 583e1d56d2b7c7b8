import { quote } from '../../base/errors.ts'
import { isTakenByRuntime, normalTarget } from '../inject/injection.ts'
import { UsageError } from '../output/failure.ts'
import { listIn, mappingIn, meantText, textIn, type Mapping } from './model.ts'

/**
 * Throws `UsageError` when one of these places in a service is another's or lies in it, or has something that the service mounts itself. `secrets`: the
 * names of those that come from boxes; `besides`: more that is mounted, as a `-v` says it.
 */
export function refuseTakenPlaces(
  { name, fields, besides }: { name: string; fields: Mapping; besides: readonly string[] },
  targets: readonly string[],
  secrets: ReadonlySet<string>
): void {
  const mounted = [...listIn(fields['volumes']), ...besides].map(each =>
    typeof each === 'string' ? (each.split(':')[1] ?? each) : textIn(mappingIn(each)['target'])
  )
  const taken = new Set(
    [
      ...mounted,
      ...tmpfsIn(fields['tmpfs']),
      // Compose's own defaults (compose-spec, 05-services.md, configs and secrets).
      ...listIn(fields['configs']).map(each => targetOf(each, '/')),
      ...listIn(fields['secrets'])
        .filter(each => !secrets.has(secretUsed(each)))
        .map(each => targetOf(each, '/run/secrets/'))
    ].flatMap(target => (target === null ? [] : normalTarget(meantText(target))))
  )
  const refuse = (reason: string): never => {
    throw new UsageError(`service ${quote(name)} ${reason}`, 'give one of them another target')
  }
  for (const target of targets) {
    if (taken.has(target)) refuse(`has two things at ${quote(target)}`)
    taken.add(target)
    const around = targets.find(other => target.startsWith(`${other}/`))
    if (around !== undefined)
      refuse(`has ${quote(target)} in ${quote(around)}, in which nothing can be mounted`)
    if (isTakenByRuntime(target))
      refuse(`cannot have a secret at ${quote(target)}, where the runtime has something of its own`)
  }
}

/** The name of the config or secret that a service has. */
export function secretUsed(used: unknown): string {
  return typeof used === 'string' ? used : (textIn(mappingIn(used)['source']) ?? '')
}

/** Where a service has it: as it says, or by its name in that directory. */
function targetOf(used: unknown, directory: string): string {
  const target = textIn(mappingIn(used)['target']) ?? secretUsed(used)
  return target.startsWith('/') ? target : `${directory}${target}`
}

function tmpfsIn(value: unknown): string[] {
  const all = Array.isArray(value) ? (value as unknown[]) : [value]
  return all.flatMap(each => (typeof each === 'string' ? (each.split(':')[0] ?? []) : []))
}
