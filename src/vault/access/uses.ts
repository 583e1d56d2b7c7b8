import { isOf, referenceOf, type ContainerFacts } from './containers.ts'
import type { GrantTo } from './grants.ts'
import { isAnyContainer, type ContainerSubject } from './subjects.ts'

/*
 * Whether a closed box may be shown to the container that starts. A Mount does not say which one that is (Engine fact 8): it
 * is one of the volume's containers that do not run, the candidates. Nothing here asks anybody: a decision for which a
 * fact is missing says which one it needs. What is not known is never taken for a grant.
 */

/** A container that may be the one that starts. */
export interface StartCandidate extends ContainerFacts {
  readonly id: string
  readonly imageId: string | null
  /** As the Engine writes it, which has images of several; null when it does not. */
  readonly platform: string | null
}

/** What is known when it is decided. Null, or not in a map: not asked yet. */
export interface UseFacts {
  /** Those that let a container use the box now. */
  readonly grants: readonly GrantTo<ContainerSubject>[]
  /** `away`: the Engine does not answer. */
  readonly candidates: readonly StartCandidate[] | 'away' | null
  /** By container: whether the Engine keeps it locked, as it does one that starts. */
  readonly locked: ReadonlyMap<string, boolean>
}

/** A fact that must be asked for first: the candidates, what is said of the images of some, or which are locked. */
export type UseNeed =
  | { readonly need: 'candidates' }
  | { readonly need: 'images'; readonly of: readonly StartCandidate[] }
  /** When none of the `first` is locked, the others need not be asked about. */
  | { readonly need: 'locked'; readonly first: readonly string[]; readonly also: readonly string[] }

export type UseDecision =
  /** `to`: the containers for which it is; null: any. */
  | { readonly do: 'allow'; readonly to: readonly StartCandidate[] | null }
  | { readonly do: 'refuse'; readonly why: WhyRefused; readonly whom: readonly StartCandidate[] }

/**
 * `ungranted`: nothing is granted to those that are named. `unclear`: one of them starts, or another that may. `nobody`: no
 * container of the volume is about to start. `away`: the Engine does not say.
 */
export type WhyRefused = 'ungranted' | 'unclear' | 'nobody' | 'away'

/** Whether the box may be used by whoever starts. */
export function decideUse({ grants, candidates, locked }: UseFacts): UseDecision | UseNeed {
  if (grants.some(({ subject }) => isAnyContainer(subject))) return { do: 'allow', to: null }
  // Whoever it is, there is no grant for it; but the error is to name it.
  if (candidates === null) return { need: 'candidates' }
  if (candidates === 'away') return { do: 'refuse', why: 'away', whom: [] }
  if (candidates.length === 0) return { do: 'refuse', why: 'nobody', whom: [] }

  const judge = createJudge(grants)
  const judged = candidates.map(candidate => ({ candidate, isGranted: judge(candidate) }))
  const unasked = judged.filter(({ isGranted: known }) => known === null)
  if (unasked.length > 0) return { need: 'images', of: unasked.map(({ candidate }) => candidate) }

  const of = (granted: boolean): StartCandidate[] =>
    judged.filter(one => (one.isGranted === true) === granted).map(({ candidate }) => candidate)
  const [granted, others] = [of(true), of(false)]
  if (others.length === 0) return { do: 'allow', to: granted }
  if (granted.length === 0) return { do: 'refuse', why: 'ungranted', whom: others }

  if (others.some(({ id }) => !locked.has(id)))
    return { need: 'locked', first: others.map(({ id }) => id), also: granted.map(({ id }) => id) }
  // One that answers is not the one that starts.
  const isLocked = ({ id }: StartCandidate): boolean => locked.get(id) !== false
  const starting = others.filter(isLocked)
  if (starting.length === 0) return { do: 'allow', to: granted }
  return { do: 'refuse', why: granted.some(isLocked) ? 'unclear' : 'ungranted', whom: starting }
}

/** Whether a grant is for a container of which all is known that ever will be. */
export function isForSome(container: ContainerFacts, grants: readonly GrantTo<ContainerSubject>[]): boolean {
  return grants.some(({ subject }) => isOf(container, subject) === true)
}

/** Says whether some grant is for a container; null: that depends on what is said of its image. */
function createJudge(
  grants: readonly GrantTo<ContainerSubject>[]
): (candidate: StartCandidate) => boolean | null {
  /** Many may be of one image, and a glob takes its time. */
  const ofImages = new Map<string | null, boolean>()
  const isOfImage = (candidate: StartCandidate): boolean => {
    const image = referenceOf(candidate)
    const known = ofImages.get(image)
    if (known !== undefined) return known
    const isOne = grants.some(({ subject }) => subject.kind === 'image' && isOf(candidate, subject) === true)
    ofImages.set(image, isOne)
    return isOne
  }
  const others = grants.filter(({ subject }) => subject.kind !== 'image')
  return candidate => {
    const answers = others.map(({ subject }) => isOf(candidate, subject))
    if (answers.includes(true) || isOfImage(candidate)) return true
    return answers.includes(null) && candidate.imageId !== null ? null : false
  }
}
