import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { notWhatWasWritten } from '../../base/messages.ts'
import type { BoxName } from '../../base/names.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import { keyBytes, type Keyring } from '../../crypto/keyring.ts'
import type { Store, StoredRecord, Write } from '../../store/store.ts'
import type { BoxScope } from '../credentials/scope.ts'
import { padmeLength } from './manifest.ts'

/** What is kept about one version beside its tree. */
export interface VersionInfo {
  readonly version: number
  /** RFC 3339, UTC. */
  readonly created: string
  readonly files: number
  readonly bytes: number
}

/** What kind of credential a box is; null for a plain box, whose files are what anybody puts there. */
export interface Kind {
  readonly type: string
  readonly scope: BoxScope
}

/** A box as it stands: identity, key and versions, oldest first. Whoever reads one wipes `key`. */
export interface Box {
  readonly name: BoxName
  readonly id: string
  /** RFC 3339, UTC. */
  readonly created: string
  readonly key: Secret
  readonly kind: Kind | null
  readonly versions: readonly VersionInfo[]
  /** The newest version. */
  readonly newest: VersionInfo
  /** The last version that a rollback made, 0 for none. All after it took what they did not change from the one before. */
  readonly rolledBack: number
  /** The uid of whose it is: of who made it, unless it was given to somebody else; 0 is root. */
  readonly owner: number
  /** Nobody is given its contents but containers, for good. */
  readonly isNeverRevealed: boolean
  /** It is for those containers alone that a grant is for. It stays so, also when the last such grant is gone. */
  readonly isClosed: boolean
  /** The record's revision, expected by the next change. */
  readonly revision: number
}

interface BoxFields {
  readonly name: string
  readonly id: string
  readonly created: string
  readonly versions: readonly VersionInfo[]
  /** Absent in records of plain boxes. */
  readonly kind?: Kind
  /** Absent in records of boxes that were never rolled back. */
  readonly rolledBack?: number
  /** Absent in records of root's boxes. */
  readonly owner?: number
  /** Absent in records of boxes that may be revealed. */
  readonly reveal?: 'never'
  /** Absent in records of boxes that are open to any container. */
  readonly closed?: true
}

/** A box without its contents. */
export interface BoxSummary {
  readonly name: BoxName
  readonly id: string
  /** When the box was made, and when its newest version was; RFC 3339. */
  readonly created: string
  readonly kind: Kind | null
  readonly newest: VersionInfo
  readonly versions: readonly VersionInfo[]
  readonly owner: number
  readonly isNeverRevealed: boolean
  readonly isClosed: boolean
}

export function summaryOf(box: Box): BoxSummary {
  const { name, id, created, kind, newest, versions, owner, isNeverRevealed, isClosed } = box
  return { name, id, created, kind, newest, versions, owner, isNeverRevealed, isClosed }
}

export const boxPrefix = 'box/'

/**
 * The box, or null when there is none of that name. Throws `damaged`. What acts for a caller asks `find.ts`, which goes by
 * what the caller may do.
 */
export async function readBox(store: Store, keyring: Keyring, name: BoxName): Promise<Box | null> {
  const generation = keyring.generation()
  const record = await store.get(boxKey(keyring, name))
  // Under another root key it lies elsewhere.
  if (record === null) return generation === keyring.generation() ? null : readBox(store, keyring, name)
  try {
    return decryptBox(keyring, record)
  } catch (error) {
    throw isSecretboxError(error, 'damaged') ? damagedBox(name, error) : error
  }
}

function damagedBox(name: BoxName, cause: unknown): SecretboxError {
  return new SecretboxError('damaged', notWhatWasWritten(`the record of box ${quote(name)}`), {
    hint: 'restore the store from a backup; destroying the box takes the record away, and what it held cannot be read any more',
    cause
  })
}

/** A box's record; `box` is null when it is damaged. */
export interface BoxRow {
  readonly key: string
  readonly box: Box | null
}

/** Every box, whoever may know of it, in no order that says anything. The reader wipes each key. */
export async function* allBoxes(store: Store, keyring: Keyring): AsyncGenerator<BoxRow> {
  for await (const record of store.list(boxPrefix)) yield { key: record.key, box: boxIn(keyring, record) }
}

/** The box that a row holds, or null when it is damaged. Whoever reads it wipes its key. */
export function boxIn(keyring: Keyring, record: StoredRecord): Box | null {
  try {
    return decryptBox(keyring, record)
  } catch (error) {
    if (isSecretboxError(error, 'damaged')) return null
    throw error
  }
}

/** A box before a version is added to it; `revision` null for one that is not stored yet. */
export type BoxDraft = Omit<Box, 'newest' | 'revision'> & { readonly revision: number | null }

/** The write that stores a box's record. It fails with `conflict` when that is not at the draft's revision any more. */
export function putBox(keyring: Keyring, box: BoxDraft): Write {
  const key = boxKey(keyring, box.name)
  return { put: key, value: encryptBox(keyring, key, box), expect: box.revision }
}

/**
 * The changes that remove a box with all its versions and blobs. Its key goes with its record: what a backup of the
 * blobs holds stays shut. Marks of changes that are under way stay, so that what they bring in later is removed too.
 */
export function removeBox(keyring: Keyring, box: Box): Write[] {
  return [
    { remove: boxKey(keyring, box.name), expect: box.revision },
    { removeAll: `manifest/${box.id}/` },
    { removeAll: `blob/${box.id}/` }
  ]
}

/** The writes that give a box another name, under which there must be none: only its record knows what it is called. */
export function renameBox(keyring: Keyring, box: Box, name: BoxName): Write[] {
  const key = boxKey(keyring, name)
  return [
    { remove: boxKey(keyring, box.name), expect: box.revision },
    { put: key, value: encryptBox(keyring, key, { ...box, name }), expect: null }
  ]
}

/** The writes that put a box's record under other keys, which hide its name otherwise. Throws `damaged`. */
export function renewedBox(from: Keyring, to: Keyring, record: StoredRecord): Write[] {
  const box = decryptBox(from, record)
  try {
    const key = boxKey(to, box.name)
    return [
      { remove: record.key, expect: record.revision },
      { put: key, value: encryptBox(to, key, box), expect: null }
    ]
  } finally {
    box.key.wipe()
  }
}

/** The write that removes the record of a box that is damaged; what belonged to it cannot be found any more. */
export function removeBoxRecord(keyring: Keyring, name: BoxName): Write {
  return { remove: boxKey(keyring, name) }
}

// Plaintext of a box record: box key 32 | u32 length | JSON | zeros up to a Padmé length.
function encryptBox(keyring: Keyring, recordKey: string, box: BoxDraft): Buffer {
  const { name, id, created, kind, versions, rolledBack, owner, isNeverRevealed, isClosed } = box
  const fields: BoxFields = {
    ...{ name, id, created, versions },
    ...(kind === null ? {} : { kind }),
    ...(rolledBack === 0 ? {} : { rolledBack }),
    ...(owner === 0 ? {} : { owner }),
    ...(isNeverRevealed ? { reveal: 'never' } : {}),
    ...(isClosed ? { closed: true } : {})
  }
  const json = Buffer.from(JSON.stringify(fields))
  const plaintext = newBytes(padmeLength(keyBytes + 4 + json.length))
  plaintext.set(box.key.bytes())
  plaintext.writeUInt32BE(json.length, keyBytes)
  plaintext.set(json, keyBytes + 4)
  const encrypted = keyring.encrypt(recordKey, plaintext)
  plaintext.fill(0)
  return encrypted
}

function decryptBox(keyring: Keyring, { key: recordKey, value, revision }: StoredRecord): Box {
  const plaintext = keyring.decrypt(recordKey, value)
  const key = newBytes(keyBytes)
  key.set(plaintext.subarray(0, keyBytes))
  plaintext.fill(0, 0, keyBytes)
  const end = keyBytes + 4 + plaintext.readUInt32BE(keyBytes)
  const fields = JSON.parse(plaintext.toString('utf8', keyBytes + 4, end)) as BoxFields
  const newest = fields.versions.at(-1)
  if (newest === undefined) throw new SecretboxError('damaged', `box ${quote(fields.name)} has no version`)
  const {
    name,
    id,
    created,
    versions,
    kind = null,
    rolledBack = 0,
    owner = 0,
    reveal,
    closed = false
  } = fields
  return {
    ...{ name: name as BoxName, id, created, versions, key: new Secret(key), newest, rolledBack, revision },
    ...{ kind, owner, isNeverRevealed: reveal === 'never', isClosed: closed }
  }
}

function boxKey(keyring: Keyring, name: BoxName): string {
  return boxPrefix + keyring.hideName(name)
}
