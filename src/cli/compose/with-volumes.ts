import { createHash } from 'node:crypto'
import type { BoxName, FilePath } from '../../base/names.ts'
import type { PlacedSecret } from './box-secrets.ts'
import { dollars, entriesIn, listIn, mappingIn, type Mapping } from './model.ts'
import { secretUsed } from './taken-places.ts'
import { variablesKey } from './vault-keys.ts'

/** A secret whose file is known, with its owner as the host sees it. */
export interface FoundSecret extends PlacedSecret {
  readonly path: FilePath
  readonly uid: string
  readonly gid: string
}

/** A volume of the driver that shows a file of a box, by itself or in a directory, and where a service mounts it. */
export interface BoxMount {
  readonly target: string
  readonly options: Readonly<Record<string, string>> & { readonly box: BoxName; readonly path: FilePath }
}

/** What becomes of a service: what it mounts, and fields in the place of its own. */
export interface ServiceChange {
  readonly boxes: readonly BoxMount[]
  /** Other mounts, as a model has them. */
  readonly mounts: readonly Mapping[]
  readonly fields: Mapping
}

/**
 * The model without what names boxes, and with these changes; `secrets` are the names of those that come from boxes. Each volume that
 * is asked for is there once, and so is each of `others`, for a command that makes no container. `isOld`: for docker-compose 1.29.
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
      ...volumesWith(service, boxes, [...mounts, ...others.map(mountOfNothing)], isOld),
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
  const rest = Object.entries(service).filter(([key]) => key !== variablesKey)
  const build = service['build']
  return {
    ...Object.fromEntries(rest),
    ...ownSecrets(service, secrets),
    ...(mappingIn(build)['secrets'] === undefined
      ? {}
      : { build: { ...mappingIn(build), ...ownSecrets(mappingIn(build), secrets) } })
  }
}

function ownSecrets({ secrets: used }: Mapping, ofBoxes: ReadonlySet<string>): Mapping {
  const own = listIn(used).filter(secret => !ofBoxes.has(secretUsed(secret)))
  return own.length === listIn(used).length ? {} : { secrets: own }
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

/** Compose 2 knows of no volume that no service has. */
function mountOfNothing(source: string): Mapping {
  return { type: 'volume', source, target: `/run/secretbox/left/${source}` }
}

function longMount({ target, options }: BoxMount): Mapping {
  return {
    type: 'volume',
    source: volumeName(options),
    target: dollars(target),
    volume: { nocopy: true }
  }
}

/** How a service mounts a secret: as a file, of a volume that shows nothing else. */
export function mountOfSecret({ target, box, path, uid, gid, mode }: FoundSecret): BoxMount {
  return { target, options: { box, path, file: 'true', uid, gid, mode } }
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
