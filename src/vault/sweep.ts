import { isSecretboxError } from '../base/errors.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Store, Write } from '../store/store.ts'
import { removeBlob } from './boxes/blobs.ts'
import { blobsOf, wipeManifest } from './boxes/manifest.ts'
import { allBoxes, type Box } from './boxes/records.ts'
import { readManifest } from './boxes/version-records.ts'

/** A mark: this blob belonged to no version yet when it was written. */
const mark = /^staging\/([0-9a-f]{32})\/([0-9a-f]{32})$/
const writesPerCommit = 1000

/**
 * Removes what changes that never finished have staged; before anything else is staged. Returns how many blobs there
 * were. Marks are in clear, so that none is believed: a blob goes only when the boxes say that no version has it, and
 * stays when that cannot be known since one of them is damaged.
 */
export async function sweepStaging(store: Store, keyring: Keyring): Promise<number> {
  const marks: { key: string; boxId: string; blob: string }[] = []
  for await (const { key } of store.list('staging/')) {
    const [, boxId, blob] = mark.exec(key) ?? []
    if (boxId !== undefined && blob !== undefined) marks.push({ key, boxId, blob })
  }
  if (marks.length === 0) return 0
  const { used, isAll } = await blobsInUse(store, keyring, new Set(marks.map(({ boxId }) => boxId)))
  let removed = 0
  let writes: Write[] = []
  for (const { key, boxId, blob } of marks) {
    const inBox = used.get(boxId) ?? (isAll && !used.has(boxId) ? new Set() : null)
    if (inBox === null) continue
    writes.push({ remove: key })
    if (!inBox.has(blob)) {
      writes.push(removeBlob(boxId, blob))
      removed++
    }
    if (writes.length < writesPerCommit) continue
    await store.commit(writes)
    writes = []
  }
  if (writes.length > 0) await store.commit(writes)
  return removed
}

/** The blobs that versions of these boxes have, by the box's id; null where they cannot be read. `isAll`: no box is damaged. */
async function blobsInUse(
  store: Store,
  keyring: Keyring,
  ids: ReadonlySet<string>
): Promise<{ used: Map<string, ReadonlySet<string> | null>; isAll: boolean }> {
  const used = new Map<string, ReadonlySet<string> | null>()
  let isAll = true
  for await (const { box } of allBoxes(store, keyring)) {
    if (box === null) isAll = false
    else {
      if (ids.has(box.id)) used.set(box.id, await blobsOfBox(store, keyring, box))
      box.key.wipe()
    }
  }
  return { used, isAll }
}

async function blobsOfBox(store: Store, keyring: Keyring, box: Box): Promise<ReadonlySet<string> | null> {
  const blobs = new Set<string>()
  try {
    for (const { version } of box.versions) {
      const tree = await readManifest(store, keyring, box, version)
      for (const blob of blobsOf(tree)) blobs.add(blob)
      wipeManifest(tree)
    }
    return blobs
  } catch (error) {
    if (isSecretboxError(error, 'damaged')) return null
    throw error
  }
}
