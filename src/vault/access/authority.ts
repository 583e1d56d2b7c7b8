import type { BoxName } from '../../base/names.ts'

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

/** What can be asked. `box.reveal` gives contents to the caller, `box.mount` to a container, `box.serve` to a service of a swarm. */
export const actions = [
  'box.list',
  'box.inspect',
  'box.create',
  'box.destroy',
  'box.rename',
  'box.change',
  'box.reveal',
  'box.mount',
  'box.serve',
  'copy.attach',
  'copy.wipe',
  'volume.list',
  'volume.create',
  'volume.remove',
  'audit.read',
  'reconcile',
  'status'
] as const

/** One of `actions`. */
export type Action = (typeof actions)[number]

/** The thing an action is about, as the audit keeps it. */
export interface Subject {
  readonly box?: BoxName | undefined
  /** What a box is called from then on. */
  readonly newName?: BoxName | undefined
  readonly volume?: string | undefined
  readonly mount?: string | undefined
  readonly version?: number | undefined
  readonly path?: string | undefined
  readonly container?: string | undefined
  readonly containerName?: string | undefined
  readonly image?: string | undefined
  readonly service?: string | undefined
  readonly task?: string | undefined
  readonly count?: number | undefined
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
  'reconcile'
])

/** The one decision: may this caller do this. Root may all; the engine what drivers do; nobody else anything. */
export function mayAct(caller: Caller, action: Action): boolean {
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
