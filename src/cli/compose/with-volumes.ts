import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { quote } from '../../base/errors.ts'
import type { FilePath } from '../../base/names.ts'
import { UsageError } from '../output/failure.ts'
import { entriesIn, mappingIn, listIn, type Mapping, type PlacedSecret } from './box-secrets.ts'

/** A secret whose file is known, with its owner as the host sees it. */
export interface FoundSecret extends PlacedSecret {
  readonly path: FilePath
  readonly uid: string
  readonly gid: string
}

/** A volume of the driver, and what a service mounts of it. */
interface Mount {
  readonly target: string
  readonly options: Readonly<Record<string, string>>
  /** A part of the volume; null: all of it. */
  readonly subpath: string | null
}

/** What an older Engine or compose cannot mount, in words; null: it can. */
export type WhyNot = (service: string, directory: string) => Promise<string | null>

/**
 * The model with these secrets as volumes, in the place of compose's own secrets. With `bySubpath` each is mounted by itself;
 * without, the directory that it lies in, which `whyNot` says more about. Throws `UsageError` where that cannot be.
 */
export async function withVolumes(
  model: Mapping,
  secrets: readonly FoundSecret[],
  { driver, bySubpath, whyNot }: { driver: string; bySubpath: boolean; whyNot: WhyNot }
): Promise<Mapping> {
  const ours = new Set(secrets.map(({ secret }) => secret))
  const volumes = new Map<string, Mapping>()
  const services: Record<string, unknown> = {}
  for (const [name, service] of entriesIn(model['services'])) {
    const own = secrets.filter(each => each.service === name)
    const mounts = bySubpath ? own.map(mountOfFile) : await mountsOfDirectories(name, own, whyNot)
    services[name] = own.length === 0 ? service : withMounts(service, ours, mounts)
    for (const { options } of mounts)
      volumes.set(volumeName(options), { driver, driver_opts: withDollars(options) })
  }
  return {
    ...model,
    services,
    secrets: Object.fromEntries(entriesIn(model['secrets']).filter(([name]) => !ours.has(name))),
    volumes: { ...mappingIn(model['volumes']), ...Object.fromEntries(volumes) }
  }
}

function withMounts(service: Mapping, ours: ReadonlySet<string>, mounts: readonly Mount[]): Mapping {
  const sourceOf = (secret: unknown): unknown =>
    typeof secret === 'string' ? secret : mappingIn(secret)['source']
  const added = mounts.map(({ target, options, subpath }) => ({
    type: 'volume',
    source: volumeName(options),
    target: dollars(target),
    volume: { nocopy: true, ...(subpath === null ? {} : { subpath: dollars(subpath) }) }
  }))
  return {
    ...service,
    secrets: listIn(service['secrets']).filter(secret => !ours.has(String(sourceOf(secret)))),
    volumes: [...listIn(service['volumes']), ...added]
  }
}

function optionsOf({ box, path, uid, gid, mode }: FoundSecret): Record<string, string> {
  return { box, path, uid, gid, mode }
}

function mountOfFile(secret: FoundSecret): Mount {
  return { target: secret.target, options: optionsOf(secret), subpath: posix.basename(secret.path) }
}

async function mountsOfDirectories(
  service: string,
  secrets: readonly FoundSecret[],
  whyNot: WhyNot
): Promise<Mount[]> {
  const byDirectory = new Map<string, FoundSecret>()
  for (const secret of secrets) {
    const directory = posix.dirname(secret.target)
    const other = byDirectory.get(directory)
    const reason =
      other !== undefined
        ? `secret ${quote(other.secret)} lies in that directory, too`
        : posix.basename(secret.path) !== posix.basename(secret.target)
          ? `in box ${quote(secret.box)} it is called ${quote(posix.basename(secret.path))}`
          : await whyNot(service, directory)
    if (reason !== null) throw onlyByFile(secret, reason)
    byDirectory.set(directory, secret)
  }
  return [...byDirectory].map(([target, secret]) => ({ target, options: optionsOf(secret), subpath: null }))
}

function onlyByFile({ service, secret, target }: FoundSecret, reason: string): UsageError {
  return new UsageError(
    `cannot give service ${quote(service)} the secret ${quote(secret)} at ${quote(target)}: ${reason}, and a file by itself takes Docker Engine 26 and Compose 2.27`,
    'give it a target in a directory of its own, as in /run/secrets/NAME/NAME, or mount the whole box as a volume'
  )
}

/** The same options are the same volume, and others another: compose never changes one that is there. */
function volumeName(options: Readonly<Record<string, string>>): string {
  const digest = createHash('sha256').update(JSON.stringify(options)).digest('hex')
  return `vault-${digest.slice(0, 16)}`
}

function withDollars(options: Readonly<Record<string, string>>): Mapping {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, dollars(value)]))
}

/** As compose has to find a text that it replaces variables in. */
export function dollars(text: string): string {
  return text.replaceAll('$', '$$$$')
}
