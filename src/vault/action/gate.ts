import { isSecretboxError, SecretboxError, type ErrorCode } from '../../base/errors.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Change } from '../../store/store.ts'
import type { Audit } from '../audit/audit.ts'
import { mayAct, nameOf, type Action, type Caller, type Subject } from '../access/authority.ts'
import type { Sealing } from '../../crypto/sealing.ts'

/** Proof that a caller may do an action. It carries the keys that the action needs and the only way to commit. */
export interface Permit {
  readonly keyring: Keyring
  /** Whether the same caller may do something else, too: what is told of other things must be theirs to know. */
  may(action: Action): boolean
  /** Commits the changes and the audit entry of the action in one transaction. `more` adds to the entry's subject. */
  commit(more: Subject, changes: readonly Change[]): Promise<void>
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
   * work commits, or else one after it, which names the error if it failed; but for names that a shell completes over
   * and over. A denial is recorded, then thrown as
   * `denied`. Throws `sealed` when the vault has no root key: what cannot be recorded is not done.
   */
  run<T>(caller: Caller, action: Action, subject: Subject, work: (permit: Permit) => Promise<T>): Promise<T>
  /**
   * Decides on what opens and changes no box, and must be possible while the vault is sealed or the disk is full:
   * recorded as far as that can be. Resolves with why it could not be, or null. Throws `denied`.
   */
  allow(caller: Caller, action: 'status' | 'volume.list' | 'reconcile'): Promise<ErrorCode | null>
}

export function createGate({ sealing, audit }: { sealing: Sealing; audit: Audit }): Gate {
  /** When completions asked for what, last. */
  const asked = new Map<string, number>()

  const isRepeated = (caller: Caller, action: Action, { box }: Subject): boolean => {
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
    async run(caller, action, subject, work) {
      const allowed = mayAct(caller, action)
      if (!allowed && sealing.isSealed()) throw denied(caller, action)
      const keyring = await sealing.keyring()
      const entry = { caller, action, decision: 'allowed', subject } as const
      if (!allowed) {
        await audit.append(keyring, { ...entry, decision: 'denied' }, [])
        throw denied(caller, action)
      }
      const done = { recorded: isRepeated(caller, action, subject) }
      const permit: Permit = {
        keyring,
        may: other => mayAct(caller, other),
        async commit(more, changes) {
          if (done.recorded && changes.length === 0) return
          await audit.append(keyring, { ...entry, subject: { ...subject, ...more } }, changes)
          done.recorded = true
        }
      }
      try {
        const result = await work(permit)
        if (!done.recorded) await permit.commit({}, [])
        return result
      } catch (error) {
        // Why the work failed matters more than that this cannot be recorded, as on a full disk.
        if (!done.recorded)
          await audit.append(keyring, { ...entry, failed: codeOf(error) }, []).catch(() => undefined)
        throw error
      }
    },

    async allow(caller, action) {
      const allowed = mayAct(caller, action)
      let unrecorded: ErrorCode | null = null
      try {
        const entry = { caller, action, decision: allowed ? 'allowed' : 'denied', subject: {} } as const
        await audit.append(await sealing.keyring(), entry, [])
      } catch (error) {
        if (!isSecretboxError(error)) throw error
        unrecorded = error.code
      }
      if (!allowed) throw denied(caller, action)
      return unrecorded
    }
  }
}

function denied(caller: Caller, action: Action): SecretboxError {
  return new SecretboxError('denied', `${nameOf(caller)} may not ${action}`, { hint: 'ask as root' })
}

function codeOf(error: unknown): ErrorCode {
  return isSecretboxError(error) ? error.code : 'internal'
}
