import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { startAgainHint } from '../../base/messages.ts'
import type { BoxName } from '../../base/names.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Write } from '../../store/store.ts'
import { detailsOf, type Action, type Details, type Resources } from '../access/actions.ts'
import {
  isOrdinary,
  isPublic,
  isTelling,
  nameOf,
  rightFor,
  rightsFor,
  type Authority,
  type Caller
} from '../access/authority.ts'
import { isClosedBy, noPolicy, usesGranted, type GrantTo, type Policy } from '../access/grants.ts'
import type { ContainerSubject } from '../access/subjects.ts'
import type { Audit, AuditRenewal } from '../audit/audit.ts'
import type { Decision } from '../audit/records.ts'
import type { Flood } from './flood.ts'
import { Overtaken } from './overtaken.ts'
import type { GrantsNow, Policies } from './policies.ts'

/** Whether the same caller may do something else, too: what is told of other things must be theirs to know. */
export type May = <A extends Action>(action: A, resource: Resources[A]) => boolean

/** Proof that a caller may do an action to a resource. It carries the keys that the action needs and the only way to commit. */
export interface Permit<A extends Action = Action> {
  readonly caller: Caller
  readonly keyring: Keyring
  /** What was decided on. The work takes the names of what it touches from here. */
  readonly resource: Resources[A]
  /** By what is so when it is asked. */
  readonly may: May
  /**
   * All grants as they are now, and the keys of rows that are damaged. What is committed after a look at them was made from
   * them: `commit` throws `conflict` when a grant has come, changed or gone meanwhile.
   */
  grants(): Promise<GrantsNow>
  /** Whether some grant closes the box of a name. */
  isClosed(name: BoxName): Promise<boolean>
  /**
   * Those that let containers use a closed box now. What the Engine is given is for these: `commit` throws `conflict` when one of them
   * was taken back meanwhile.
   */
  users(box: BoxName): Promise<readonly GrantTo<ContainerSubject>[]>
  /** With them whose boxes are. */
  policy(): Promise<Policy>
  /** Has `check` asked, the last that was given, at each commit: nothing is committed between that and the commit. It throws what says no. */
  beforeCommit(check: () => Promise<void>): void
  /** Throws `denied` when what was allowed is so no more: a grant was revoked or has expired. */
  recheck(): Promise<void>
  /**
   * Commits the writes and the audit entry of the action in one transaction. `more` adds to what the entry says. Throws
   * what `recheck` and the check of `beforeCommit` throw: nothing is committed between that and this, so that what was revoked before is not done after.
   */
  commit(more: Details, writes: readonly Write[]): Promise<void>
  /** As `commit`, once for all that there is, which is put under other keys. */
  commitUnder(keys: Pick<AuditRenewal, 'to' | 'others' | 'onCommitted'>): Promise<void>
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
  readonly flood: Flood
}

/** What the rule says of a caller by what is known whenever it is asked. Root's own acts and the Engine's need no look at grants. */
export async function mayOf(
  { policies, authority, now }: PermitParts,
  caller: Caller,
  keyring: Keyring
): Promise<May> {
  if (!isOrdinary(caller)) return (action, resource) => authority(caller, action, resource, noPolicy, now())
  let policy = await policies.current(keyring)
  return (action, resource) => {
    policy = policies.known() ?? policy
    return authority(caller, action, resource, policy, now())
  }
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
  const looks = createLooks(parts, keyring, caller)
  const underNewKeys = createKeysCheck(keyring)
  let isStillSo = (): Promise<void> => Promise.resolve()
  const permit: Permit<A> = {
    ...{ caller, keyring, resource, may: await mayOf(parts, caller, keyring), ...looks },
    policy: () => policies.current(keyring),
    beforeCommit(check) {
      isStillSo = check
    },
    async recheck() {
      if (!isOrdinary(caller)) return
      await policies.current(keyring)
      if (!permit.may(action, resource)) throw denied(caller, action, resource)
    },
    async commit(more, writes) {
      if (done.recorded && writes.length === 0) {
        await permit.recheck()
        return
      }
      await audit.inTurn(async append => {
        underNewKeys(writes)
        await permit.recheck()
        await looks.recheck(writes)
        await isStillSo()
        const stands = writes.length === 0 ? standsFor(parts.flood, caller, action) : {}
        if (stands === null) return
        try {
          await append(keyring, { ...entry, details: { ...details, ...more, ...stands } }, writes)
        } catch (error) {
          if (!isSecretboxError(error, 'conflict')) policies.forget()
          throw error
        }
        policies.committed(keyring, writes)
      })
      done.recorded = true
      done.wrote ||= writes.length > 0
    },
    async commitUnder(keys) {
      await audit.renew({ ...keys, from: keyring, decision: { ...entry, details } })
      done.recorded = true
      done.wrote = true
    }
  }
  return { permit, entry, done }
}

/**
 * What an entry says of others like it, of what tells of names alone; null: it is not recorded itself, but counted. What is public
 * counts as what strangers do, whoever asks: they may have thousands of uids.
 */
export function standsFor(
  flood: Flood,
  caller: Caller,
  action: Action
): Pick<Details, 'times' | 'count'> | null {
  if (!isOrdinary(caller) || !isTelling(action)) return {}
  const isOfAll = isPublic(action)
  const times = flood.admit(isOfAll ? null : caller.uid)
  return times === 0 ? null : times === 1 ? {} : isOfAll ? { count: times } : { times }
}

/**
 * Throws `Overtaken` when the root key has become another since what is to be written was made: it is under keys that are none
 * any more. Volumes are under none, and what goes with a copy is not either.
 */
function createKeysCheck(keyring: Keyring): (writes: readonly Write[]) => void {
  let generation = keyring.generation()
  const isUnderKeys = (write: Write): boolean =>
    'put' in write ? !write.put.startsWith('volume/') : !keyOf(write).startsWith('copy/')
  return writes => {
    if (generation === keyring.generation()) return
    generation = keyring.generation()
    if (writes.some(isUnderKeys)) throw new Overtaken()
  }
}

function keyOf(write: Write): string {
  return 'put' in write ? write.put : 'remove' in write ? write.remove : write.removeAll
}

/** What an act has seen of the grants, and whether that is still so when it commits. */
function createLooks(
  { policies, now }: PermitParts,
  keyring: Keyring,
  caller: Caller
): Pick<Permit, 'grants' | 'isClosed' | 'users'> & { recheck(writes: readonly Write[]): Promise<void> } {
  let seen: number | null = null
  let given: { readonly box: BoxName; readonly to: readonly GrantTo<ContainerSubject>[] } | null = null
  const usersNow = async (box: BoxName): Promise<GrantTo<ContainerSubject>[]> =>
    usesGranted(await policies.grants(keyring), box, now())

  return {
    async grants() {
      const grants = await policies.grants(keyring)
      seen ??= grants.state
      return grants
    },
    isClosed: async name => isClosedBy(await policies.grants(keyring), name),
    async users(box) {
      const to = await usersNow(box)
      if (caller.kind !== 'user') given = { box, to }
      return to
    },
    async recheck(writes) {
      if (seen !== null && writes.length > 0 && seen !== policies.state()) {
        // What is looked at from now on is for the next attempt.
        seen = null
        throw new SecretboxError('conflict', 'others changed grants meanwhile')
      }
      if (given === null) return
      const still = new Set((await usersNow(given.box)).map(({ id }) => id))
      if (!given.to.every(({ id }) => still.has(id)))
        throw new SecretboxError(
          'conflict',
          `a grant to containers on box ${quote(given.box)} was revoked meanwhile`,
          { hint: startAgainHint(given.box) }
        )
    }
  }
}

/** It goes by what was asked alone, so that it is the same whether there is such a box or not: it names all the rights that this takes. */
export function denied(caller: Caller, action: Action, resource: Resources[Action]): SecretboxError {
  const rights = rightsFor(action, resource).map(quote)
  const ways = ['as root']
  if (isOrdinary(caller) && rightFor[action] === 'owner') ways.push('as the owner of the box')
  if (isOrdinary(caller) && rights.length > 0)
    ways.push(`for a grant of the right${rights.length === 1 ? '' : 's'} ${rights.join(' and ')}`)
  return new SecretboxError('denied', `${nameOf(caller)} may not ${action}`, {
    hint: `ask ${ways.join(', or ')}`
  })
}
