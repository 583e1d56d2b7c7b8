import { composeLabels } from './compose-labels.ts'

export type DockerLabels = Readonly<Record<string, string>>

/**
 * What a container's labels say beside its image's words: whoever makes a container gives it labels, and it has those of its
 * image, too, which any image can have. What both say counts as the image's alone. `ofImage` null: nobody knows what that had.
 *
 * Compose writes its project and service on the images that it builds as well (docker/compose, pkg/compose/build.go). On
 * containers it writes them together with a hash, which no image can foretell: a hash that is the container's own says that
 * the names are, too.
 */
export function ownLabels(labels: DockerLabels, ofImage: DockerLabels | null): DockerLabels {
  if (ofImage === null) return {}
  const isOwn = (name: string): boolean =>
    Object.hasOwn(labels, name) && !(Object.hasOwn(ofImage, name) && ofImage[name] === labels[name])
  const isByCompose = isOwn(composeLabels.configHash)
  const namesOfCompose: readonly string[] = [composeLabels.project, composeLabels.service]
  return Object.fromEntries(
    Object.entries(labels).filter(([name]) => isOwn(name) || (isByCompose && namesOfCompose.includes(name)))
  )
}
