import { randomUUID } from 'node:crypto'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { notWhatWasWritten, restoreStore } from '../../base/messages.ts'
import type { BoxName } from '../../base/names.ts'
import { randomSecret } from '../../base/secret.ts'
import { keyBytes, type Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'
import { Overtaken } from '../action/overtaken.ts'
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts'
import { putBox, readBox, type Box, type BoxDraft, type VersionInfo } from './records.ts'
import { bytesOf } from './tree.ts'

/** What is said of a box when it is made. */
export type NewBox = Pick<Box, 'name' | 'kind' | 'owner' | 'isNeverRevealed' | 'isClosed'>

/** A new box with an empty first version, and the writes that store it. The caller wipes its key. */
export function newBox(keyring: Keyring, made: NewBox): { box: Box; writes: Write[] } {
  const draft = {
    ...made,
    // A UUID (RFC 9562, version 4), without its dashes.
    id: randomUUID().replaceAll('-', ''),
    created: new Date().toISOString(),
    key: randomSecret(keyBytes),
    versions: [],
    rolledBack: 0
  }
  return addVersion(keyring, { ...draft, revision: null }, new Map(), 'edits', { keep: 1, pinned: new Set() })
}

/**
 * The box with `tree` as its newest version, and the writes that store both. Versions beyond `keep`, oldest
 * first and never pinned ones, leave; removing what only they referred to is the caller's part (`dropped`).
 */
export function addVersion(
  keyring: Keyring,
  box: BoxDraft,
  tree: Manifest,
  by: 'edits' | 'rollback',
  retention: { keep: number; pinned: ReadonlySet<number> }
): { box: Box; writes: Write[]; dropped: number[] } {
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
  return {
    box: { ...box, versions: kept, newest, rolledBack, revision: (box.revision ?? 0) + 1 },
    dropped,
    writes: [
      putBox(keyring, { ...box, versions: kept, rolledBack }),
      { put: manifest, value: encrypted, expect: null },
      ...dropped.map(version => ({ remove: manifestKey(box.id, version) }))
    ]
  }
}

/** The write that puts the tree of a version under the key of its box. */
export function putManifest(
  keyring: Keyring,
  { id, key }: Pick<Box, 'id' | 'key'>,
  version: number,
  tree: Manifest
): Write {
  const place = manifestKey(id, version)
  const plaintext = encodeManifest(tree)
  const value = keyring.encryptForBox(key, null, place, plaintext)
  plaintext.fill(0)
  return { put: place, value }
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
    await refuseOvertaken(store, keyring, box)
    throw new SecretboxError('damaged', `version ${version} of box ${quote(box.name)} is not in the store`)
  }
  try {
    return decodeManifest(keyring.decryptForBox(box.key, null, key, record.value))
  } catch (error) {
    if (!isSecretboxError(error, 'damaged')) throw error
    // Or it is under another key by now.
    await refuseOvertaken(store, keyring, box)
    throw new SecretboxError('damaged', notWhatWasWritten(`version ${version} of box ${quote(box.name)}`), {
      hint: restoreStore,
      cause: error
    })
  }
}

/** Throws `Overtaken` unless the box is as it was read. */
async function refuseOvertaken(store: Store, keyring: Keyring, box: Box): Promise<void> {
  const now = await readBox(store, keyring, box.name)
  now?.key.wipe()
  if (now?.id !== box.id || now.revision !== box.revision) throw new Overtaken()
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

function manifestKey(boxId: string, version: number): string {
  return `manifest/${boxId}/${String(version).padStart(12, '0')}`
}
