import { composeLabels } from '../../base/compose-labels.ts'
import { ownLabels, type DockerLabels } from '../../base/own-labels.ts'
import { matchesGlob } from './glob.ts'
import { imageName, matchesReference } from './image-reference.ts'
import { isAnyContainer, type ContainerSubject } from './subjects.ts'

/** What the Engine says of a container, or of what is to be one. */
export interface ContainerFacts {
  readonly name: string | null
  /** What was asked for when it was made: a reference, or an image's ID. */
  readonly image: string | null
  /** By what its image is known exactly: its ID, and its manifest where the Engine tells of one; `sha256:…`. */
  readonly digests: readonly string[]
  /** Its own labels and those of its image, as the Engine has put them together. */
  readonly labels: DockerLabels
  /** Null: not asked yet. */
  readonly ofImage: ImageFacts | null
}

/** What the Engine says of an image. */
export interface ImageFacts {
  /** What registries call it: `nginx@sha256:…`. */
  readonly repoDigests: readonly string[]
  /** Null: nobody knows, as of an image that is gone. */
  readonly labels: DockerLabels | null
}

/** What is said of an image that there is not, or not any more. */
export const unknownImage: ImageFacts = { repoDigests: [], labels: null }

/** Whether the container is one of the subject; null: that depends on what is said of its image. */
export function isOf(container: ContainerFacts, subject: ContainerSubject): boolean | null {
  const { name } = container
  switch (subject.kind) {
    case 'image': {
      const reference = referenceOf(container)
      return reference !== null && matchesReference(subject.reference, reference)
    }
    case 'digest':
      return hasDigest(container, subject)
    case 'compose':
      return isLabelled(
        container,
        labels =>
          valueOf(labels, composeLabels.project) === subject.project &&
          (subject.service === null || valueOf(labels, composeLabels.service) === subject.service)
      )
    case 'label':
      return isLabelled(container, labels => valueOf(labels, subject.name) === subject.value)
    case 'container':
      return isAnyContainer(subject) || (name !== null && matchesGlob(subject.name, name))
  }
}

/**
 * The reference by which the container was made, or null where none is known: it was made by an ID, or the tag is another
 * image's by now, and then the Engine tells the ID instead.
 */
export function referenceOf({ image, digests }: Pick<ContainerFacts, 'image' | 'digests'>): string | null {
  if (image === null || /^sha(256|512):/.test(image)) return null
  // An ID may be given in part (moby, daemon/images/image.go). What could be either is taken for one: it is no name for certain.
  const isPartOfId = digests.some(digest => digest.slice(digest.indexOf(':') + 1).startsWith(image))
  return isPartOfId ? null : image
}

function hasDigest(
  container: ContainerFacts,
  { repository, digest }: ContainerSubject & { kind: 'digest' }
): boolean | null {
  const { digests, ofImage } = container
  if (repository === null && digests.includes(digest)) return true
  if (ofImage === null) return null
  return ofImage.repoDigests.some(
    known =>
      known.endsWith(`@${digest}`) &&
      (repository === null || imageName(known).repository === imageName(repository).repository)
  )
}

/** Whether its labels are so, and not by its image's words alone, which asks for these. */
function isLabelled(
  { labels, ofImage }: ContainerFacts,
  areSo: (labels: DockerLabels) => boolean
): boolean | null {
  if (!areSo(labels)) return false
  return ofImage === null ? null : areSo(ownLabels(labels, ofImage.labels))
}

/** What was given for a label; a name such as `constructor` is no property of it. */
function valueOf(labels: DockerLabels, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null
}
