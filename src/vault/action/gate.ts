import { isSecretboxError, SecretboxError, type ErrorCode } from '../../base/errors.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Write } from '../../store/store.ts'
import type { Audit } from '../audit/audit.ts'
import { theVault, type Action, type Details, type Resources } from '../access/actions.ts'
import { mayAct, nameOf, type Authority, type Caller } from '../access/authority.ts'
import type { Sealing } from '../../crypto/sealing.ts'

/** Whether the same caller may do something else, too: what is told of other things must be theirs to know. */
type May = <A extends Action>(action: A, resource: Resources[A]) => boolean

/** Proof that a caller may do an action to a resource. It carries the keys that the action needs and the only way to commit. */
export interface Permit<A extends Action = Action> {
  readonly keyring: Keyring
  /** What was decided on. The work takes the names of what it touches from here. */
  readonly resource: Resources[A]
  readonly may: May
  /** Commits the writes and the audit entry of the action in one transaction. `more` adds to what the entry says. */
  commit(more: Details, writes: readonly Write[]): Promise<void>
}

/** What `allow` allowed. */
export interface Allowed {
  /** Why it could not be recorded, or null. */
  readonly unrecorded: ErrorCode | null
  readonly may: May
}

/**
 * Shells ask for names at each press of a key. What is asked again for the same thing within this time is not recorded
 * again; contents always are, and denials.
 */
const repeatMs = 10 * 60_000
const mostRemembered = 1000

/** The one place where authority is checked and decisions are recorded. */
export interface Gate {
  /**
   * Decides before anything is looked up, then does the work. Every call leaves an audit entry: the one that the
   * work commits, or else one after it, which names the error if it failed, also when it has committed something; but for names that a shell completes over
   * and over. A denial is recorded, then thrown as
   * `denied`. Throws `sealed` when the vault has no root key: what cannot be recorded is not done.
   */
  run<A extends Action, T>(
    caller: Caller,
    action: A,
    resource: Resources[A],
    work: (permit: Permit<A>) => Promise<T>
  ): Promise<T>
  /**
   * Decides on what is about the whole vault, opens and changes no box, and must be possible while the vault is sealed or
   * the disk is full: recorded as far as that can be. Throws `denied`.
   */
  allow(caller: Caller, action: 'status' | 'volume.list' | 'reconcile'): Promise<Allowed>
}

export interface GateParts {
  readonly sealing: Sealing
  readonly audit: Audit
  /** The rule. Nothing but tests has another than `mayAct`. */
  readonly authority?: Authority
}

export function createGate({ sealing, audit, authority = mayAct }: GateParts): Gate {
  /** When completions asked for what, last. */
  const asked = new Map<string, number>()

  const isRepeated = (caller: Caller, action: Action, { box }: Details): boolean => {
    if (caller.kind !== 'user' || caller.purpose !== 'completion') return false
    if (action !== 'box.list' && action !== 'box.inspect') return false
    const key = JSON.stringify([caller.uid, action, box])
    const now = performance.now()
    if (now - (asked.get(key) ?? -Infinity) < repeatMs) return true
    if (asked.size >= mostRemembered) asked.clear()
    asked.set(key, now)
    return false
  }

  return {
    async run(caller, action, resource, work) {
      const allowed = authority(caller, action, resource)
      if (!allowed && sealing.isSealed()) throw denied(caller, action)
      const keyring = await sealing.keyring()
      const entry = { caller, action, decision: 'allowed', details: resource } as const
      if (!allowed) {
        await audit.append(keyring, { ...entry, decision: 'denied' }, [])
        throw denied(caller, action)
      }
      const done = { recorded: isRepeated(caller, action, resource), wrote: false }
      const permit: Permit<typeof action> = {
        keyring,
        resource,
        may: (other, on) => authority(caller, other, on),
        async commit(more, writes) {
          if (done.recorded && writes.length === 0) return
          await audit.append(keyring, { ...entry, details: { ...resource, ...more } }, writes)
          done.recorded = true
          done.wrote ||= writes.length > 0
        }
      }
      try {
        const result = await work(permit)
        if (!done.recorded) await permit.commit({}, [])
        return result
      } catch (error) {
        // Why the work failed matters more than that this cannot be recorded, as on a full disk.
        if (!done.recorded || done.wrote)
          await audit.append(keyring, { ...entry, failed: codeOf(error) }, []).catch(() => undefined)
        throw error
      }
    },

    async allow(caller, action) {
      const allowed = authority(caller, action, theVault)
      let unrecorded: ErrorCode | null = null
      try {
        const entry = { caller, action, decision: allowed ? 'allowed' : 'denied', details: {} } as const
        await audit.append(await sealing.keyring(), entry, [])
      } catch (error) {
        if (!isSecretboxError(error)) throw error
        unrecorded = error.code
      }
      if (!allowed) throw denied(caller, action)
      return { unrecorded, may: (other, on) => authority(caller, other, on) }
    }
  }
}

function denied(caller: Caller, action: Action): SecretboxError {
  return new SecretboxError('denied', `${nameOf(caller)} may not ${action}`, { hint: 'ask as root' })
}

function codeOf(error: unknown): ErrorCode {
  return isSecretboxError(error) ? error.code : 'internal'
}
