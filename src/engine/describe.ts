import type Dockerode from 'dockerode'
import { composeLabels } from '../base/compose-labels.ts'

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
  /** What Compose wrote on it; null for one that Compose did not make, and when its image has such labels, which any image can. */
  readonly compose: { readonly project: string; readonly service: string } | null
}

/** Asks about one container, and about its image where it matters. Throws what Dockerode throws; `inTime`: how long each answer may take. */
export async function describeContainer(
  docker: Dockerode,
  containerId: string,
  inTime: () => { abortSignal: AbortSignal }
): Promise<DescribedContainer> {
  const container = await docker.getContainer(containerId).inspect(inTime())
  const own = composeIn(container.Config.Labels)
  // An image that is gone may have had any labels.
  const isOfImage = own !== null && (await imageNamesCompose(docker, container.Image, inTime))
  return { ...describedIn(container), compose: isOfImage ? null : own }
}

/** A name with anything else in it might be read as two. */
function composeIn(labels: Readonly<Record<string, string>> | null): DescribedContainer['compose'] {
  const [project, service] = [labels?.[composeLabels.project], labels?.[composeLabels.service]]
  const isName = (text: string | undefined): text is string =>
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(text ?? '')
  return isName(project) && isName(service) ? { project, service } : null
}

async function imageNamesCompose(
  docker: Dockerode,
  imageId: string,
  inTime: () => { abortSignal: AbortSignal }
): Promise<boolean> {
  try {
    const { Config }: Dockerode.ImageInspectInfo = await docker.getImage(imageId).inspect(inTime() as object)
    const labels = (Config.Labels as Readonly<Record<string, string>> | null) ?? {}
    return Object.values(composeLabels).some(name => Object.hasOwn(labels, name))
  } catch {
    return true
  }
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
