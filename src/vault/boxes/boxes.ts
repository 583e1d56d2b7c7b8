import { randomBytes } from 'node:crypto'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { keyBytes, type Keyring } from '../../crypto/keyring.ts'
import { Secret } from '../../base/secret.ts'
import type { Change, Store, StoredRecord } from '../../store/store.ts'
import { Overtaken } from '../action/overtaken.ts'
import type { Permit } from '../action/gate.ts'
import { decodeManifest, encodeManifest, padmeLength, type Manifest } from './manifest.ts'
import type { BoxName } from '../../base/names.ts'
import { nearest } from '../../base/nearest.ts'
import { bytesOf } from './tree.ts'

/** What is kept about one version beside its tree. */
export interface VersionInfo {
  readonly version: number
  /** RFC 3339, UTC. */
  readonly created: string
  readonly files: number
  readonly bytes: number
}

/** A box as it stands: identity, key and versions, oldest first. Whoever reads one wipes `key`. */
export interface Box {
  readonly name: BoxName
  readonly id: string
  /** RFC 3339, UTC. */
  readonly created: string
  readonly key: Secret
  readonly versions: readonly VersionInfo[]
  /** The newest version. */
  readonly newest: VersionInfo
  /** The last version that a rollback made, 0 for none. All after it took what they did not change from the one before. */
  readonly rolledBack: number
  /** The record's revision, expected by the next change. */
  readonly revision: number
}

interface BoxFields {
  readonly name: string
  readonly id: string
  readonly created: string
  readonly versions: readonly VersionInfo[]
  /** Absent in records of boxes that were never rolled back. */
  readonly rolledBack?: number
}

const prefix = 'box/'

/** The box, or null when there is none of that name. Throws `damaged`. */
export async function findBox(store: Store, keyring: Keyring, name: BoxName): Promise<Box | null> {
  const key = boxKey(keyring, name)
  const record = await store.get(key)
  if (record === null) return null
  try {
    return decryptBox(keyring, record)
  } catch (error) {
    throw isSecretboxError(error, 'damaged') ? damagedBox(name, error) : error
  }
}

function damagedBox(name: BoxName, cause: unknown): SecretboxError {
  return new SecretboxError('damaged', `the record of box ${quote(name)} is not what was written`, {
    hint: 'restore the store from a backup; destroying the box takes the record away, and what it held cannot be read any more',
    cause
  })
}

/** As `findBox`, throwing `not_found` with a hint for who wants to `find` a box, or to `fill` one that could be made. */
export async function getBox(
  store: Store,
  permit: Pick<Permit, 'keyring' | 'may'>,
  name: BoxName,
  wish: 'find' | 'fill'
): Promise<Box> {
  const box = await findBox(store, permit.keyring, name)
  if (box !== null) return box
  const meant = permit.may('box.list') ? nearest(name, await allNames(store, permit.keyring)) : null
  const advice = [
    ...(meant === null ? [] : [`did you mean ${quote(meant)}?`]),
    ...(wish === 'fill'
      ? [`${meant === null ? '' : 'if not, '}create it with: docker vault create ${name}`]
      : []),
    ...(wish === 'find' && meant === null ? ['docker vault list --boxes shows those that there are'] : [])
  ]
  throw new SecretboxError('not_found', `no such box ${quote(name)}`, { hint: advice.join(' ') })
}

async function allNames(store: Store, keyring: Keyring): Promise<BoxName[]> {
  const names: BoxName[] = []
  for await (const { box } of allBoxes(store, keyring)) {
    if (box === null) continue
    box.key.wipe()
    names.push(box.name)
  }
  return names.sort()
}

/** `not_found` that says which versions a box has; these come oldest first. */
export function noSuchVersion(
  name: BoxName,
  version: number,
  versions: readonly VersionInfo[]
): SecretboxError {
  const ranges: { first: number; last: number }[] = []
  for (const { version: known } of versions) {
    const range = ranges.at(-1)
    if (range?.last === known - 1) range.last = known
    else ranges.push({ first: known, last: known })
  }
  const words = ranges.map(({ first, last }) => (first === last ? String(first) : `${first} to ${last}`))
  const said = [...(words.length > 1 ? [words.slice(0, -1).join(', ')] : []), ...words.slice(-1)].join(
    ' and '
  )
  return new SecretboxError('not_found', `box ${quote(name)} has no version ${version}`, {
    hint: `it has version${versions.length === 1 ? '' : 's'} ${said}`
  })
}

/** A box's record; `box` is null when it is damaged. */
export interface BoxRow {
  readonly key: string
  readonly box: Box | null
}

/** Every box, in no order that says anything. The reader wipes each key. */
export async function* allBoxes(store: Store, keyring: Keyring): AsyncGenerator<BoxRow> {
  for await (const record of store.list(prefix)) yield { key: record.key, box: boxIn(keyring, record) }
}

function boxIn(keyring: Keyring, record: StoredRecord): Box | null {
  try {
    return decryptBox(keyring, record)
  } catch (error) {
    if (isSecretboxError(error, 'damaged')) return null
    throw error
  }
}

/** A new box with an empty first version, and the changes that store it. The caller wipes its key. */
export function newBox(keyring: Keyring, name: BoxName): { box: Box; changes: Change[] } {
  const draft = {
    name,
    id: randomBytes(16).toString('hex'),
    created: new Date().toISOString(),
    key: new Secret(randomBytes(keyBytes)),
    versions: [],
    rolledBack: 0
  }
  return addVersion(keyring, { ...draft, revision: null }, new Map(), 'edits', { keep: 1, pinned: new Set() })
}

/** A box before a version is added to it; `revision` null for one that is not stored yet. */
type BoxDraft = Pick<Box, 'name' | 'id' | 'created' | 'key' | 'versions' | 'rolledBack'> & {
  readonly revision: number | null
}

/**
 * The box with `tree` as its newest version, and the changes that store both. Versions beyond `keep`, oldest
 * first and never pinned ones, leave; removing what only they referred to is the caller's part (`dropped`).
 */
export function addVersion(
  keyring: Keyring,
  box: BoxDraft,
  tree: Manifest,
  by: 'edits' | 'rollback',
  retention: { keep: number; pinned: ReadonlySet<number> }
): { box: Box; changes: Change[]; dropped: number[] } {
  const newest: VersionInfo = {
    version: (box.versions.at(-1)?.version ?? 0) + 1,
    created: box.versions.length === 0 ? box.created : new Date().toISOString(),
    files: tree.size,
    bytes: bytesOf(tree)
  }
  const versions = [...box.versions, newest]
  const droppable = versions.slice(0, -1).filter(({ version }) => !retention.pinned.has(version))
  const dropped = droppable
    .slice(0, Math.max(0, versions.length - retention.keep))
    .map(({ version }) => version)
  const kept = versions.filter(({ version }) => !dropped.includes(version))

  const rolledBack = by === 'rollback' ? newest.version : box.rolledBack
  const plaintext = encodeManifest(tree)
  const manifest = manifestKey(box.id, newest.version)
  const encrypted = keyring.encryptForBox(box.key, null, manifest, plaintext)
  plaintext.fill(0)
  const key = boxKey(keyring, box.name)
  return {
    box: { ...box, versions: kept, newest, rolledBack, revision: (box.revision ?? 0) + 1 },
    dropped,
    changes: [
      {
        put: key,
        value: encryptBox(keyring, key, { ...box, versions: kept, rolledBack }),
        expect: box.revision
      },
      { put: manifest, value: encrypted, expect: null },
      ...dropped.map(version => ({ remove: manifestKey(box.id, version) }))
    ]
  }
}

/**
 * The changes that remove a box with all its versions and blobs. Its key goes with its record: what a backup of the
 * blobs holds stays shut. Marks of changes that are under way stay, so that what they bring in later is removed too.
 */
export function removeBox(keyring: Keyring, box: Box): Change[] {
  return [
    { remove: boxKey(keyring, box.name), expect: box.revision },
    { removeAll: `manifest/${box.id}/` },
    { removeAll: `blob/${box.id}/` }
  ]
}

/** The changes that give a box another name, under which there must be none: only its record knows what it is called. */
export function renameBox(keyring: Keyring, box: Box, name: BoxName): Change[] {
  const key = boxKey(keyring, name)
  return [
    { remove: boxKey(keyring, box.name), expect: box.revision },
    { put: key, value: encryptBox(keyring, key, { ...box, name }), expect: null }
  ]
}

/** The change that removes the record of a box that is damaged; what belonged to it cannot be found any more. */
export function removeBoxRecord(keyring: Keyring, name: BoxName): Change {
  return { remove: boxKey(keyring, name) }
}

/**
 * The tree of one version; the caller wipes it. Throws `not_found` that lists the versions there are, `Overtaken` when
 * it left since the box was read, `damaged`.
 */
export async function readManifest(
  store: Store,
  keyring: Keyring,
  box: Box,
  version: number
): Promise<Manifest> {
  const key = manifestKey(box.id, version)
  if (!box.versions.some(info => info.version === version))
    throw noSuchVersion(box.name, version, box.versions)
  const record = await store.get(key)
  if (record === null) {
    const now = await findBox(store, keyring, box.name)
    now?.key.wipe()
    if (now?.id !== box.id || now.revision !== box.revision) throw new Overtaken()
    throw new SecretboxError('damaged', `version ${version} of box ${quote(box.name)} is not in the store`)
  }
  try {
    return decodeManifest(keyring.decryptForBox(box.key, null, key, record.value))
  } catch (error) {
    if (!isSecretboxError(error, 'damaged')) throw error
    throw new SecretboxError(
      'damaged',
      `version ${version} of box ${quote(box.name)} is not what was written`,
      {
        hint: 'restore the store from a backup',
        cause: error
      }
    )
  }
}

// Plaintext of a box record: box key 32 | u32 length | JSON | zeros up to a Padmé length.
function encryptBox(keyring: Keyring, recordKey: string, box: BoxDraft): Buffer {
  const { name, id, created, versions, rolledBack } = box
  const fields: BoxFields = { name, id, created, versions, ...(rolledBack === 0 ? {} : { rolledBack }) }
  const json = Buffer.from(JSON.stringify(fields))
  const plaintext = Buffer.alloc(padmeLength(keyBytes + 4 + json.length))
  plaintext.set(box.key.bytes())
  plaintext.writeUInt32BE(json.length, keyBytes)
  plaintext.set(json, keyBytes + 4)
  const encrypted = keyring.encrypt(recordKey, plaintext)
  plaintext.fill(0)
  return encrypted
}

function decryptBox(keyring: Keyring, { key: recordKey, value, revision }: StoredRecord): Box {
  const plaintext = keyring.decrypt(recordKey, value)
  const key = Buffer.alloc(keyBytes)
  key.set(plaintext.subarray(0, keyBytes))
  plaintext.fill(0, 0, keyBytes)
  const end = keyBytes + 4 + plaintext.readUInt32BE(keyBytes)
  const fields = JSON.parse(plaintext.toString('utf8', keyBytes + 4, end)) as BoxFields
  const newest = fields.versions.at(-1)
  if (newest === undefined) throw new SecretboxError('damaged', `box ${quote(fields.name)} has no version`)
  const { name, rolledBack = 0 } = fields
  return { ...fields, name: name as BoxName, key: new Secret(key), newest, rolledBack, revision }
}

function boxKey(keyring: Keyring, name: BoxName): string {
  return prefix + keyring.hideName(name)
}

function manifestKey(boxId: string, version: number): string {
  return `manifest/${boxId}/${String(version).padStart(12, '0')}`
}
