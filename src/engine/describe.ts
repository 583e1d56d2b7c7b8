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
  /** What Compose wrote on it; null for one that Compose did not make, whatever its image says (base/own-labels.ts). */
  readonly compose: { readonly project: string; readonly service: string } | null
}

/** Asks about one container, and about its image where it matters. Throws what Dockerode throws; `inTime`: how long each answer may take. */
export async function describeContainer(
  docker: Dockerode,
  containerId: string,
  inTime: () => { abortSignal: AbortSignal }
): Promise<DescribedContainer> {
  const container = await docker.getContainer(containerId).inspect(inTime())
  const labels = (container.Config.Labels as DockerLabels | null) ?? {}
  if (composeIn(labels) === null) return { ...describedIn(container), compose: null }
  const image = await askImage(docker, container.Image, platformIn(container), inTime()).catch(() => null)
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
  Mounts
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
    targets
  }
}
