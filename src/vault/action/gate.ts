import { isSecretboxError, SecretboxError, type ErrorCode } from '../../base/errors.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Sealing } from '../../crypto/sealing.ts'
import { theVault, type Action, type Details, type Resources } from '../access/actions.ts'
import { isOrdinary, mayAct, personOf, type Caller } from '../access/authority.ts'
import { Denial } from '../access/denial.ts'
import { hasAny, noPolicy } from '../access/grants.ts'
import type { Decision } from '../audit/records.ts'
import { createFlood } from './flood.ts'
import { beginAct, denied, mayOf, type May, type Permit, type PermitParts } from './permit.ts'
import { createRepetitions } from './repetitions.ts'

/** What `allow` allowed. */
export interface Allowed {
  /** Why it could not be recorded, or null. */
  readonly unrecorded: ErrorCode | null
  readonly may: May
}

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

/** Nothing but tests has another rule than `mayAct`, and another clock than the host's. */
export type GateParts = Pick<PermitParts, 'audit' | 'policies'> &
  Partial<PermitParts> & { readonly sealing: Sealing }

export function createGate({ sealing, ...others }: GateParts): Gate {
  const parts: PermitParts = { authority: mayAct, now: Date.now, ...others }
  const { audit, policies, authority, now } = parts
  const isRepeated = createRepetitions()
  const flood = createFlood(() => performance.now())

  const deny = async (caller: Caller, action: Action, keyring: Keyring, details: Details): Promise<void> => {
    const isStranger = isOrdinary(caller) && !hasAny(personOf(caller), await policies.current(keyring), now())
    const stands = isStranger ? flood.admit() : 1
    if (stands === 0) return
    const more = stands === 1 ? details : { ...details, count: stands }
    await audit.append(keyring, { caller, action, decision: 'denied', details: more }, [])
  }

  return {
    async run(caller, action, resource, work) {
      if (sealing.isSealed() && !authority(caller, action, resource, noPolicy, now()))
        throw isOrdinary(caller) ? sealed() : denied(caller, action)
      const keyring = await sealing.keyring()
      const { permit, entry, done } = await beginAct(parts, keyring, caller, action, resource)
      if (!permit.may(action, resource)) {
        await deny(caller, action, keyring, entry.details)
        throw denied(caller, action)
      }
      done.recorded = isRepeated(caller, action, entry.details)
      try {
        const result = await work(permit)
        if (!done.recorded) await permit.commit({}, [])
        return result
      } catch (error) {
        // Why the work failed matters more than that this cannot be recorded, as on a full disk.
        if (!done.recorded || done.wrote)
          await audit
            .append(keyring, { ...entry, ...howItEnded(error, entry.details) }, [])
            .catch(() => undefined)
        throw error
      }
    },

    async allow(caller, action) {
      let may: May = (other, on) => authority(caller, other, on, noPolicy, now())
      let unrecorded: ErrorCode | null = null
      try {
        const keyring = await sealing.keyring()
        may = await mayOf(parts, caller, keyring)
        if (may(action, theVault))
          await audit.append(keyring, { caller, action, decision: 'allowed', details: {} }, [])
        else await deny(caller, action, keyring, {})
      } catch (error) {
        if (!isSecretboxError(error)) throw error
        unrecorded = error.code
      }
      if (!may(action, theVault))
        throw unrecorded === 'sealed' && isOrdinary(caller) ? sealed() : denied(caller, action)
      return { unrecorded, may }
    }
  }
}

/** To whom nothing but a grant could allow anything: grants cannot be read. The vault does not try to open for them. */
function sealed(): SecretboxError {
  return new SecretboxError('sealed', 'the vault is sealed', {
    hint: 'root can see why: docker vault status'
  })
}

/** What the entry of an act that failed says beside who and what. */
function howItEnded(
  error: unknown,
  details: Details
): Pick<Decision, 'decision' | 'failed'> & { readonly details: Details } {
  const told = error instanceof Denial ? { ...details, ...error.details } : details
  return error instanceof Denial && error.code === 'denied'
    ? { decision: 'denied', details: told }
    : { decision: 'allowed', failed: codeOf(error), details: told }
}

function codeOf(error: unknown): ErrorCode {
  return isSecretboxError(error) ? error.code : 'internal'
}
