import { SecretboxError } from '../errors.ts'
import type { Keyring } from '../seal/keyring.ts'
import type { Change } from '../store/store.ts'
import type { Audit } from './audit.ts'
import { mayAct, nameOf, type Action, type Caller, type Subject } from './authority.ts'
import type { Sealing } from './sealing.ts'

/** Proof that a caller may do an action. It carries the keys that the action needs and the only way to commit. */
export interface Permit {
  readonly keyring: Keyring
  /** Commits the changes and the audit entry of the action in one transaction. `more` adds to the entry's subject. */
  commit(more: Subject, changes: readonly Change[]): Promise<void>
}

/** The one place where authority is checked and decisions are recorded. */
export interface Gate {
  /**
   * Decides before anything is looked up. A denial is recorded, then thrown as `denied`. Throws `sealed` when
   * the vault has no root key: what cannot be recorded is not done.
   */
  allow(caller: Caller, action: Action, subject?: Subject): Promise<Permit>
}

export function createGate(parts: { sealing: Sealing; audit: Audit }): Gate {
  return {
    async allow(caller, action, subject = {}) {
      const allowed = mayAct(caller, action)
      if (!allowed && parts.sealing.isSealed()) throw denied(caller, action)
      const keyring = await parts.sealing.keyring()
      if (!allowed) {
        await parts.audit.append(keyring, { caller, action, decision: 'denied', subject }, [])
        throw denied(caller, action)
      }
      return {
        keyring,
        commit: (more, changes) =>
          parts.audit.append(
            keyring,
            { caller, action, decision: 'allowed', subject: { ...subject, ...more } },
            changes
          )
      }
    }
  }
}

function denied(caller: Caller, action: Action): SecretboxError {
  return new SecretboxError('denied', `${nameOf(caller)} may not ${action}`, { hint: 'ask as root' })
}
