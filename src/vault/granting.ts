import { randomBytes } from 'node:crypto'
import { quote, SecretboxError } from '../base/errors.ts'
import { rights as allRights, type Right } from '../base/rights.ts'
import type { BoxName } from '../base/names.ts'
import type { Store } from '../store/store.ts'
import { theVault } from './access/actions.ts'
import { isOrdinary, nameOf, personOf, rightsFor, uidOfMaker, type Caller } from './access/authority.ts'
import { includesBox, patternOfBox, type BoxPattern } from './access/box-pattern.ts'
import {
  gives,
  hasUntil,
  isFor,
  isToContainer,
  whyHas,
  type Grant,
  type Person,
  type Policy,
  type Reason
} from './access/grants.ts'
import { coversSubject, isPerson, printSubject, type Subject } from './access/subjects.ts'
import type { Gate } from './action/gate.ts'
import { commitPrepared, type Prepared } from './action/overtaken.ts'
import type { Permit } from './action/permit.ts'
import { boxesWithGrant, boxesWithout, askedAbout } from './boxes/granted.ts'
import { grantKey, isNote, noteRule, putGrant, removeGrant } from './grants/records.ts'

/** What is to be granted. */
export interface Wish {
  readonly subject: Subject
  readonly rights: readonly Right[]
  readonly boxes: BoxPattern
  readonly note: string
  /** RFC 3339, UTC; null: until it is revoked. */
  readonly expires: string | null
}

/** An answer to whether somebody has a right on a box, and why; null for no. */
export type Answer = Reason | 'open' | null

/** Grants: made, revoked, listed, asked about. */
export interface Granting {
  /**
   * Makes a grant; one that is there already is not made twice. The first to containers closes the boxes that it is about.
   * Throws `not_found` for a box that is named and is not there, `invalid`, `conflict` for a right that nobody can have.
   */
  grant(caller: Caller, wish: Wish): Promise<Grant>
  /**
   * Takes rights, null for all, from what was granted on exactly these boxes to exactly this subject. Gives those that were
   * granted, as they are now. Throws `not_found` when there is no such grant.
   */
  revoke(
    caller: Caller,
    boxes: BoxPattern,
    subject: Subject,
    rights: readonly Right[] | null
  ): Promise<Grant[]>
  /**
   * Takes away the record of a grant that is damaged, by its key: what it gave nobody knows. Throws `not_found`, and `conflict` for one
   * that is not damaged.
   */
  discard(caller: Caller, record: string): Promise<void>
  /** The grants that are about a box, or all that the caller may know of: those of boxes that they manage, and their own. */
  list(caller: Caller, box: BoxName | null): Promise<{ grants: Grant[]; damaged: readonly string[] }>
  /**
   * Whether a subject has a right on a box. Who manages the box may ask, and everybody about themselves. `gids`: the groups
   * that a user is in, as far as they count.
   */
  can(caller: Caller, subject: Subject, gids: readonly number[], right: Right, box: BoxName): Promise<Answer>
}

/** As many as decisions go through one by one; of one person, and of all who are not root, so that there is room for others, and for root. */
const mostGrants = { all: 10_000, ofPeople: 9000, ofOne: 1000 } as const

export function createGranting(parts: { store: Store; gate: Gate; now?: () => number }): Granting {
  const { store, gate, now = Date.now } = parts
  return {
    async grant(caller, wish) {
      refuseUnfit(wish, now())
      const { boxes, subject, rights } = wish
      return gate.run(caller, 'grant.add', { boxes, subject, rights }, permit =>
        commitPrepared(permit, () => adding(store, permit, wish, now()))
      )
    },

    revoke: (caller, boxes, subject, rights) =>
      gate.run(caller, 'grant.revoke', { boxes, subject }, permit =>
        commitPrepared(permit, () => revoking(store, permit, rights))
      ),

    discard: (caller, record) =>
      gate.run(caller, 'grant.discard', { record }, permit =>
        commitPrepared(permit, () => discarding(permit))
      ),

    list: (caller, box) =>
      gate.run(caller, 'grant.list', box === null ? theVault : { boxes: patternOfBox(box) }, async permit => {
        const { grants, damaged } = await permit.grants()
        const shown = grants.filter(grant =>
          box === null ? isShown(permit, grant) : includesBox(grant.boxes, box)
        )
        await permit.commit({ count: shown.length }, [])
        // What the caller may know of was less by the time that it was recorded, if something was revoked meanwhile.
        const left = box === null ? shown.filter(grant => isShown(permit, grant)) : shown
        return { grants: left.sort(inOrder), damaged: permit.may('status', theVault) ? damaged : [] }
      }),

    can: (caller, subject, gids, right, box) =>
      gate.run(caller, 'grant.ask', { boxes: patternOfBox(box), subject }, async permit => {
        const question = { right, box, policy: await permit.policy(), now: now() }
        if (!isPerson(subject)) return whyContainer(store, permit, subject, question)
        const inGroups = isOwn(caller, subject) ? gidsOf(caller) : gids
        return whyPerson(store, permit, personIn(subject, inGroups), question)
      })
  }
}

function refuseUnfit({ subject, rights, note, expires }: Wish, now: number): void {
  if (rights.length === 0)
    throw new SecretboxError('invalid', `bad grant: it names no right`, { hint: rightsHint })
  if (!isNote(note)) throw new SecretboxError('invalid', `bad note: ${noteRule}`)
  if (expires !== null && Date.parse(expires) <= now)
    throw new SecretboxError('invalid', `bad expiry ${quote(expires)}: that time is over`)
  const wrong = isPerson(subject) ? undefined : rights.find(right => right !== 'use')
  if (wrong !== undefined)
    throw new SecretboxError(
      'invalid',
      `a container cannot have the right "${wrong}": all it can have is "use"`
    )
}

const rightsHint = `rights are ${allRights.join(', ')}`

async function adding(
  store: Store,
  permit: Permit<'grant.add'>,
  wish: Wish,
  now: number
): Promise<Prepared<Grant>> {
  const { caller, keyring } = permit
  const rights = allRights.filter(right => wish.rights.includes(right))
  const { grants } = await permit.grants()
  refuseOutliving(permit, wish, await permit.policy(), now)
  const present = grants.find(
    grant =>
      isSame(grant, wish.boxes, wish.subject) &&
      grant.rights.join() === rights.join() &&
      grant.expires === wish.expires &&
      grant.note === wish.note
  )
  if (present !== undefined) return { answer: present, details: { grant: present.id, rights }, writes: [] }
  refuseTooMany(caller, grants)
  const grant: Grant = {
    ...wish,
    rights,
    id: randomBytes(16).toString('hex'),
    by: uidOfMaker(caller),
    at: new Date(now).toISOString()
  }
  const touched = await boxesWithGrant(store, permit, grant)
  const details = { grant: grant.id, rights, ...(grant.expires === null ? {} : { expires: grant.expires }) }
  return { answer: grant, details, writes: [...touched, putGrant(keyring, grant)] }
}

/** What ends with a right cannot be made to last by it: neither for who has it, nor by way of others. */
function refuseOutliving(
  { caller, resource }: Pick<Permit<'grant.add'>, 'caller' | 'resource'>,
  { boxes, expires }: Wish,
  policy: Policy,
  now: number
): void {
  if (!isOrdinary(caller)) return
  const needed = rightsFor('grant.add', resource)
  const until = hasUntil(personOf(caller), needed, boxes, policy, now)
  if (until === Infinity || (expires !== null && Date.parse(expires) <= until)) return
  const end = new Date(until).toISOString()
  throw new SecretboxError(
    'denied',
    `${nameOf(caller)} may ${needed.map(quote).join(' and ')} on ${quote(boxes.text)} until ${end}, and grant nothing beyond that`,
    { hint: `let it end then, or before: --expires ${end}` }
  )
}

function refuseTooMany(caller: Caller, grants: readonly Grant[]): void {
  const own = isOrdinary(caller) ? grants.filter(({ by }) => by === caller.uid).length : 0
  const most = isOrdinary(caller) ? mostGrants.ofPeople : mostGrants.all
  if (own < mostGrants.ofOne && grants.length < most) return
  const what = own < mostGrants.ofOne ? `there are ${grants.length} grants` : `you have made ${own} grants`
  throw new SecretboxError('too_large', `${what}, more than that cannot be`, {
    hint: 'grant to a group, or by a glob; revoke those that have expired'
  })
}

async function revoking(
  store: Store,
  permit: Permit<'grant.revoke'>,
  rights: readonly Right[] | null
): Promise<Prepared<Grant[]>> {
  const { boxes, subject } = permit.resource
  const { grants } = await permit.grants()
  const meant = grants.filter(
    grant =>
      isSame(grant, boxes, subject) && (rights === null || grant.rights.some(right => rights.includes(right)))
  )
  if (meant.length === 0)
    throw new SecretboxError(
      'not_found',
      `there is no grant of ${rights === null ? '' : `${rights.join(', ')} on `}${quote(boxes.text)} to ${quote(printSubject(subject))}`,
      { hint: 'docker vault grants lists those that there are' }
    )
  const left = meant.map(grant => ({
    ...grant,
    rights: rights === null ? [] : grant.rights.filter(right => !rights.includes(right))
  }))
  const writes = [
    ...(await boxesWithout(store, permit, meant)),
    ...left.map(grant => (grant.rights.length === 0 ? removeGrant(grant) : putGrant(permit.keyring, grant)))
  ]
  return {
    answer: left,
    details: { rights: rights ?? [...new Set(meant.flatMap(grant => grant.rights))], count: meant.length },
    writes
  }
}

async function discarding(permit: Permit<'grant.discard'>): Promise<Prepared<undefined>> {
  const { record } = permit.resource
  const { grants, damaged } = await permit.grants()
  if (damaged.includes(record)) return { answer: undefined, details: {}, writes: [{ remove: record }] }
  if (grants.some(grant => grantKey(grant) === record))
    throw new SecretboxError('conflict', `record ${quote(record)} is a grant, and not damaged`, {
      hint: 'docker vault revoke takes it back'
    })
  throw new SecretboxError('not_found', `there is no damaged grant in record ${quote(record)}`, {
    hint: 'docker vault grants lists those that there are'
  })
}

function isSame(grant: Grant, boxes: BoxPattern, subject: Subject): boolean {
  return grant.boxes.text === boxes.text && printSubject(grant.subject) === printSubject(subject)
}

/** By boxes, then by whom. */
function inOrder(one: Grant, other: Grant): number {
  const [a, b] = [one, other].map(({ boxes, subject, at }) =>
    [boxes.text, printSubject(subject), at].join('\0')
  )
  return (a ?? '') < (b ?? '') ? -1 : 1
}

function isShown({ caller, may }: Pick<Permit, 'caller' | 'may'>, { boxes, subject }: Grant): boolean {
  return may('grant.list', { boxes }) || isOwn(caller, subject)
}

function isOwn(caller: Caller, subject: Subject): boolean {
  return isOrdinary(caller) && isFor(personOf(caller), subject)
}

function gidsOf(caller: Caller): readonly number[] {
  return caller.kind === 'user' ? personOf(caller).gids : []
}

function personIn(subject: Subject, gids: readonly number[]): Person {
  if (subject.kind === 'group') return { uid: null, gids: [subject.gid] }
  return { uid: subject.kind === 'user' ? subject.uid : null, gids }
}

/** What decides about somebody else's right. */
interface Question {
  readonly right: Right
  readonly box: BoxName
  readonly policy: Policy
  readonly now: number
}

async function whyPerson(
  store: Store,
  permit: Permit<'grant.ask'>,
  person: Person,
  { right, box, policy, now }: Question
): Promise<Answer> {
  const reason = whyHas(person, right, patternOfBox(box), policy, now)
  if (reason === null || right !== 'reveal') return reason
  return (await askedAbout(store, permit, box))?.isNeverRevealed === true ? null : reason
}

async function whyContainer(
  store: Store,
  permit: Permit<'grant.ask'>,
  subject: Subject,
  { right, box, policy, now }: Question
): Promise<Answer> {
  if (right !== 'use') return null
  const settings = await askedAbout(store, permit, box)
  if (settings !== null && !settings.isClosed) return 'open'
  const fitting = policy.grants.find(
    grant => isToContainer(grant) && gives(grant, 'use', box, now) && coversSubject(grant.subject, subject)
  )
  return fitting ?? null
}
