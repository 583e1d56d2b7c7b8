import { composeLabels } from '../../base/compose-labels.ts'
import { matchesGlob } from './glob.ts'
import { imageName, referencePattern } from './image-reference.ts'
import { isAnyContainer, type ContainerSubject } from './subjects.ts'

/** What the Engine says of a container, or of what is to be one. */
export interface ContainerFacts {
  readonly name: string | null
  /** What was asked for when it was made: a reference, or an image's ID. */
  readonly image: string | null
  /** By what its image is known exactly: its ID, and its manifest where the Engine tells of one; `sha256:…`. */
  readonly digests: readonly string[]
  /** What registries call that image (`RepoDigests`: `nginx@sha256:…`); null: not asked yet. */
  readonly repoDigests: readonly string[] | null
  readonly labels: Readonly<Record<string, string>>
}

/** Whether the container is one of the subject; null: that depends on `repoDigests`. */
export function isOf(container: ContainerFacts, subject: ContainerSubject): boolean | null {
  const { name, labels } = container
  switch (subject.kind) {
    case 'image': {
      const reference = referenceOf(container)
      if (reference === null) return false
      const { repository, tag } = imageName(reference)
      return matchesGlob(referencePattern(subject.reference), `${repository}:${tag}`)
    }
    case 'digest':
      return hasDigest(container, subject)
    case 'compose':
      return (
        valueOf(labels, composeLabels.project) === subject.project &&
        (subject.service === null || valueOf(labels, composeLabels.service) === subject.service)
      )
    case 'label':
      return valueOf(labels, subject.name) === subject.value
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
  const { digests, repoDigests } = container
  if (repository === null && digests.includes(digest)) return true
  if (repoDigests === null) return null
  return repoDigests.some(
    known =>
      known.endsWith(`@${digest}`) &&
      (repository === null || imageName(known).repository === imageName(repository).repository)
  )
}

/** What was given for a label; a name such as `constructor` is no property of it. */
function valueOf(labels: Readonly<Record<string, string>>, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null
}
