import { mkdir } from 'node:fs/promises'
import type { Caller } from '../../src/vault/access/authority.ts'
import { parseBoxName, parseFilePath, type BoxName } from '../../src/base/names.ts'
import { openVault, type OpenedVault } from '../../src/vault/open.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { retagCopies } from '../../src/volumes/retag.ts'
import type { Home } from './daemon.ts'

/** Who fills the vaults. */
export const root: Caller = { kind: 'user', uid: 0, gid: 0, pid: process.pid }

/** Opens the vault of a daemon's directories, making it when there is none. No daemon may run on it meanwhile. */
export async function openVaultOf(home: Home): Promise<OpenedVault> {
  for (const directory of [home.dataDir, home.keyDir])
    await mkdir(directory, { recursive: true, mode: 0o700 })
  return openVault({
    dataDirectory: home.dataDir,
    keyDirectory: home.keyDir,
    limits: { maxBoxBytes: 1 << 30, maxBoxEntries: 20_000, maxVersions: 100, maxAuditEntries: 1_000_000 },
    retagCopies,
    pinnedVersions: () => Promise.resolve(new Set()),
    allocate: length => new Uint8Array(length),
    onUnswept(error) {
      throw error
    }
  })
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
