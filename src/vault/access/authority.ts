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

/** A rule that says whether a caller may do something to a resource. It is pure: what it goes by is in its arguments. */
export type Authority = <A extends Action>(caller: Caller, action: A, resource: Resources[A]) => boolean

/**
 * The one decision. Today it goes by caller and action alone, and is the same for every resource: root may do all, the
 * engine what drivers do, nobody else anything.
 */
export function mayAct<A extends Action>(caller: Caller, action: A, _resource: Resources[A]): boolean {
  switch (caller.kind) {
    case 'daemon':
      return daemonActions.has(action)
    case 'engine':
      return engineActions.has(action)
    case 'user':
      return caller.uid === 0
  }
}

/** A caller as messages and the audit name it. */
export function nameOf(caller: Caller): string {
  return caller.kind === 'user' ? `uid ${caller.uid}` : caller.kind
}
