import type Dockerode from 'dockerode'
import type { Container, EngineEvent, GivenOptions, LastStart } from './engine.ts'

/* What Engines answer, read into what we go by. */

/** As the Engine has it (`HostConfig.Mounts`), which leaves out what was not given. */
interface GivenMount {
  readonly Source?: string
  readonly Target: string
  readonly VolumeOptions?: {
    readonly DriverConfig?: { readonly Options?: Record<string, string> | null }
  } | null
}

/** A container as it is listed. */
export function containerIn(listed: Dockerode.ContainerInfo): Container {
  // Null for one that was given none, and whose image has none.
  const labels = listed.Labels as Container['labels'] | null
  return {
    id: listed.Id,
    name: nameIn(listed.Names),
    image: listed.Image,
    imageId: listed.ImageID || null,
    ...manifestIn(listed),
    labels: labels ?? {},
    state: listed.State,
    volumes: listed.Mounts.flatMap(mount => (mount.Type === 'volume' && mount.Name ? [mount.Name] : []))
  }
}

/** A container that others link to is listed by their names for it, too: `/web/db`. */
function nameIn(names: readonly string[]): string | null {
  return names.map(name => name.replace(/^\//, '')).find(name => !name.includes('/')) ?? null
}

function manifestIn(container: Dockerode.ContainerInfo): Pick<Container, 'digests' | 'platform'> {
  const manifest = manifestOf(container)
  return {
    digests: [container.ImageID, manifest?.digest ?? ''].filter(digest => digest !== ''),
    platform: platformIn(container)
  }
}

/** Since API 1.48, which dockerode's types do not know. */
interface Manifest {
  readonly digest?: string
  readonly platform?: object | null
}

/** The manifest that a container's image is, of those that the image's ID stands for; null where it is but one. */
function manifestOf(container: object): Manifest | null {
  return (container as { ImageManifestDescriptor?: Manifest | null }).ImageManifestDescriptor ?? null
}

/** For which platform a container's image is, as the Engine is told of one; null where it does not say. */
export function platformIn(container: object): string | null {
  const platform = manifestOf(container)?.platform
  return platform ? JSON.stringify(platform) : null
}

export function lastStartIn({ State, HostConfig, Mounts }: Dockerode.ContainerInspectInfo): LastStart {
  return {
    isRunning: State.Running,
    hasRestartPolicy: !['', 'no'].includes(HostConfig.RestartPolicy?.Name ?? ''),
    error: State.Error,
    drivers: new Map(Mounts.flatMap(({ Name, Driver }) => (Name && Driver ? [[Name, Driver]] : [])))
  }
}

export function givenOptionsIn({ HostConfig, Mounts }: Dockerode.ContainerInspectInfo): GivenOptions[] {
  return ((HostConfig.Mounts ?? []) as readonly GivenMount[]).flatMap(({ Source, Target, VolumeOptions }) => {
    // One that was given no name has it from the Engine.
    const volume = Source || Mounts.find(({ Destination }) => Destination === Target)?.Name
    const options = VolumeOptions?.DriverConfig?.Options
    return volume && options ? [{ volume, options }] : []
  })
}

/** What a line of the event stream tells, or null when that is nothing for us. */
export function eventIn(line: string): EngineEvent | null {
  try {
    const event = JSON.parse(line) as {
      Type?: unknown
      Action?: unknown
      Actor?: { ID?: unknown; Attributes?: Record<string, unknown> }
      timeNano?: unknown
    }
    const { Type: type, Action: action, Actor: actor, timeNano } = event
    if (typeof action !== 'string' || typeof actor?.ID !== 'string') return null
    if (type === 'container') return { kind: 'container', action, containerId: actor.ID }
    const containerId = actor.Attributes?.['container']
    // A volume can be destroyed, too.
    return action === 'mount' && typeof containerId === 'string' && typeof timeNano === 'number'
      ? { kind: 'mount', volume: actor.ID, containerId, atMs: timeNano / 1e6 }
      : null
  } catch {
    return null
  }
}
