import { quote, SecretboxError } from '../../base/errors.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'
import { removeBlob } from './blobs.ts'
import type { Gate } from '../action/gate.ts'
import type { Permit } from '../action/permit.ts'
import type { Prepared } from '../action/overtaken.ts'
import type { Types } from '../credentials/types.ts'
import type { ChangeResult } from './change.ts'
import { getBox } from './find.ts'
import { blobsOf, wipeManifest, type Manifest } from './manifest.ts'
import type { Box } from './records.ts'
import { addVersion, readManifest } from './version-records.ts'
import type { BoxName } from '../../base/names.ts'

/** What a box may hold and how much of its past is kept; settable. */
export interface BoxLimits {
  readonly maxBoxBytes: number
  readonly maxBoxEntries: number
  readonly maxVersions: number
}

/** What the vault needs. `pinnedVersions` tells which versions of a box volumes ask for by number; those are never dropped, and none while it is unknown (null). */
export interface VaultParts {
  readonly store: Store
  readonly gate: Gate
  readonly types: Types
  readonly limits: BoxLimits
  readonly pinnedVersions: (name: BoxName) => Promise<ReadonlySet<number> | null>
}

/** The next version of a box with `tree` in it, and all writes that come with it: also what leaves with dropped versions. */
export async function nextVersion(
  parts: Pick<VaultParts, 'store' | 'limits' | 'pinnedVersions'>,
  keyring: Keyring,
  box: Box,
  tree: Manifest,
  by: 'edits' | 'rollback'
): Promise<{ version: number; writes: Write[] }> {
  const pinned = await parts.pinnedVersions(box.name)
  const next = addVersion(keyring, box, tree, by, {
    keep: pinned === null ? Infinity : parts.limits.maxVersions,
    pinned: pinned ?? new Set()
  })
  const orphans = new Set<string>()
  for (const version of next.dropped) {
    for (const blob of await blobsIn(parts.store, keyring, box, version)) orphans.add(blob)
  }
  for (const blob of blobsOf(tree)) orphans.delete(blob)
  for (const version of sharers(next.box, next.dropped)) {
    if (orphans.size === 0) break
    for (const blob of await blobsIn(parts.store, keyring, box, version)) orphans.delete(blob)
  }
  return {
    version: next.box.newest.version,
    writes: [...next.writes, ...[...orphans].map(blob => removeBlob(box.id, blob))]
  }
}

/**
 * Whether who changes a box may know what is in it. Who has `write` alone is told of what they name whether it is there, and which
 * version there is, and no name, target, number or size beside that.
 */
export function mayKnow({ may, resource: { box } }: Pick<Permit<'box.change'>, 'may' | 'resource'>): boolean {
  return may('box.inspect', { box })
}

/** What makes the tree of an old version the newest. Throws `not_found`, `precondition`. */
export async function rollingBack(
  parts: VaultParts,
  permit: Permit<'box.change'>,
  { to, ifVersion }: { to: number; ifVersion: number | null }
): Promise<Prepared<ChangeResult>> {
  const box = await getBox(parts.store, permit, 'find')
  try {
    checkVersion(box, ifVersion)
    const tree = await readManifest(parts.store, permit.keyring, box, to)
    try {
      const { version, writes } = await nextVersion(parts, permit.keyring, box, tree, 'rollback')
      const applied = mayKnow(permit) ? tree.size : 1
      const answer = { version, applied, errors: [], dangling: [] }
      return { answer, details: { version }, writes }
    } finally {
      wipeManifest(tree)
    }
  } finally {
    box.key.wipe()
  }
}

/**
 * The versions, beside the newest, that must be asked whether they have blobs of dropped ones too. Edits take nothing
 * from versions further back than the last: so what the first kept version after the dropped ones lacks, all later
 * ones lack, unless a rollback brought it back.
 */
function sharers(box: Box, dropped: readonly number[]): number[] {
  const kept = box.versions.map(({ version }) => version).filter(version => version !== box.newest.version)
  const first = kept.find(version => version > Math.max(...dropped)) ?? box.newest.version
  return box.rolledBack > first ? kept : kept.filter(version => version <= first)
}

async function blobsIn(
  store: Store,
  keyring: Keyring,
  box: Box,
  version: number
): Promise<ReadonlySet<string>> {
  const tree = await readManifest(store, keyring, box, version)
  wipeManifest(tree)
  return blobsOf(tree)
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
