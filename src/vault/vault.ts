import { quote, SecretboxError } from '../base/errors.ts'
import { startAgainHint } from '../base/messages.ts'
import type { BoxName } from '../base/names.ts'
import type { Secret } from '../base/secret.ts'
import { theVault, type Action } from './access/actions.ts'
import type { Caller } from './access/authority.ts'
import type { Permit } from './action/permit.ts'
import { commitPrepared, untilNotOvertaken } from './action/overtaken.ts'
import { neverRevealed } from './boxes/granted.ts'
import { creation, handing, removal, renaming, type Check } from './boxes/box-names.ts'
import { findBox, getBox, listedBoxes, type BoxPermit } from './boxes/find.ts'
import { changeBox, type ChangeRequest, type ChangeResult } from './boxes/change.ts'
import { summaryOf, type Box, type BoxSummary } from './boxes/records.ts'
import { rollingBack, type VaultParts } from './boxes/versions.ts'
import { shownIn } from './credential.ts'
import { readDigestKey } from './injected/digest-key.ts'
import { namesOf, openVersion, readWhile, type OpenedVersion } from './opened-version.ts'
import { scrub } from './scrubbing.ts'
import {
  purposes,
  type OpenedFor,
  type Purpose,
  type RecordFor,
  type RecordOpening,
  type ResourceFor
} from './purposes.ts'

/** A box in a list. `shown`: what of its fields is no secret; null when that was not asked for, or cannot be told. */
export interface ListedBox extends Omit<BoxSummary, 'isClosed'> {
  readonly shown: Readonly<Record<string, string>> | null
}

/** The boxes. Every method takes the caller first and checks authority before existence. */
export interface Vault {
  /**
   * The boxes that are the caller's to know of, by name, with what of their fields is no secret if that is to be `shown`; and the keys
   * of records that are none any more, for whom all are.
   */
  list(
    caller: Caller,
    options?: { readonly shown: boolean }
  ): Promise<{ boxes: ListedBox[]; damaged: string[] }>
  /** One box. Throws `not_found`. */
  inspect(caller: Caller, name: BoxName): Promise<BoxSummary>
  /**
   * Makes an empty box with version 1, which is the caller's: plain, or of a type. One that is never revealed is so for good. Throws
   * `exists`, `not_found` for a type, `invalid` for a scope.
   */
  create(
    caller: Caller,
    name: BoxName,
    settings?: Partial<Pick<BoxSummary, 'isNeverRevealed' | 'kind'>>
  ): Promise<BoxSummary>
  /**
   * Removes a box with all its versions. Running copies are not touched. Of one whose record is damaged only that goes.
   * Throws `not_found`, `precondition`, and what `check` throws, which is asked last: whether the box may go.
   */
  destroy(caller: Caller, name: BoxName, ifVersion: number | null, check?: Check): Promise<void>
  /**
   * Gives a box another name; its versions, contents and ID stay what they are. Throws `not_found`, `exists` when another box
   * has that name, `precondition`, and what `check` throws, which is asked last: whether the old name may go.
   */
  rename(
    caller: Caller,
    name: BoxName,
    to: BoxName,
    ifVersion: number | null,
    check: Check
  ): Promise<ChangeResult>
  /** Makes a box another user's, by uid. Throws `not_found`, `precondition`. */
  own(caller: Caller, name: BoxName, owner: number, ifVersion: number | null): Promise<ChangeResult>
  /** Changes a box in one new version; see `ChangeRequest`. */
  change(caller: Caller, name: BoxName, request: ChangeRequest): Promise<ChangeResult>
  /** Makes the tree of an old version the newest version. Throws `not_found`, `precondition`. */
  rollback(caller: Caller, name: BoxName, to: number, ifVersion: number | null): Promise<ChangeResult>
  /**
   * Opens a version, the newest for null, and has it used; the only way to what a box holds. The purpose says what is
   * asked of the gate, what is shown, and when that is recorded: a use that records itself does so before it gives
   * anything to anybody. `resource` names the box. What was opened is zeroed
   * once it was used. Throws `not_found`, `denied` when it would reveal what is never revealed, `damaged`, and what `use` throws.
   */
  open<P extends Purpose, T>(
    caller: Caller,
    purpose: P,
    resource: ResourceFor<P>,
    version: number | null,
    use: (opened: OpenedFor<P>, ...record: RecordFor<P>) => Promise<T>
  ): Promise<T>
  /**
   * Opens a version for who is going to give it to a container, and has it used: nobody gets contents by that, only what
   * the daemon says of them. `key` is that of the vault's digests. Both are zeroed once they were used. Throws `not_found`, `damaged`,
   * and what `use` throws.
   */
  use<T>(
    caller: Caller,
    name: BoxName,
    version: number | null,
    use: (opened: OpenedVersion, key: Secret) => Promise<T>
  ): Promise<T>
}

/** What tells somebody who is no container of contents, or whether a guess at them is right. */
function isRevealing(action: Action): boolean {
  return action === 'box.reveal' || action === 'box.compare'
}

/** The vault over a store. It keeps no state of its own. */
export function createVault(parts: VaultParts): Vault {
  const { store, gate } = parts
  return {
    list: (caller, { shown } = { shown: false }) =>
      gate.run(caller, 'box.list', theVault, async permit => {
        const { keyring } = permit
        const listed = await untilNotOvertaken(() =>
          listedBoxes(store, permit, async box => {
            // Grants can close one that is not closed by itself; nobody asks that of all.
            const { isClosed, ...summary } = summaryOf(box)
            return { ...summary, shown: shown ? await shownIn({ ...parts, keyring }, box) : null }
          })
        )
        await permit.commit({ count: listed.boxes.length }, [])
        // What was revoked before that is not told any more.
        return { ...listed, boxes: listed.boxes.filter(({ name }) => permit.may('box.list', { box: name })) }
      }),

    inspect: (caller, box) =>
      gate.run(caller, 'box.inspect', { box }, async permit => {
        const found = await getBox(store, permit, 'find')
        found.key.wipe()
        return summaryOf(found)
      }),

    create: (caller, box, { isNeverRevealed = false, kind = null } = {}) =>
      gate.run(caller, 'box.create', { box }, permit =>
        commitPrepared(permit, () => creation(parts, permit, { isNeverRevealed, kind }))
      ),

    destroy: (caller, box, ifVersion, check) =>
      gate.run(caller, 'box.destroy', { box }, async permit => {
        await commitPrepared(permit, () => removal(store, permit, { ifVersion, check }))
        await scrub(store, `box ${quote(box)} is destroyed`)
      }),

    rename: (caller, box, newName, ifVersion, check) =>
      gate.run(caller, 'box.rename', { box, newName }, permit =>
        commitPrepared(permit, () => renaming(store, permit, { ifVersion, check }))
      ),

    own: (caller, box, owner, ifVersion) =>
      gate.run(caller, 'box.own', { box, owner }, permit =>
        commitPrepared(permit, () => handing(store, permit, ifVersion))
      ),

    change: (caller, box, request) =>
      gate.run(caller, 'box.change', { box }, permit => changeBox(parts, permit, request)),

    rollback: (caller, box, to, ifVersion) =>
      gate.run(caller, 'box.change', { box }, permit =>
        commitPrepared(permit, () => rollingBack(parts, permit, { to, ifVersion }))
      ),

    open: (caller, purpose, resource, version, use) => {
      const { action, shows, recorded } = purposes[purpose]
      return gate.run(caller, action, resource, async permit => {
        const opened = await untilNotOvertaken(() => openedFor(parts, permit, purposes[purpose], version))
        const record: RecordOpening = writes =>
          untilNotOvertaken(() =>
            permit.commit(
              opened === null ? {} : { version: opened.info.version },
              typeof writes === 'function' ? writes() : writes
            )
          )
        const shown = (shows === 'names' ? opened && namesOf(opened) : opened) as OpenedFor<typeof purpose>
        if (recorded === 'within' && !opened?.users) permit.beforeCommit(() => refuseClosed(store, permit))
        try {
          if (recorded === 'before') await record([])
          return await use(shown, ...((recorded === 'within' ? [record] : []) as RecordFor<typeof purpose>))
        } finally {
          opened?.wipe()
        }
      })
    },

    use: (caller, box, version, use) =>
      gate.run(caller, 'box.use', { box }, permit => usingVersion(parts, permit, version, use))
  }
}

/** What is opened for a purpose, or null when it is for nothing, too. */
async function openedFor(
  parts: VaultParts,
  permit: BoxPermit,
  { action, missing, form }: Pick<(typeof purposes)[Purpose], 'action' | 'missing' | 'form'>,
  version: number | null
): Promise<(OpenedVersion & { wipe(): void }) | null> {
  const { store } = parts
  const box = missing === 'nothing' ? await findBox(store, permit) : await getBox(store, permit, missing)
  if (box === null) return null
  if (box.isNeverRevealed && isRevealing(action)) {
    box.key.wipe()
    throw neverRevealed(box.name)
  }
  const users = await usersOf(permit, box)
  const opened = await openVersion({ ...parts, keyring: permit.keyring }, box, { version, form, users })
  return action === 'box.reveal' ? readWhile(opened, () => permit.recheck()) : opened
}

/** Throws `conflict` when the box, which was open to any container or not there, is closed by now. */
async function refuseClosed(store: VaultParts['store'], permit: BoxPermit): Promise<void> {
  const box = await findBox(store, permit)
  box?.key.wipe()
  if (box?.isClosed !== true) return
  throw new SecretboxError('conflict', `box ${quote(box.name)} was closed meanwhile`, {
    hint: startAgainHint(box.name)
  })
}

/** The grants that let containers use a closed box now; null for one that any may use. */
async function usersOf(permit: Pick<Permit, 'users'>, box: Box): Promise<OpenedVersion['users']> {
  return box.isClosed ? permit.users(box.name) : null
}

async function usingVersion<T>(
  parts: VaultParts,
  permit: Permit<'box.use'>,
  version: number | null,
  use: (opened: OpenedVersion, key: Secret) => Promise<T>
): Promise<T> {
  const { store } = parts
  const held: { wipe(): void }[] = []
  try {
    const [opened, key] = await commitPrepared(permit, async () => {
      const box = await getBox(store, permit, 'fill')
      const opened = await openVersion({ ...parts, keyring: permit.keyring }, box, {
        version,
        form: 'rendered',
        users: await usersOf(permit, box)
      })
      held.push(opened)
      const key = await readDigestKey(store, permit.keyring)
      held.push(key)
      return { answer: [opened, key] as const, details: { version: opened.info.version }, writes: [] }
    })
    return await use(opened, key)
  } finally {
    for (const each of held) each.wipe()
  }
}
