import { randomBytes, timingSafeEqual } from 'node:crypto'
import { joined } from '../base/bytes.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import type { BoxName } from '../base/names.ts'
import { randomSecret, releaseBytes, Secret } from '../base/secret.ts'
import { keyBytes, type Keyring } from '../crypto/keyring.ts'
import type { Store, Write } from '../store/store.ts'
import type { Caller } from './access/authority.ts'
import type { Gate } from './action/gate.ts'
import { commitPrepared } from './action/overtaken.ts'
import type { Permit } from './action/permit.ts'
import { chunkKey, readBlob, removeBlob } from './boxes/blobs.ts'
import { getBox } from './boxes/find.ts'
import { wipeManifest, type Manifest } from './boxes/manifest.ts'
import { putBox, type Box } from './boxes/records.ts'
import { stagingKey } from './boxes/staging.ts'
import { putManifest, readManifest } from './boxes/version-records.ts'
import type { Readers } from './readers.ts'
import { scrub } from './scrubbing.ts'

interface RotationParts {
  readonly store: Store
  readonly gate: Gate
  readonly readers: Readers
}

/** How many bytes of contents were encrypted anew, and how many versions. */
export interface Reencrypted {
  readonly versions: number
  readonly bytes: number
}

/**
 * Gives a box another key and encrypts all its versions under that, while it is read and mounted. What is large is staged as for a
 * change, so that a crash leaves the box as it was; the rest is one commit. What is being read under the old key is read to its end,
 * and then nothing of that is left. Throws `not_found`, `damaged`.
 */
export function createBoxRotation(
  parts: RotationParts
): (caller: Caller, box: BoxName) => Promise<Reencrypted> {
  return (caller, name) =>
    parts.gate.run(caller, 'box.rotate', { box: name }, async permit => {
      const key = randomSecret(keyBytes)
      const carried = createCarried(parts.store, permit.keyring, key)
      const done = await commitPrepared(permit, () => prepared(parts, permit, key, carried))
        .catch(async (error: unknown) => {
          // Swept at the next start if it cannot be removed now; why it failed matters more.
          await carried.discard().catch(() => undefined)
          throw error
        })
        .finally(() => {
          key.wipe()
          carried.wipe()
        })
      FAULT: await reach('rotate.committed')
      const { old, ...rotated } = done
      await parts.readers.settled()
      await removeOld(parts.store, old)
      await scrub(parts.store, 'the key of the box is another')
      return rotated
    })
}

/** What belonged to versions under the old key: it has marks by now, as what no version has. */
interface OldBlobs {
  readonly boxId: string
  readonly blobs: readonly string[]
}

async function prepared(
  { store }: RotationParts,
  permit: Permit<'box.rotate'>,
  key: Secret,
  carried: Carried
): Promise<{
  answer: Reencrypted & { readonly old: OldBlobs }
  details: { readonly count: number }
  writes: readonly Write[]
}> {
  const { keyring } = permit
  const box = await getBox(store, permit, 'find')
  try {
    const versions: CarriedVersion[] = []
    for (const { version } of box.versions) versions.push(await carried.version(box, version))
    FAULT: await reach('rotate.committing')
    const old = [...new Set(versions.flatMap(({ blobs }) => [...blobs.keys()]))]
    const used = new Set(versions.flatMap(({ blobs }) => [...blobs.values()]))
    const bytes = versions.reduce((sum, each) => sum + each.bytes, 0)
    return {
      answer: { versions: versions.length, bytes, old: { boxId: box.id, blobs: old } },
      details: { count: versions.length },
      writes: [
        putBox(keyring, { ...box, key }),
        ...versions.map(({ manifest }) => manifest),
        ...carried.settle(used),
        ...old.map(blob => ({ put: stagingKey(box.id, blob), value: Buffer.of(1) }))
      ]
    }
  } finally {
    box.key.wipe()
  }
}

async function removeOld(store: Store, { boxId, blobs }: OldBlobs): Promise<void> {
  if (blobs.length === 0) return
  await store.commit(blobs.flatMap(blob => [removeBlob(boxId, blob), { remove: stagingKey(boxId, blob) }]))
}

/** A version under the other key: no version ever changes. */
interface CarriedVersion {
  readonly manifest: Write
  /** What its blobs are now, by what they were. */
  readonly blobs: ReadonlyMap<string, string>
  readonly bytes: number
}

/** What was encrypted anew. Blobs are marked as of no version until they are settled. */
interface Carried {
  /** Throws `conflict` when the box is another than the first time, or has another key. */
  version(box: Box, version: number): Promise<CarriedVersion>
  /** The writes to commit with what refers to those that are used; the others go. */
  settle(used: ReadonlySet<string>): Write[]
  discard(): Promise<void>
  wipe(): void
}

function createCarried(store: Store, keyring: Keyring, key: Secret): Carried {
  const made = new Map<string, { readonly boxId: string; readonly blob: string }>()
  const versions = new Map<number, CarriedVersion>()
  let first: Pick<Box, 'id' | 'key'> | null = null

  const carryBlob = async (box: Box, blob: string, size: number): Promise<string> => {
    const known = made.get(blob)
    if (known !== undefined) return known.blob
    const anew = randomBytes(16).toString('hex')
    await store.commit([{ put: stagingKey(box.id, anew), value: Buffer.of(1), expect: null }])
    made.set(blob, { boxId: box.id, blob: anew })
    let index = 0
    for await (const chunk of readBlob(store, keyring, box, blob, size)) {
      const place = chunkKey(box.id, anew, index++)
      const value = keyring.encryptForBox(key, anew, place, chunk)
      releaseBytes(chunk)
      await store.commit([{ put: place, value, expect: null }])
      releaseBytes(value)
    }
    return anew
  }

  return {
    async version(box, version) {
      first ??= { id: box.id, key: new Secret(joined([box.key.bytes()])) }
      if (first.id !== box.id || !timingSafeEqual(first.key.bytes(), box.key.bytes()))
        throw new SecretboxError('conflict', `box ${quote(box.name)} was given another key meanwhile`)
      const known = versions.get(version)
      if (known !== undefined) return known
      const tree = await readManifest(store, keyring, box, version)
      try {
        const blobs = new Map<string, string>()
        let bytes = 0
        for (const entry of tree.values()) {
          if (entry.type !== 'file') continue
          bytes += entry.size
          if ('blob' in entry.content)
            blobs.set(entry.content.blob, await carryBlob(box, entry.content.blob, entry.size))
        }
        const manifest = putManifest(keyring, { id: box.id, key }, version, withBlobs(tree, blobs))
        const carried = { manifest, blobs, bytes }
        versions.set(version, carried)
        return carried
      } finally {
        wipeManifest(tree)
      }
    },
    settle: used =>
      [...made.values()].flatMap(({ boxId, blob }) => [
        { remove: stagingKey(boxId, blob) },
        ...(used.has(blob) ? [] : [removeBlob(boxId, blob)])
      ]),
    async discard() {
      if (made.size > 0) await store.commit(this.settle(new Set()))
    },
    wipe: () => first?.key.wipe()
  }
}

/** The same tree with other blobs. */
function withBlobs(tree: Manifest, blobs: ReadonlyMap<string, string>): Manifest {
  const renamed = new Map(tree)
  for (const [path, entry] of tree) {
    if (entry.type !== 'file' || !('blob' in entry.content)) continue
    const blob = blobs.get(entry.content.blob)
    if (blob === undefined) throw new Error('every blob of a version was carried over')
    renamed.set(path, { ...entry, content: { blob } })
  }
  return renamed
}
