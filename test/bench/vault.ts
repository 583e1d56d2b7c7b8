import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createEnvelope, type Envelope } from '../../src/crypto/envelope.ts'
import { initialiseVault, readStoreId } from '../../src/crypto/keyslots.ts'
import { loadSodium } from '../../src/crypto/sodium.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { createAudit } from '../../src/vault/audit/audit.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import { createGate } from '../../src/vault/action/gate.ts'
import { parseBoxName, parseFilePath, type BoxName } from '../../src/base/names.ts'
import { createSealing, type Sealing } from '../../src/crypto/sealing.ts'
import { createVault, type Vault } from '../../src/vault/vault.ts'
import type { Home } from './daemon.ts'

/** A vault that this process has open; no daemon may run on it meanwhile. */
export interface OpenVault {
  readonly store: Store
  readonly envelope: Envelope
  readonly sealing: Sealing
  readonly vault: Vault
  close(): Promise<void>
}

/** Who fills the vaults. */
export const root: Caller = { kind: 'user', uid: 0, gid: 0, pid: process.pid }

/** Opens the vault of a daemon's directories with the daemon's own code, making it when there is none. */
export async function openVaultOf(home: Home): Promise<OpenVault> {
  for (const directory of [home.dataDir, home.keyDir])
    await mkdir(directory, { recursive: true, mode: 0o700 })
  const sodium = await loadSodium()
  const envelope = createEnvelope(sodium)
  const store = await openSqliteStore(join(home.dataDir, 'store.db'), { create: true })
  const parts = {
    sodium,
    envelope,
    store,
    keyDirectory: home.keyDir,
    allocate: (length: number) => new Uint8Array(length)
  }
  const sealing = createSealing(parts, (await readStoreId(store)) ?? (await initialiseVault(parts)))
  const gate = createGate({ sealing, audit: createAudit(store, 1_000_000) })
  const vault = createVault({
    store,
    gate,
    limits: { maxBoxBytes: 1 << 30, maxBoxEntries: 20_000, maxVersions: 100 },
    pinnedVersions: () => Promise.resolve(new Set())
  })
  return {
    store,
    envelope,
    sealing,
    vault,
    async close() {
      sealing.wipe()
      await store.close()
    }
  }
}

/** The files of the box that is mounted in most measurements: what a small service has. */
export const fiveFiles: ReadonlyMap<string, number> = new Map([
  ['tls/key.pem', 1704],
  ['tls/cert.pem', 3320],
  ['tls/ca.pem', 1220],
  ['db/password', 32],
  ['api/token', 180]
])

/** Makes a box of files (path → size) filled with one byte. */
export async function makeBox(
  vault: Vault,
  name: string,
  files: ReadonlyMap<string, number> = fiveFiles
): Promise<BoxName> {
  const box = parseBoxName(name)
  await vault.create(root, box)
  const edits = [...files].map(([path, size]) => ({
    op: 'file' as const,
    path: parseFilePath(path),
    mode: 0o600,
    bytes: piecesOf(size)
  }))
  await vault.change(root, box, { edits, partial: false, ifVersion: null })
  return box
}

async function* piecesOf(size: number): AsyncGenerator<Buffer> {
  for (let left = size; left > 0; left -= 1 << 20) yield Buffer.alloc(Math.min(left, 1 << 20), 's')
  await Promise.resolve()
}
