import { createHmac } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Secret } from '../base/secret.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Change } from '../store/store.ts'
import { untilNotOvertaken, commitPrepared } from './action/overtaken.ts'
import type { Caller, Subject } from './access/authority.ts'
import { readBlob } from './boxes/blobs.ts'
import { refuseTaken, removal, renaming } from './boxes/box-names.ts'
import { allBoxes, findBox, getBox, newBox, readManifest, type Box, type VersionInfo } from './boxes/boxes.ts'
import { changeBox, type ChangeRequest, type ChangeResult } from './boxes/change.ts'
import type { Permit } from './action/gate.ts'
import { wipeManifest, type Manifest } from './boxes/manifest.ts'
import type { BoxName, FilePath } from '../base/names.ts'
import { partOf } from './boxes/part.ts'
import type { Entry } from './boxes/tree.ts'
import { checkVersion, nextVersion, type VaultParts } from './boxes/versions.ts'

/** A box without its contents. */
export interface BoxSummary {
  readonly name: BoxName
  readonly id: string
  /** When the box was made, and when its newest version was; RFC 3339. */
  readonly created: string
  readonly newest: VersionInfo
  readonly versions: readonly VersionInfo[]
}

/** One version, opened: its tree and a way to its bytes. Whoever opened it calls `wipe`. */
export interface OpenedVersion {
  readonly box: BoxSummary
  readonly info: VersionInfo
  readonly tree: Manifest
  /** A file's bytes in pieces that the reader zeroes, or a view of the tree's own for inline ones (`wipe` zeroes them). */
  read(entry: Extract<Entry<Secret>, { type: 'file' }>): AsyncIterable<Buffer> | Secret
  /**
   * A digest of a file's contents, 64 hex digits: equal contents in one box have equal digests, in all its versions, and
   * without the box's key nobody can try out guesses against one.
   */
  digest(entry: Extract<Entry<Secret>, { type: 'file' }>): Promise<string>
  /** What a container is shown of `path`; see `partOf`. `wipe` zeroes it, too. */
  part(path: FilePath): Manifest
  wipe(): void
}

/** The boxes. Every method takes the caller first and checks authority before existence. */
export interface Vault {
  /** All boxes, by name, and the keys of records that are none any more. */
  list(caller: Caller): Promise<{ boxes: BoxSummary[]; damaged: string[] }>
  /** One box. Throws `not_found`. */
  inspect(caller: Caller, name: BoxName): Promise<BoxSummary>
  /** Makes an empty box with version 1. Throws `exists`. */
  create(caller: Caller, name: BoxName): Promise<BoxSummary>
  /**
   * Removes a box with all its versions. Running copies are not touched. Of one whose record is damaged only that goes.
   * Throws `not_found`, `precondition`, and what `check` throws, which is asked last: whether the box may go.
   */
  destroy(caller: Caller, name: BoxName, ifVersion: number | null, check?: () => Promise<void>): Promise<void>
  /**
   * Gives a box another name; its versions, contents and ID stay what they are. Throws `not_found`, `exists` when another box
   * has that name, `precondition`, and what `check` throws, which is asked last: whether the old name may go.
   */
  rename(
    caller: Caller,
    name: BoxName,
    to: BoxName,
    ifVersion: number | null,
    check: () => Promise<void>
  ): Promise<ChangeResult>
  /** Changes a box in one new version; see `ChangeRequest`. */
  change(caller: Caller, name: BoxName, request: ChangeRequest): Promise<ChangeResult>
  /** Makes the tree of an old version the newest version. Throws `not_found`, `precondition`. */
  rollback(caller: Caller, name: BoxName, to: number, ifVersion: number | null): Promise<ChangeResult>
  /** Names, modes and sizes of a version, without contents. `version` null: the newest. */
  look(caller: Caller, name: BoxName, version: number | null): Promise<OpenedVersion>
  /** Opens a version for the caller to read contents; recorded as a reveal of `path`. */
  reveal(caller: Caller, name: BoxName, version: number | null, path: string): Promise<OpenedVersion>
  /** Opens the newest version to give a file of it to a service of a swarm; recorded with what `subject` says. */
  serve(caller: Caller, name: BoxName, subject: Subject): Promise<OpenedVersion>
  /**
   * Opens a version for `fill` to copy for a container, and wipes it. Records that with the changes that `fill` gives,
   * once it has the copy: who reads the answer has what is recorded. `optional`: when there is no such box `fill`
   * gets null, instead of `not_found` being thrown.
   */
  openForMount(
    caller: Caller,
    name: BoxName,
    version: number | null,
    mount: {
      readonly subject: Subject
      readonly optional: boolean
      readonly fill: (opened: OpenedVersion | null) => Promise<Change[]>
    }
  ): Promise<void>
}

/** The vault over a store. It keeps no state of its own. */
export function createVault(parts: VaultParts): Vault {
  const { store, gate } = parts

  const open = (
    caller: Caller,
    action: 'box.inspect' | 'box.reveal' | 'box.serve',
    name: BoxName,
    version: number | null,
    subject: Subject,
    wish: 'find' | 'fill' = 'find'
  ): Promise<OpenedVersion> =>
    gate.run(caller, action, { box: name, ...subject }, async permit => {
      const opened = await untilNotOvertaken(async () => {
        const box = await getBox(store, permit, name, wish)
        return openVersion(parts, permit.keyring, box, version)
      })
      return recorded(permit, opened, [])
    })

  return {
    list: caller =>
      gate.run(caller, 'box.list', {}, async permit => {
        const boxes: BoxSummary[] = []
        const damaged: string[] = []
        for await (const { key, box } of allBoxes(store, permit.keyring)) {
          if (box === null) damaged.push(key)
          else boxes.push(summaryOf(box))
          box?.key.wipe()
        }
        await permit.commit({ count: boxes.length }, [])
        return { boxes: boxes.sort((a, b) => (a.name < b.name ? -1 : 1)), damaged }
      }),

    inspect: (caller, name) =>
      gate.run(caller, 'box.inspect', { box: name }, async permit => {
        const box = await getBox(store, permit, name, 'find')
        box.key.wipe()
        return summaryOf(box)
      }),

    create: (caller, name) =>
      gate.run(caller, 'box.create', { box: name }, permit =>
        commitPrepared(permit, async () => {
          await refuseTaken(store, permit, name)
          const { box, changes } = newBox(permit.keyring, name)
          box.key.wipe()
          return { answer: summaryOf(box), subject: { version: 1 }, changes }
        })
      ),

    destroy: (caller, name, ifVersion, check) =>
      gate.run(caller, 'box.destroy', { box: name }, permit =>
        commitPrepared(permit, async () => {
          const { subject, changes } = await removal(store, caller, permit, name, ifVersion)
          await check?.()
          return { answer: undefined, subject, changes }
        })
      ),

    rename: (caller, name, to, ifVersion, check) =>
      gate.run(caller, 'box.rename', { box: name, newName: to }, permit =>
        commitPrepared(permit, () => renaming(store, permit, { name, to, ifVersion, check }))
      ),

    change: (caller, name, request) =>
      gate.run(caller, 'box.change', { box: name }, permit => changeBox(parts, permit, name, request)),

    rollback: (caller, name, to, ifVersion) =>
      gate.run(caller, 'box.change', { box: name }, permit =>
        commitPrepared(permit, async () => {
          const box = await getBox(store, permit, name, 'find')
          try {
            checkVersion(box, ifVersion)
            const tree = await readManifest(store, permit.keyring, box, to)
            try {
              const { version, changes } = await nextVersion(parts, permit.keyring, box, tree, 'rollback')
              const answer = { version, applied: tree.size, errors: [], dangling: [] }
              return { answer, subject: { version }, changes }
            } finally {
              wipeManifest(tree)
            }
          } finally {
            box.key.wipe()
          }
        })
      ),

    look: (caller, name, version) => open(caller, 'box.inspect', name, version, {}),

    reveal: (caller, name, version, path) => open(caller, 'box.reveal', name, version, { path }),

    serve: (caller, name, subject) => open(caller, 'box.serve', name, null, subject, 'fill'),

    openForMount: (caller, name, version, { subject, optional, fill }) =>
      gate.run(caller, 'box.mount', { box: name, ...subject }, async permit => {
        const opened = await untilNotOvertaken(async () => {
          const box = optional
            ? await findBox(store, permit.keyring, name)
            : await getBox(store, permit, name, 'fill')
          return box && openVersion(parts, permit.keyring, box, version)
        })
        try {
          const changes = await fill(opened)
          await permit.commit(opened === null ? {} : { version: opened.info.version }, changes)
        } finally {
          opened?.wipe()
        }
      })
  }
}

/** Hands a version out only once that is recorded. */
async function recorded(
  permit: Permit,
  opened: OpenedVersion,
  changes: readonly Change[]
): Promise<OpenedVersion> {
  try {
    await permit.commit({ version: opened.info.version }, changes)
    return opened
  } catch (error) {
    opened.wipe()
    throw error
  }
}

/** Opens one version of a box; takes the box's key over and wipes it with the rest. */
async function openVersion(
  { store, limits }: VaultParts,
  keyring: Keyring,
  box: Box,
  version: number | null
): Promise<OpenedVersion> {
  try {
    const info = version === null ? box.newest : box.versions.find(known => known.version === version)
    const tree = await readManifest(store, keyring, box, version ?? box.newest.version)
    const again: Secret[] = []
    const read: OpenedVersion['read'] = entry =>
      'inline' in entry.content
        ? entry.content.inline
        : readBlob(store, keyring, box, entry.content.blob, entry.size)
    return {
      box: summaryOf(box),
      info: info ?? box.newest,
      tree,
      read,
      async digest(entry) {
        const key = keyring.digestKey(box.key)
        const hmac = createHmac('sha256', key.bytes())
        key.wipe()
        const contents = read(entry)
        if (contents instanceof Secret) return hmac.update(contents.bytes()).digest('hex')
        for await (const piece of contents) {
          hmac.update(piece)
          piece.fill(0)
          // Others have their turn meanwhile.
          await nextTurn()
        }
        return hmac.digest('hex')
      },
      part: path =>
        partOf(tree, path, limits, entry => {
          if (entry.type !== 'file' || !('inline' in entry.content)) return entry
          // Bytes of its own: whoever is done with one of the two files may overwrite it.
          const bytes = Buffer.alloc(entry.size)
          bytes.set(entry.content.inline.bytes())
          const inline = new Secret(bytes)
          again.push(inline)
          return { ...entry, content: { inline } }
        }),
      wipe() {
        for (const bytes of again) bytes.wipe()
        wipeManifest(tree)
        box.key.wipe()
      }
    }
  } catch (error) {
    box.key.wipe()
    throw error
  }
}

function summaryOf(box: Box): BoxSummary {
  const { name, id, created, newest, versions } = box
  return { name, id, created, newest, versions }
}
