import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Write } from '../../store/store.ts'
import { detailsOf, type Action, type Details, type Resources } from '../access/actions.ts'
import { isOrdinary, nameOf, rightFor, type Authority, type Caller } from '../access/authority.ts'
import { noPolicy, usesGranted, type GrantTo, type Policy } from '../access/grants.ts'
import type { ContainerSubject } from '../access/subjects.ts'
import type { Audit } from '../audit/audit.ts'
import type { Decision } from '../audit/records.ts'
import type { Policies } from './policies.ts'

/** Whether the same caller may do something else, too: what is told of other things must be theirs to know. */
export type May = <A extends Action>(action: A, resource: Resources[A]) => boolean

/** Proof that a caller may do an action to a resource. It carries the keys that the action needs and the only way to commit. */
export interface Permit<A extends Action = Action> {
  readonly caller: Caller
  readonly keyring: Keyring
  /** What was decided on. The work takes the names of what it touches from here. */
  readonly resource: Resources[A]
  readonly may: May
  /** All grants as they are now, and the keys of rows that are damaged. */
  grants(): ReturnType<Policies['grants']>
  /** Those that let containers use a box now. */
  users(box: BoxName): Promise<readonly GrantTo<ContainerSubject>[]>
  /** With them whose boxes are. */
  policy(): Promise<Policy>
  /** Throws `denied` when what was allowed is so no more: a grant was revoked or has expired. */
  recheck(): Promise<void>
  /**
   * Commits the writes and the audit entry of the action in one transaction. `more` adds to what the entry says. Throws
   * what `recheck` throws.
   */
  commit(more: Details, writes: readonly Write[]): Promise<void>
}

/** An act that is asked for: the permit, for if it is allowed; the entry, as far as it is known before; and what came of it so far. */
interface Begun<A extends Action> {
  readonly permit: Permit<A>
  readonly entry: Decision & { readonly decision: 'allowed'; readonly details: Details }
  readonly done: { recorded: boolean; wrote: boolean }
}

/** What permits are made of: the rule, what it goes by, and where acts are recorded. */
export interface PermitParts {
  readonly audit: Audit
  readonly policies: Policies
  readonly authority: Authority
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** What the rule says of a caller by what is known now. Root's own acts and the Engine's need no look at grants. */
export async function mayOf(
  { policies, authority, now }: PermitParts,
  caller: Caller,
  keyring: Keyring
): Promise<May> {
  const policy = isOrdinary(caller) ? await policies.current(keyring) : noPolicy
  return (action, resource) => authority(caller, action, resource, policy, now())
}

/** The permit for an act that is asked for. Nobody has it before `permit.may` said so. */
export async function beginAct<A extends Action>(
  parts: PermitParts,
  keyring: Keyring,
  caller: Caller,
  action: A,
  resource: Resources[A]
): Promise<Begun<A>> {
  const { audit, policies } = parts
  const details = detailsOf(resource)
  const entry = { caller, action, decision: 'allowed', details } as const
  const done = { recorded: false, wrote: false }
  const permit: Permit<A> = {
    ...{ caller, keyring, resource, may: await mayOf(parts, caller, keyring) },
    grants: () => policies.grants(keyring),
    users: async box => usesGranted(await policies.grants(keyring), box, parts.now()),
    policy: () => policies.current(keyring),
    async recheck() {
      if (!isOrdinary(caller)) return
      const mayNow = await mayOf(parts, caller, keyring)
      if (!mayNow(action, resource)) throw denied(caller, action)
    },
    async commit(more, writes) {
      await permit.recheck()
      if (done.recorded && writes.length === 0) return
      try {
        await audit.append(keyring, { ...entry, details: { ...details, ...more } }, writes)
      } catch (error) {
        if (!isSecretboxError(error, 'conflict')) policies.forget()
        throw error
      }
      policies.committed(keyring, writes)
      done.recorded = true
      done.wrote ||= writes.length > 0
    }
  }
  return { permit, entry, done }
}

/** It goes by what was asked alone, so that it is the same whether there is such a box or not. */
export function denied(caller: Caller, action: Action): SecretboxError {
  const right = rightFor[action]
  const hint =
    isOrdinary(caller) && right !== null
      ? `ask as root, or for a grant of the right "${right}"`
      : 'ask as root'
  return new SecretboxError('denied', `${nameOf(caller)} may not ${action}`, { hint })
}
