import { quote, SecretboxError } from '../errors.ts'
import type { Keyring } from '../seal/keyring.ts'
import type { Change, Store } from '../store/store.ts'
import { removeBlob } from './blobs.ts'
import { addVersion, readManifest, type Box } from './boxes.ts'
import type { Gate } from './gate.ts'
import { blobsOf, wipeManifest, type Manifest } from './manifest.ts'
import type { BoxName } from './names.ts'

/** What a box may hold and how much of its past is kept; settable. */
export interface BoxLimits {
  readonly maxBoxBytes: number
  readonly maxBoxEntries: number
  readonly maxVersions: number
}

/** What the vault needs. `pinnedVersions` tells which versions of a box volumes ask for by number; those are never dropped. */
export interface VaultParts {
  readonly store: Store
  readonly gate: Gate
  readonly limits: BoxLimits
  readonly pinnedVersions: (name: BoxName) => Promise<ReadonlySet<number>>
}

/** The next version of a box with `tree` in it, and all changes that come with it: also what leaves with dropped versions. */
export async function nextVersion(
  parts: Pick<VaultParts, 'store' | 'limits' | 'pinnedVersions'>,
  keyring: Keyring,
  box: Box,
  tree: Manifest
): Promise<{ version: number; changes: Change[] }> {
  const pinned = await parts.pinnedVersions(box.name)
  const next = addVersion(keyring, box, tree, { keep: parts.limits.maxVersions, pinned })
  const orphans = new Set<string>()
  for (const version of next.dropped) {
    const old = await readManifest(parts.store, keyring, box, version)
    for (const blob of blobsOf(old)) orphans.add(blob)
    wipeManifest(old)
  }
  if (orphans.size > 0) {
    for (const blob of blobsOf(tree)) orphans.delete(blob)
    for (const { version } of box.versions) {
      if (next.dropped.includes(version)) continue
      const kept = await readManifest(parts.store, keyring, box, version)
      for (const blob of blobsOf(kept)) orphans.delete(blob)
      wipeManifest(kept)
    }
  }
  return {
    version: next.box.newest.version,
    changes: [...next.changes, ...[...orphans].map(blob => removeBlob(box.id, blob))]
  }
}

/** Throws `precondition` that names both versions when the caller expected another newest version. */
export function checkVersion(box: Box, ifVersion: number | null): void {
  if (ifVersion === null || ifVersion === box.newest.version) return
  throw new SecretboxError(
    'precondition',
    `box ${quote(box.name)} is at version ${box.newest.version}, not at ${ifVersion}`,
    { hint: 'read it again, then repeat the change' }
  )
}
