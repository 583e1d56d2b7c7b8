import { join } from 'node:path'
import { Secret } from '../../src/base/secret.ts'
import { parseFilePath, type BoxName } from '../../src/base/names.ts'
import type { Authority, Caller } from '../../src/vault/access/authority.ts'
import type { IncomingEdit } from '../../src/vault/boxes/edits.ts'
import { fileAt } from '../../src/vault/boxes/tree.ts'
import type { BoxLimits } from '../../src/vault/boxes/versions.ts'
import { openVault as openVaultAt, type OpenedVault } from '../../src/vault/open.ts'
import type { OpenedNames, OpenedVersion } from '../../src/vault/opened-version.ts'
import { retagCopies } from '../../src/volumes/retag.ts'
import type { Store } from '../../src/store/store.ts'

/** A vault in a directory. */
export interface OpenVault extends Omit<OpenedVault, 'swept'> {
  readonly directory: string
  readonly keyFile: string
  /** How many blobs of unfinished changes were swept when it was opened. */
  readonly swept: number
}

export interface VaultSettings {
  readonly limits?: Partial<BoxLimits>
  readonly maxAuditEntries?: number
  /** Versions that volumes ask for by number. */
  readonly pinned?: () => ReadonlySet<number>
  /** Another store between the vault and its file. */
  readonly wrap?: (store: Store) => Store
  /** Another rule of who may do what. */
  readonly authority?: Authority
  /** Else it is thrown. */
  readonly onUnswept?: (error: unknown) => void
}

export const root: Caller = { kind: 'user', uid: 0, gid: 0, pid: 1 }
export const nobody: Caller = { kind: 'user', uid: 65534, gid: 65534, pid: 1 }

/** Opens, or begins, the vault in a directory. Sealed is no error here. */
export async function openVault(directory: string, settings: VaultSettings = {}): Promise<OpenVault> {
  const { limits, maxAuditEntries = 1000, pinned = () => new Set<number>(), ...others } = settings
  const opened = await openVaultAt({
    dataDirectory: directory,
    keyDirectory: directory,
    limits: { maxBoxBytes: 128 << 20, maxBoxEntries: 20_000, maxVersions: 100, maxAuditEntries, ...limits },
    pinnedVersions: () => Promise.resolve(pinned()),
    retagCopies,
    allocate: length => new Uint8Array(length),
    onUnswept(error) {
      throw error
    },
    ...others
  })
  return { ...opened, directory, keyFile: join(directory, 'key'), swept: opened.swept() }
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
export async function contentsOf(
  opened: Pick<OpenedVersion, 'tree' | 'read'>,
  path: string
): Promise<Buffer> {
  const bytes = opened.read(fileAt(opened.tree, parseFilePath(path)))
  if (bytes instanceof Secret) return Buffer.from(bytes.bytes())
  return Buffer.concat(await Array.fromAsync(bytes, chunk => Buffer.from(chunk)))
}

/** A version as it is opened for its names; its contents are zeroed. */
export function look(
  { vault }: Pick<OpenVault, 'vault'>,
  box: BoxName,
  version: number | null = null,
  caller = root
): Promise<OpenedNames> {
  return vault.open(caller, 'inspect', { box }, version, opened => Promise.resolve(opened))
}

/** A whole version: paths, and files' contents as text. */
export function treeOf(
  { vault }: Pick<OpenVault, 'vault'>,
  box: BoxName,
  version: number | null = null
): Promise<Record<string, string>> {
  return vault.open(root, 'reveal', { box, path: '' }, version, async opened => {
    const tree: Record<string, string> = {}
    for (const [path, entry] of opened.tree) {
      if (entry.type === 'file') tree[path] = (await contentsOf(opened, path)).toString()
      else tree[path] = entry.type === 'symlink' ? `-> ${entry.target}` : '/'
    }
    return tree
  })
}
