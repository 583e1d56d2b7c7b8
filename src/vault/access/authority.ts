import type { BoxName, MountId, VolumeName } from '../../base/names.ts'
import type { Action, Resources } from './actions.ts'

/**
 * Who asks. A user is known by the kernel (SO_PEERCRED of the admin socket); the engine is whoever reaches
 * the plugin socket, which lies in a directory of root's; the daemon is this process on its own account.
 */
export type Caller =
  | {
      readonly kind: 'user'
      readonly uid: number
      readonly gid: number
      readonly pid: number
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
  'reconcile'
])

/** What a container may ask for, of its own copy alone; nobody else is given what is a container's own. */
const containerActions: ReadonlySet<Action> = new Set<Action>(['token.issue'])

/** A rule that says whether a caller may do something to a resource. It is pure: what it goes by is in its arguments. */
export type Authority = <A extends Action>(caller: Caller, action: A, resource: Resources[A]) => boolean

/**
 * The one decision. Root may do all but what is a container's own, the engine what drivers do, a container what is about its
 * own copy, nobody else anything.
 */
export function mayAct<A extends Action>(caller: Caller, action: A, resource: Resources[A]): boolean {
  switch (caller.kind) {
    case 'daemon':
      return daemonActions.has(action)
    case 'engine':
      return engineActions.has(action)
    case 'user':
      return caller.uid === 0 && !containerActions.has(action)
    case 'container':
      return containerActions.has(action) && isAbout(resource, caller)
  }
}

function isAbout(resource: object, copy: { box: BoxName; volume: VolumeName; mount: MountId }): boolean {
  const { box, volume, mount } = resource as Partial<typeof copy>
  return box === copy.box && volume === copy.volume && mount === copy.mount
}

/** A caller as messages and the audit name it. */
export function nameOf(caller: Caller): string {
  return caller.kind === 'user' ? `uid ${caller.uid}` : caller.kind
}
