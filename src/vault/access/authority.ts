import type { BoxName, MountId, VolumeName } from '../../base/names.ts'
import type { Right } from '../../base/rights.ts'
import type { Action, Resources } from './actions.ts'
import { patternOfBox, type BoxPattern } from './box-pattern.ts'
import type { Subject } from './subjects.ts'
import { hasAny, isFor, mayMake, owns, whyHas, type Person, type Policy } from './grants.ts'

/**
 * Who asks. A user is known by the kernel (SO_PEERCRED and SO_PEERGROUPS of the admin sockets); the engine is whoever reaches
 * the plugin socket, which lies in a directory of root's; the daemon is this process on its own account.
 */
export type Caller =
  | {
      readonly kind: 'user'
      readonly uid: number
      readonly gid: number
      readonly pid: number
      /** The groups that the process is in beside `gid`. */
      readonly groups?: readonly number[]
      /** Says of itself that it completes names for a shell; it may do no more and no less for that. */
      readonly purpose?: 'completion'
    }
  | {
      /** Whoever asks at the socket of a copy and has that copy, as the kernel says. */
      readonly kind: 'container'
      readonly uid: number
      readonly gid: number
      readonly pid: number
      readonly box: BoxName
      readonly volume: VolumeName
      readonly mount: MountId
    }
  | { readonly kind: 'engine' }
  | { readonly kind: 'daemon' }

/**
 * The right that each action takes on each box that it names; `owner`: it is for who owns the box, and nobody can be granted it;
 * null: it is root's alone, or public. `box.use` tells the names of
 * variables, and of contents whether they are equal to others: that tells a guess from the right one. What names no box, a listing of
 * whatever there is, may be asked for by who has any right on anything: it shows what they have a right on.
 */
export const rightFor: Readonly<Record<Action, Right | 'owner' | null>> = {
  'box.list': 'info',
  'box.inspect': 'info',
  'box.create': 'manage',
  'box.destroy': 'manage',
  'box.rename': 'manage',
  'box.own': 'owner',
  'box.rotate': null,
  'box.change': 'write',
  'box.compare': 'reveal',
  'box.reveal': 'reveal',
  'box.mount': 'use',
  'box.answer': null,
  'box.serve': 'use',
  'copy.describe': null,
  'box.use': 'reveal',
  'token.issue': null,
  'identity.show': null,
  'copy.attach': null,
  'copy.wipe': null,
  'copy.withdraw': null,
  'volume.list': 'info',
  'volume.create': 'use',
  'volume.remove': null,
  'type.list': 'info',
  'audit.read': 'manage',
  'grant.ask': 'manage',
  'grant.list': 'manage',
  'grant.add': 'manage',
  'grant.revoke': 'manage',
  'grant.discard': null,
  'keyslot.list': null,
  'keyslot.add': null,
  'keyslot.replace': null,
  'keyslot.remove': null,
  'keyslot.test': null,
  'vault.rotate': null,
  'vault.seal': null,
  'vault.unseal': null,
  reconcile: null,
  status: null
}

const engineActions: ReadonlySet<Action> = new Set<Action>([
  'box.inspect',
  'box.mount',
  'box.serve',
  'copy.wipe',
  'volume.list',
  'volume.create',
  'volume.remove'
])

/** `box.destroy`: of an ephemeral box, with its last volume. */
const daemonActions: ReadonlySet<Action> = new Set<Action>([
  'box.destroy',
  'copy.wipe',
  'copy.attach',
  'copy.withdraw',
  'reconcile'
])

/** What a container may ask for, of its own copy alone; nobody else is given what is a container's own. */
const containerActions: ReadonlySet<Action> = new Set<Action>(['box.answer', 'copy.describe', 'token.issue'])

/** What a person may ask for without naming a box. */
const listings: ReadonlySet<Action> = new Set<Action>(['box.list', 'type.list', 'volume.list', 'grant.list'])

/** What is public, so that also who has no right on anything may ask for it. */
const publicActions: ReadonlySet<Action> = new Set<Action>(['identity.show'])

/** Whether anybody may ask for it who reaches the daemon. */
export function isPublic(action: Action): boolean {
  return publicActions.has(action)
}

/** What tells of names, of who may what, or of what was done: no contents, and nothing is changed. */
const tellings: ReadonlySet<Action> = new Set<Action>([
  'box.list',
  'box.inspect',
  'type.list',
  'volume.list',
  'audit.read',
  'grant.list',
  'grant.ask',
  'identity.show'
])

/** Whether an act tells of names alone. */
export function isTelling(action: Action): boolean {
  return tellings.has(action)
}

/** A rule that says whether a caller may do something to a resource. It is pure: what it goes by is in its arguments. */
export type Authority = <A extends Action>(
  caller: Caller,
  action: A,
  resource: Resources[A],
  policy: Policy,
  now: number
) => boolean

/**
 * The one decision. Root may do all but what is a container's own, the engine what drivers do, a container what is
 * about its own copy, the daemon what it does by itself, others what they were
 * granted, or own. A new name may be one on which more is granted: who renames must have `reveal`. What is never revealed is not for the rule: it is so of the box itself. `now`: milliseconds since 1970.
 */
export function mayAct<A extends Action>(
  caller: Caller,
  action: A,
  resource: Resources[A],
  policy: Policy,
  now: number
): boolean {
  switch (caller.kind) {
    case 'daemon':
      return daemonActions.has(action)
    case 'engine':
      return engineActions.has(action)
    case 'user': {
      if (caller.uid === 0) return !containerActions.has(action)
      const right: Right | 'owner' | null = rightFor[action]
      if (right === null) return isPublic(action)
      const person = personOf(caller)
      if (action === 'grant.ask' && isAboutSelf(person, resource)) return hasAny(person, policy, now)
      const boxes = boxesIn(resource)
      if (right === 'owner') return boxes.every(box => owns(person, box, policy))
      if (action === 'box.create')
        return mayMake(person, (resource as Resources['box.create']).box, policy, now)
      if (boxes.length === 0) return listings.has(action) && hasAny(person, policy, now)
      const has = (each: Right, box: BoxPattern): boolean => whyHas(person, each, box, policy, now) !== null
      if (
        action === 'box.rename' &&
        !boxesIn({ box: (resource as Resources['box.rename']).box }).every(box => has('reveal', box))
      )
        return false
      return [right, ...granted(resource)].every(each => boxes.every(box => has(each, box)))
    }
    case 'container':
      return containerActions.has(action) && isAbout(resource, caller)
  }
}

/**
 * Whether somebody may be allowed an action, as far as the box is known that it is about; null: it is not known yet, or it is
 * about none. Who may not be will not be allowed it by `mayAct`.
 */
export function couldAct(
  caller: Caller & { kind: 'user' },
  action: Action,
  box: BoxName | null,
  policy: Policy,
  now: number
): boolean {
  const right: Right | 'owner' | null = rightFor[action]
  if (caller.uid === 0) return true
  if (right === null) return isPublic(action)
  const person = personOf(caller)
  if (box === null) return hasAny(person, policy, now)
  if (action === 'box.create') return mayMake(person, box, policy, now)
  const pattern = patternOfBox(box)
  return right === 'owner'
    ? owns(person, pattern, policy)
    : whyHas(person, right, pattern, policy, now) !== null
}

function isAbout(resource: object, copy: { box: BoxName; volume: VolumeName; mount: MountId }): boolean {
  const { box, volume, mount } = resource as Partial<typeof copy>
  return box === copy.box && volume === copy.volume && mount === copy.mount
}

/** Somebody who may do what grants say and what is theirs, and no more. */
export function isOrdinary(caller: Caller): caller is Caller & { kind: 'user' } {
  return caller.kind === 'user' && caller.uid !== 0
}

/** The person that a user is. */
export function personOf({ uid, gid, groups = [] }: Caller & { kind: 'user' }): Person {
  return { uid, gids: [gid, ...groups] }
}

/** Everybody may ask what they themselves may do, who may do anything. */
function isAboutSelf(person: Person, resource: Resources[Action]): boolean {
  const { subject }: Named = resource as Named
  return subject !== undefined && isFor(person, subject)
}

interface Named {
  readonly subject?: Subject
  readonly box?: BoxName
  readonly newName?: BoxName
  readonly boxes?: BoxPattern
  readonly rights?: readonly Right[]
}

function boxesIn(resource: Resources[Action]): BoxPattern[] {
  const { box, newName, boxes }: Named = resource as Named
  return [box, newName].flatMap(name => (name === undefined ? [] : patternOfBox(name))).concat(boxes ?? [])
}

/** Only who has `reveal` can grant it: a manager who could would have it. */
function granted(resource: Resources[Action]): Right[] {
  const { rights = [] } = resource as Named
  return rights.includes('reveal') ? ['reveal'] : []
}

/**
 * The rights that an ordinary user must have for what is asked, as far as they can be granted; a new name takes the first of them
 * alone. It goes by what is asked, and by nothing that there is.
 */
export function rightsFor(action: Action, resource: Resources[Action]): Right[] {
  const right: Right | 'owner' | null = rightFor[action]
  if (right === null || right === 'owner') return []
  const more: Right[] = action === 'box.rename' ? ['reveal'] : granted(resource)
  return [...new Set([right, ...more])]
}

/** The uid that what a caller makes is of: what is asked for by no user is root's. */
export function uidOfMaker(caller: Caller): number {
  return caller.kind === 'user' ? caller.uid : 0
}

/** A caller as messages and the audit name it. */
export function nameOf(caller: Caller): string {
  return caller.kind === 'user' ? `uid ${caller.uid}` : caller.kind
}
