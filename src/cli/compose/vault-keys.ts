import { quote } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import { nearest } from '../../base/nearest.ts'
import { UsageError } from '../output/failure.ts'
import type { Mapping } from './model.ts'

/** Of a secret: the file of a box that it is. */
export const secretKey = 'x-vault'
/** Of a service: the files of variables that it is given. */
export const variablesKey = 'x-vault-env'

/** Where each belongs, as a path in the model, of which `*` is any name. */
const places: Readonly<Record<string, string>> = {
  [secretKey]: 'secrets.*',
  [variablesKey]: 'services.*'
}

/**
 * Throws `UsageError` for a key that looks like ours and is none, or stands where it says nothing: compose passes over whatever
 * begins with `x-`, and a container would be without its secrets.
 */
export function refuseUnknownKeys(model: Mapping): void {
  walk(model, [], new Map())
}

/** What holds names that are the user's own, whatever they look like. */
const ofNames = new Set([
  ...[
    'additional_contexts',
    'annotations',
    'args',
    'depends_on',
    'driver_opts',
    'environment',
    'extra_hosts'
  ],
  ...['labels', 'networks', 'options', 'sysctls', 'ulimits']
])
/** What holds, at the top of a model, things by their names. */
const ofThings = new Set(['configs', 'networks', 'secrets', 'services', 'volumes'])

/** `seen`: where each value was met, as far as that matters: by aliases a short file names the same one more often than can be visited. */
function walk(value: unknown, path: readonly string[], seen: Map<object, Set<string>>): void {
  if (typeof value !== 'object' || value === null) return
  const place = path.length > 2 ? 'below' : placeOf(path)
  const places = seen.get(value) ?? new Set()
  if (places.has(place)) return
  seen.set(value, places.add(place))
  if (Array.isArray(value)) {
    for (const each of value) walk(each, path, seen)
    return
  }
  const isOfThings = path.length === 1 && ofThings.has(path[0] ?? '')
  for (const [key, inner] of Object.entries(value)) {
    if (isOfThings) walk(inner, [...path, key], seen)
    else if (/^x[-_]?vault/i.test(key)) refuseUnless(key, path)
    // What else begins so holds what is taken from there by anchors.
    else if (!key.startsWith('x-') && (path.length === 0 || !ofNames.has(key)))
      walk(inner, [...path, key], seen)
  }
}

/** A path as `places` says it. */
function placeOf(path: readonly string[]): string {
  return path.map((name, depth) => (depth === 1 ? '*' : name)).join('.')
}

function refuseUnless(key: string, path: readonly string[]): void {
  const place = placeOf(path)
  if (places[key] === place) return
  const where = path.length === 0 ? 'at the top' : `in ${quote(path.join('.'))}`
  const belongs = Object.keys(places).find(each => places[each] === place)
  if (places[key] !== undefined && belongs === undefined)
    throw new UsageError(`${quote(key)} says nothing ${where}`, `it belongs in "${places[key]}"`)
  const meant = belongs ?? nearest(key, Object.keys(places))
  throw new UsageError(
    `unknown key ${quote(key)} ${where}`,
    meant === null ? `there are ${Object.keys(places).map(quote).join(' and ')}` : didYouMean(meant)
  )
}
