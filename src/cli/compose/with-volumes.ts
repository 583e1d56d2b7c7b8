import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { quote } from '../../base/errors.ts'
import type { BoxName, FilePath } from '../../base/names.ts'
import { UsageError } from '../output/failure.ts'
import type { PlacedSecret } from './box-secrets.ts'
import { dollars, entriesIn, listIn, mappingIn, type Mapping } from './model.ts'
import { variablesKey } from './vault-keys.ts'

/** A secret whose file is known, with its owner as the host sees it. */
export interface FoundSecret extends PlacedSecret {
  readonly path: FilePath
  readonly uid: string
  readonly gid: string
}

/** A volume of the driver that shows a file of a box, and what a service mounts of it. */
export interface BoxMount {
  readonly target: string
  readonly options: Readonly<Record<string, string>> & { readonly box: BoxName; readonly path: FilePath }
  /** A part of the volume; null: all of it. */
  readonly subpath: string | null
}

/** What becomes of a service: what it mounts, and fields in the place of its own. */
export interface ServiceChange {
  readonly boxes: readonly BoxMount[]
  /** Other mounts, as a model has them. */
  readonly mounts: readonly Mapping[]
  readonly fields: Mapping
}

/** What an older Engine or compose cannot mount, in words; null: it can. */
export type WhyNot = (service: string, directory: string) => Promise<string | null>

/**
 * The model without what names boxes, and with these changes; `secrets` are the names of those that come from boxes. Each volume that
 * is asked for is there once, and so is each of `others`, which nothing mounts. `isOld`: for docker-compose 1.29.
 */
export function withVolumes(
  model: Mapping,
  secrets: ReadonlySet<string>,
  changes: ReadonlyMap<string, ServiceChange>,
  { driver, isOld, others = [] }: { driver: string; isOld: boolean; others?: readonly string[] }
): Mapping {
  const volumes = new Map<string, Mapping>(others.map(name => [name, {}]))
  const services: Record<string, unknown> = {}
  for (const [name, service] of entriesIn(model['services'])) {
    const { boxes = [], mounts = [], fields = {} } = changes.get(name) ?? {}
    services[name] = {
      ...withoutBoxes(service, secrets),
      ...volumesWith(service, boxes, mounts, isOld),
      ...fields
    }
    for (const { options } of boxes)
      volumes.set(volumeName(options), { driver, driver_opts: withDollars(options) })
  }
  return {
    ...model,
    services,
    secrets: Object.fromEntries(entriesIn(model['secrets']).filter(([name]) => !secrets.has(name))),
    volumes: { ...mappingIn(model['volumes']), ...Object.fromEntries(volumes) }
  }
}

function withoutBoxes(service: Mapping, secrets: ReadonlySet<string>): Mapping {
  const sourceOf = (secret: unknown): unknown =>
    typeof secret === 'string' ? secret : mappingIn(secret)['source']
  const used = listIn(service['secrets'])
  const own = used.filter(secret => !secrets.has(String(sourceOf(secret))))
  const rest = Object.entries(service).filter(([key]) => key !== variablesKey)
  return { ...Object.fromEntries(rest), ...(own.length === used.length ? {} : { secrets: own }) }
}

function volumesWith(
  service: Mapping,
  boxes: readonly BoxMount[],
  mounts: readonly Mapping[],
  isOld: boolean
): Mapping {
  if (boxes.length + mounts.length === 0) return {}
  const added = boxes.map(mount =>
    isOld && !mount.target.includes(':') ? shortMount(mount) : longMount(mount)
  )
  return { volumes: [...listIn(service['volumes']), ...added, ...mounts] }
}

/**
 * docker-compose 1.29 gives a container that it makes again the old one's volume wherever the long syntax has one (compose, service.py,
 * get_container_data_volumes): it would keep the old secrets.
 */
function shortMount({ target, options }: BoxMount): string {
  return `${volumeName(options)}:${dollars(target)}:nocopy`
}

function longMount({ target, options, subpath }: BoxMount): Mapping {
  return {
    type: 'volume',
    source: volumeName(options),
    target: dollars(target),
    volume: { nocopy: true, ...(subpath === null ? {} : { subpath: dollars(subpath) }) }
  }
}

function optionsOf({ box, path, uid, gid, mode }: FoundSecret): BoxMount['options'] {
  return { box, path, uid, gid, mode }
}

/**
 * How a service mounts its secrets. With `bySubpath` each is mounted by itself; without, the directory that it lies in, which
 * `whyNot` says more about. Throws `UsageError` where that cannot be.
 */
export async function mountsOfSecrets(
  secrets: readonly FoundSecret[],
  { bySubpath, whyNot }: { bySubpath: boolean; whyNot: WhyNot }
): Promise<BoxMount[]> {
  if (bySubpath)
    return secrets.map(secret => ({
      target: secret.target,
      options: optionsOf(secret),
      subpath: posix.basename(secret.path)
    }))
  const byDirectory = new Map<string, FoundSecret>()
  for (const secret of secrets) {
    const directory = posix.dirname(secret.target)
    const other = byDirectory.get(directory)
    const reason =
      other !== undefined
        ? `secret ${quote(other.secret)} lies in that directory, too`
        : posix.basename(secret.path) !== posix.basename(secret.target)
          ? `in box ${quote(secret.box)} it is called ${quote(posix.basename(secret.path))}`
          : await whyNot(secret.service, directory)
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

/** What our volumes are called in a project, which a name of compose's own has before it. */
export const volumeNameForm = /^vault-[0-9a-f]{16}$/

/** The same options are the same volume, and others another: compose never changes one that is there. */
function volumeName(options: Readonly<Record<string, string>>): string {
  const digest = createHash('sha256').update(JSON.stringify(options)).digest('hex')
  return `vault-${digest.slice(0, 16)}`
}

function withDollars(options: Readonly<Record<string, string>>): Mapping {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, dollars(value)]))
}
