import type { BoxName } from '../../base/names.ts'
import type { Right } from '../../base/rights.ts'
import { coversBoxes, includesBox, includesNewBox, patternOfBox, type BoxPattern } from './box-pattern.ts'
import { isPerson, type ContainerSubject, type PersonSubject, type Subject } from './subjects.ts'

/*
 * Grants only ever allow, and what somebody may do is the union of all that match: there is no order, and no rule that
 * takes away. What a store has lost, or cannot be read, so gives less, never more.
 */

/** What somebody may do with some boxes. */
export interface Grant {
  /** 16 random bytes, as 32 hex digits. */
  readonly id: string
  readonly subject: Subject
  readonly rights: readonly Right[]
  readonly boxes: BoxPattern
  /** Why, for people. */
  readonly note: string
  /** The uid of who made it. */
  readonly by: number
  /** When; RFC 3339, UTC. */
  readonly at: string
  /** From when on it gives nothing, or null; RFC 3339, UTC. */
  readonly expires: string | null
}

/** A grant to somebody of one kind. */
export type GrantTo<S extends Subject> = Grant & { readonly subject: S }

/** All that decisions about boxes go by. */
export interface Policy {
  readonly grants: readonly Grant[]
  /** Whose boxes are that are not root's, by uid. */
  readonly owners: ReadonlyMap<BoxName, number>
}

/** What a vault has that nobody but root uses. */
export const noPolicy: Policy = { grants: [], owners: new Map() }

/** Whether a grant still gives something. `now`: milliseconds since 1970. */
export function isLive({ expires }: Pick<Grant, 'expires'>, now: number): boolean {
  return expires === null || now < Date.parse(expires)
}

/** Whether a grant gives this right on this box now, to whom it is for. */
export function gives(grant: Grant, right: Right, box: BoxName, now: number): boolean {
  return grant.rights.includes(right) && isLive(grant, now) && includesBox(grant.boxes, box)
}

/** The grants that let containers use a box now: whoever is one of their subjects may. */
export function usesGranted(
  { grants }: Pick<Policy, 'grants'>,
  box: BoxName,
  now: number
): GrantTo<ContainerSubject>[] {
  return grants.filter(isToContainer).filter(grant => gives(grant, 'use', box, now))
}

export function isToContainer(grant: Grant): grant is GrantTo<ContainerSubject> {
  return !isPerson(grant.subject)
}

/**
 * Whether some grant to containers is about a box, also one that has expired. A box is open to any container until it has
 * had one; that it had is kept with the box (`closed`) for when there is none left.
 */
export function isClosedBy({ grants }: Pick<Policy, 'grants'>, box: BoxName): boolean {
  return grants.some(grant => isToContainer(grant) && includesBox(grant.boxes, box))
}

/** Somebody, as the kernel tells of them: `gids` are the group of the process and all others that it is in. */
export interface Person {
  /** Null for one who is known by groups alone. */
  readonly uid: number | null
  readonly gids: readonly number[]
}

/** Whether a grant is for this person. */
export function isFor(person: Person, subject: Subject): subject is PersonSubject {
  if (subject.kind === 'user') return subject.uid === person.uid
  return subject.kind === 'group' && person.gids.includes(subject.gid)
}

/** Why a person has a right on boxes: root has all, an owner has all on their own, others what a grant gives. */
export type Reason = 'root' | 'owner' | Grant

/**
 * Why a person has a right on all boxes of a pattern, or null when they have not. Of a glob one grant must cover the
 * whole: nobody knows which boxes will be.
 */
export function whyHas(
  person: Person,
  right: Right,
  boxes: BoxPattern,
  policy: Policy,
  now: number
): Reason | null {
  if (person.uid === 0) return 'root'
  if (owns(person, boxes, policy)) return 'owner'
  return policy.grants.find(giving(person, right, boxes, now)) ?? null
}

/** Which grants give a person a right on all boxes of a pattern now. */
function giving(person: Person, right: Right, boxes: BoxPattern, now: number): (grant: Grant) => boolean {
  return grant =>
    isFor(person, grant.subject) &&
    grant.rights.includes(right) &&
    isLive(grant, now) &&
    coversBoxes(grant.boxes, boxes)
}

/**
 * Until when a person has all these rights on all boxes of a pattern, if nothing is revoked: milliseconds since 1970, Infinity
 * without an end. They have them now.
 */
export function hasUntil(
  person: Person,
  rights: readonly Right[],
  boxes: BoxPattern,
  policy: Policy,
  now: number
): number {
  if (person.uid === 0 || owns(person, boxes, policy)) return Infinity
  const ends = rights.map(right =>
    policy.grants
      .filter(giving(person, right, boxes, now))
      .reduce(
        (latest, { expires }) => Math.max(latest, expires === null ? Infinity : Date.parse(expires)),
        now
      )
  )
  return Math.min(...ends)
}

/** Whether a person may make a box of this name, which need not be one that what they were granted gives them more on. */
export function mayMake(person: Person, name: BoxName, policy: Policy, now: number): boolean {
  if (person.uid === 0 || owns(person, patternOfBox(name), policy)) return true
  return policy.grants.some(
    grant =>
      isFor(person, grant.subject) &&
      grant.rights.includes('manage') &&
      isLive(grant, now) &&
      includesNewBox(grant.boxes, name)
  )
}

/** Whether the box that is named is a person's own. */
export function owns(person: Person, { name }: BoxPattern, { owners }: Policy): boolean {
  return person.uid !== null && name !== null && owners.get(name) === person.uid
}

/** Whether a person has any right on anything: who has none is told nothing. */
export function hasAny(person: Person, policy: Policy, now: number): boolean {
  if (person.uid === 0) return true
  for (const owner of policy.owners.values()) if (owner === person.uid) return true
  return policy.grants.some(
    grant => isFor(person, grant.subject) && grant.rights.length > 0 && isLive(grant, now)
  )
}

/**
 * How well a person is known: `named` who owns a box or has a grant of their own, `grouped` who is in a group that a grant is
 * for, and a `stranger` who has no right on anything.
 */
export type Standing = 'named' | 'grouped' | 'stranger'

export function standingOf(person: Person, policy: Policy, now: number): Standing {
  const byName = { ...person, gids: [] }
  return hasAny(byName, policy, now) ? 'named' : hasAny(person, policy, now) ? 'grouped' : 'stranger'
}
