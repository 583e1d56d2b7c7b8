import { isSecretboxError, SecretboxError, type ErrorCode } from '../../base/errors.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Sealing } from '../../crypto/keyslots/sealing.ts'
import type { BoxName } from '../../base/names.ts'
import { theVault, type Action, type Details, type Resources } from '../access/actions.ts'
import {
  couldAct,
  isOrdinary,
  isTelling,
  mayAct,
  nameOf,
  personOf,
  type Caller
} from '../access/authority.ts'
import { Denial } from '../access/denial.ts'
import { hasAny, noPolicy } from '../access/grants.ts'
import type { Decision } from '../audit/records.ts'
import { createFlood } from './flood.ts'
import { beginAct, denied, mayOf, standsFor, type May, type Permit, type PermitParts } from './permit.ts'
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
  allow(caller: Caller, action: 'status' | 'volume.list' | 'keyslot.list' | 'reconcile'): Promise<Allowed>
  /**
   * Decides what can be decided while it is not known yet what exactly is asked for, nor of which box (null): throws `denied`, as the
   * first of the actions, to who can be allowed none of them. It is recorded as any denial.
   */
  refuseHopeless(caller: Caller, actions: readonly [Action, ...Action[]], box: BoxName | null): Promise<void>
  /** Lets a caller have the vault opened, which is root's alone to do, and records it when it is open. Throws `denied`, and what `work` throws. */
  unseal(caller: Caller, work: () => Promise<void>): Promise<void>
}

/** Nothing but tests has another rule than `mayAct`, and another clock than the host's. */
export type GateParts = Pick<PermitParts, 'audit' | 'policies'> &
  Partial<PermitParts> & { readonly sealing: Sealing }

export function createGate({ sealing, ...others }: GateParts): Gate {
  const flood = createFlood(() => performance.now())
  const parts: PermitParts = { authority: mayAct, now: Date.now, flood, ...others }
  const { audit, policies, authority, now } = parts
  const isRepeated = createRepetitions()

  return {
    async run(caller, action, resource, work) {
      if (sealing.isSealed() && !authority(caller, action, resource, noPolicy, now()))
        throw isOrdinary(caller) ? sealed() : denied(caller, action, resource)
      const keyring = await sealing.keyring()
      const { permit, entry, done } = await beginAct(parts, keyring, caller, action, resource)
      if (!permit.may(action, resource)) {
        await deny(parts, caller, action, keyring, entry.details)
        throw denied(caller, action, resource)
      }
      if (isOrdinary(caller) && !isTelling(action) && !parts.flood.mayDo(caller.uid)) throw tooOften(caller)
      done.recorded = isRepeated(caller, action, entry.details)
      try {
        const result = await work(permit)
        if (!done.recorded) await permit.commit({}, [])
        return result
      } catch (error) {
        if (!done.recorded || done.wrote) await recordEnd(parts, keyring, entry, error, done.wrote)
        throw error
      }
    },

    async allow(caller, action) {
      if (sealing.isSealed() && isOrdinary(caller)) throw sealed()
      let may: May = (other, on) => authority(caller, other, on, noPolicy, now())
      let unrecorded: ErrorCode | null = null
      try {
        const keyring = await sealing.keyring()
        may = await mayOf(parts, caller, keyring)
        if (may(action, theVault)) {
          const stands = standsFor(parts.flood, caller, action)
          if (stands !== null)
            await audit.append(keyring, { caller, action, decision: 'allowed', details: stands }, [])
        } else await deny(parts, caller, action, keyring, {})
      } catch (error) {
        if (!isSecretboxError(error)) throw error
        unrecorded = error.code
      }
      if (!may(action, theVault)) throw denied(caller, action, theVault)
      return { unrecorded, may }
    },

    async refuseHopeless(caller, actions, box) {
      if (!isOrdinary(caller)) return
      if (sealing.isSealed()) throw sealed()
      const keyring = await sealing.keyring()
      const policy = await policies.current(keyring)
      if (actions.some(action => couldAct(caller, action, box, policy, now()))) return
      await deny(parts, caller, actions[0], keyring, box === null ? {} : { box })
      throw denied(caller, actions[0], theVault)
    },

    async unseal(caller, work) {
      const action = 'vault.unseal'
      if (!authority(caller, action, theVault, noPolicy, now())) throw denied(caller, action, theVault)
      await work()
      const keyring = await sealing.keyring()
      await audit.append(keyring, { caller, action, decision: 'allowed', details: {} }, [])
    }
  }
}

/** Records a denial, or counts it. */
async function deny(
  { audit, policies, flood, now }: PermitParts,
  caller: Caller,
  action: Action,
  keyring: Keyring,
  details: Details
): Promise<void> {
  const isKnown = isOrdinary(caller) && hasAny(personOf(caller), await policies.current(keyring), now())
  const stands = isOrdinary(caller) ? flood.admit(isKnown ? caller.uid : null) : 1
  if (stands === 0) return
  const more = stands === 1 ? details : { ...details, count: stands }
  await audit.append(keyring, { caller, action, decision: 'denied', details: more }, [])
}

/** Records how an act ended that failed, or counts it. */
async function recordEnd(
  { audit, flood }: PermitParts,
  keyring: Keyring,
  entry: Decision & { readonly details: Details },
  error: unknown,
  hasWritten: boolean
): Promise<void> {
  const { caller } = entry
  const times = isOrdinary(caller) && !hasWritten ? flood.admit(caller.uid) : 1
  if (times === 0) return
  const { details, ...ended } = howItEnded(error, entry.details)
  const told = times === 1 ? details : { ...details, times }
  // Why the work failed matters more than that this cannot be recorded, as on a full disk.
  await audit.append(keyring, { ...entry, ...ended, details: told }, []).catch(() => undefined)
}

/** To who does more than the audit is to hold of one person. */
function tooOften(caller: Caller): SecretboxError {
  return new SecretboxError('too_many', `${nameOf(caller)} asks too often`, {
    hint: 'each is recorded, and there are limits to what one person may fill the audit with; try again in a while'
  })
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
