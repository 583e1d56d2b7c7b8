import type Dockerode from 'dockerode'
import { composeLabels } from '../base/compose-labels.ts'
import { ownLabels, type DockerLabels } from '../base/own-labels.ts'
import { askImage } from './image.ts'
import { platformIn } from './reading.ts'

/** What the Engine says of one container, of which it is asked alone. */
export interface DescribedContainer {
  readonly id: string
  readonly name: string
  /** As it was named when the container was made. */
  readonly image: string
  /** `sha256:…`. */
  readonly imageId: string
  /** Its first process; null while none runs. */
  readonly pid: number | null
  /** Where it mounts volumes: paths in the container, by the volume's name. */
  readonly targets: ReadonlyMap<string, readonly string[]>
  /** Where it has anything mounted: volumes, binds, tmpfs. */
  readonly places: readonly string[]
  /** What Compose wrote on it; null for one that Compose did not make, whatever its image says (base/own-labels.ts). */
  readonly compose: { readonly project: string; readonly service: string } | null
}

/** Asks something for as long as an answer may take. */
export type InTime = <T>(ask: (options: { readonly abortSignal: AbortSignal }) => Promise<T>) => Promise<T>

/** Asks about one container, and about its image where it matters. Throws what Dockerode throws, and what `inTime` throws of each answer. */
export async function describeContainer(
  docker: Dockerode,
  containerId: string,
  inTime: InTime
): Promise<DescribedContainer> {
  const container = await inTime(options => docker.getContainer(containerId).inspect(options))
  const labels = (container.Config.Labels as DockerLabels | null) ?? {}
  if (composeIn(labels) === null) return { ...describedIn(container), compose: null }
  const image = await inTime(options =>
    askImage(docker, container.Image, platformIn(container), options)
  ).catch(() => null)
  return { ...describedIn(container), compose: composeIn(ownLabels(labels, image?.labels ?? null)) }
}

/** A name with anything else in it might be read as two. */
function composeIn(labels: DockerLabels): DescribedContainer['compose'] {
  const [project, service] = [labels[composeLabels.project], labels[composeLabels.service]]
  const isName = (text: string | undefined): text is string =>
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(text ?? '')
  return isName(project) && isName(service) ? { project, service } : null
}

function describedIn({
  Id,
  Name,
  Image,
  Config,
  State,
  Mounts,
  HostConfig
}: Dockerode.ContainerInspectInfo): Omit<DescribedContainer, 'compose'> {
  const targets = new Map<string, string[]>()
  for (const { Name: volume, Destination } of Mounts)
    if (volume) targets.set(volume, [...(targets.get(volume) ?? []), Destination])
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    image: Config.Image,
    imageId: Image,
    pid: State.Running && State.Pid > 0 ? State.Pid : null,
    targets,
    // One of --tmpfs is not among the mounts.
    places: [
      ...Mounts.map(({ Destination }) => Destination),
      ...Object.keys((HostConfig as Partial<typeof HostConfig> | undefined)?.Tmpfs ?? {})
    ]
  }
}
