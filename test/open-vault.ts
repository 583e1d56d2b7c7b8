import { join } from 'node:path'
import { Secret } from '../src/base/secret.ts'
import { createEnvelope } from '../src/crypto/envelope.ts'
import { initialiseVault, readStoreId, type KeyslotParts } from '../src/crypto/keyslots.ts'
import { loadSodium } from '../src/crypto/sodium.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import type { Store } from '../src/store/store.ts'
import { createAudit, type Audit } from '../src/vault/audit/audit.ts'
import type { Caller } from '../src/vault/access/authority.ts'
import type { IncomingEdit } from '../src/vault/boxes/change.ts'
import { createGate, type Gate } from '../src/vault/action/gate.ts'
import { parseFilePath, type BoxName } from '../src/base/names.ts'
import { createSealing, type Sealing } from '../src/crypto/sealing.ts'
import { sweepStaging } from '../src/vault/sweep.ts'
import { fileAt } from '../src/vault/boxes/tree.ts'
import { createVault, type OpenedVersion, type Vault } from '../src/vault/vault.ts'
import type { BoxLimits } from '../src/vault/boxes/versions.ts'

/** A vault in a directory, built out of the same parts as the daemon's. */
export interface OpenVault {
  readonly directory: string
  readonly keyFile: string
  readonly storeFile: string
  readonly storeId: string
  readonly store: Store
  readonly keyslots: KeyslotParts
  readonly sealing: Sealing
  readonly audit: Audit
  readonly gate: Gate
  readonly vault: Vault
  /** How many blobs of unfinished changes were swept when it was opened. */
  readonly swept: number
  readonly close: () => Promise<void>
}

export interface VaultSettings {
  readonly limits?: Partial<BoxLimits>
  readonly maxAuditEntries?: number
  /** Versions that volumes ask for by number. */
  readonly pinned?: () => ReadonlySet<number>
  /** Another store between the vault and its file. */
  readonly wrap?: (store: Store) => Store
}

export const root: Caller = { kind: 'user', uid: 0, gid: 0, pid: 1 }
export const nobody: Caller = { kind: 'user', uid: 65534, gid: 65534, pid: 1 }

/** Opens, or begins, the vault in a directory. Sealed is no error here. */
export async function openVault(
  directory: string,
  { limits, maxAuditEntries = 1000, pinned = () => new Set(), wrap = store => store }: VaultSettings = {}
): Promise<OpenVault> {
  const sodium = await loadSodium()
  const storeFile = join(directory, 'store.db')
  const store = wrap(await openSqliteStore(storeFile, { create: true }))
  const keyslots: KeyslotParts = {
    sodium,
    envelope: createEnvelope(sodium),
    store,
    keyDirectory: directory,
    allocate: length => new Uint8Array(length)
  }
  try {
    const storeId = (await readStoreId(store)) ?? (await initialiseVault(keyslots))
    let swept = 0
    const sealing = createSealing(keyslots, storeId, async keyring => {
      swept = await sweepStaging(store, keyring)
    })
    await sealing.keyring().catch(() => null)
    const audit = createAudit(store, maxAuditEntries)
    const gate = createGate({ sealing, audit })
    const vault = createVault({
      store,
      gate,
      limits: { maxBoxBytes: 128 << 20, maxBoxEntries: 20_000, maxVersions: 100, ...limits },
      pinnedVersions: () => Promise.resolve(pinned())
    })
    return {
      directory,
      keyFile: join(directory, 'key'),
      storeFile,
      storeId,
      store,
      keyslots,
      sealing,
      audit,
      gate,
      vault,
      swept,
      async close() {
        sealing.wipe()
        await store.close()
      }
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Bytes as a caller sends them: in pieces of its own that the vault may zero. */
export async function* sent(contents: string | Uint8Array, pieceBytes = 64 << 10): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(contents as Uint8Array)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await Promise.resolve()
    yield Buffer.from(bytes.subarray(at, at + pieceBytes))
  }
}

/** The edit that puts a file. */
export function putting(path: string, contents: string | Uint8Array, mode = 0o600): IncomingEdit {
  return { op: 'file', path: parseFilePath(path), mode, bytes: sent(contents) }
}

/** The edit that removes. */
export function removing(path: string, recursive = false): IncomingEdit {
  return { op: 'remove', path: parseFilePath(path), recursive }
}

/** Changes a box by edits that must all succeed; the new version. */
export async function change(
  { vault }: Pick<OpenVault, 'vault'>,
  box: BoxName,
  ...edits: IncomingEdit[]
): Promise<number> {
  return (await vault.change(root, box, { edits, partial: false, ifVersion: null })).version
}

/** The bytes of a file of an opened version. */
export async function contentsOf(opened: OpenedVersion, path: string): Promise<Buffer> {
  const bytes = opened.read(fileAt(opened.tree, parseFilePath(path)))
  if (bytes instanceof Secret) return Buffer.from(bytes.bytes())
  return Buffer.concat(await Array.fromAsync(bytes, chunk => Buffer.from(chunk)))
}

/** A whole version: paths, and files' contents as text. */
export async function treeOf(
  { vault }: Pick<OpenVault, 'vault'>,
  box: BoxName,
  version: number | null = null
): Promise<Record<string, string>> {
  const opened = await vault.reveal(root, box, version, '')
  try {
    const tree: Record<string, string> = {}
    for (const [path, entry] of opened.tree) {
      if (entry.type === 'file') tree[path] = (await contentsOf(opened, path)).toString()
      else tree[path] = entry.type === 'symlink' ? `-> ${entry.target}` : '/'
    }
    return tree
  } finally {
    opened.wipe()
  }
}
