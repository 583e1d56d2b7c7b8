import { SecretboxError } from '../../base/errors.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import type { FilePath } from '../../base/names.ts'
import type { Entry, Tree } from './tree.ts'

/** A version's tree in memory: small files' bytes are in it. Whoever holds it calls `wipeManifest`. */
export type Manifest = Tree<Secret>

/*
 * Plaintext layout: u32 header length | JSON header | inline bytes | zeros up to a Padmé length.
 * The header is text and holds names, modes and sizes; contents stay bytes.
 */
type Row =
  | ['f', path: string, mode: number, size: number, inlineAt: number | string]
  | ['l', path: string, target: string]
  | ['d', path: string, mode: number]

/** The bytes to encrypt for a tree; the caller zeroes them. Their length tells little about small files (Padmé). */
export function encodeManifest(tree: Manifest): Buffer {
  const rows: Row[] = []
  const inline: Uint8Array[] = []
  let inlineAt = 0
  for (const [path, entry] of tree) {
    if (entry.type === 'symlink') rows.push(['l', path, entry.target])
    else if (entry.type === 'directory') rows.push(['d', path, entry.mode])
    else if ('blob' in entry.content) rows.push(['f', path, entry.mode, entry.size, entry.content.blob])
    else {
      rows.push(['f', path, entry.mode, entry.size, inlineAt])
      inline.push(entry.content.inline.bytes())
      inlineAt += entry.size
    }
  }
  const header = Buffer.from(JSON.stringify(rows))
  const bytes = newBytes(padmeLength(4 + header.length + inlineAt))
  bytes.writeUInt32BE(header.length)
  bytes.set(header, 4)
  let at = 4 + header.length
  for (const part of inline) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** The tree that `encodeManifest` wrote. Inline contents are views of `bytes`, which the tree owns from now on. */
export function decodeManifest(bytes: Buffer): Manifest {
  const headerBytes = bytes.readUInt32BE()
  const inlineBase = 4 + headerBytes
  const tree = new Map<FilePath, Entry<Secret>>()
  // The record was authenticated when it was opened; what it holds is what we wrote.
  for (const row of JSON.parse(bytes.toString('utf8', 4, inlineBase)) as Row[]) {
    const path = row[1] as FilePath
    if (row[0] === 'l') tree.set(path, { type: 'symlink', target: row[2] })
    else if (row[0] === 'd') tree.set(path, { type: 'directory', mode: row[2] })
    else {
      const [, , mode, size, where] = row
      const content =
        typeof where === 'string'
          ? { blob: where }
          : { inline: new Secret(bytes.subarray(inlineBase + where, inlineBase + where + size)) }
      tree.set(path, { type: 'file', mode, size, content })
    }
  }
  return tree
}

/** Zeroes the inline contents. */
export function wipeManifest(tree: Manifest): void {
  for (const entry of tree.values()) {
    if (entry.type === 'file' && 'inline' in entry.content) entry.content.inline.wipe()
  }
}

/** The ids of the blobs that a tree refers to. */
export function blobsOf(tree: Manifest): Set<string> {
  const blobs = new Set<string>()
  for (const entry of tree.values()) {
    if (entry.type === 'file' && 'blob' in entry.content) blobs.add(entry.content.blob)
  }
  return blobs
}

/** How many bytes of contents are in the manifest itself. */
export function inlineBytesOf(tree: Manifest): number {
  let bytes = 0
  for (const entry of tree.values()) {
    if (entry.type === 'file' && 'inline' in entry.content) bytes += entry.size
  }
  return bytes
}

/** Throws `too_large` when a tree exceeds what a box may hold; by how much is for who may know what is in it (`tells`). */
export function checkLimits(
  tree: Manifest,
  limits: { maxBoxBytes: number; maxBoxEntries: number },
  bytes: number,
  tells: boolean
): void {
  if (tree.size > limits.maxBoxEntries) throw tooManyEntries(limits, tells ? tree.size : undefined)
  if (bytes > limits.maxBoxBytes) throw tooManyBytes(limits, tells ? bytes : undefined)
}

/** Throw it for more bytes than a box may hold; `bytes` where it is known how many there would be. */
export function tooManyBytes(limits: { maxBoxBytes: number }, bytes?: number): SecretboxError {
  const most = `a box holds at most ${limits.maxBoxBytes} bytes`
  return new SecretboxError('too_large', bytes === undefined ? most : `${most}, not ${bytes}`, {
    hint: 'raise MAX_BOX_BYTES, or split the box'
  })
}

/** Throw it for more entries than a box may hold; `entries` where it is known how many there would be. */
export function tooManyEntries(limits: { maxBoxEntries: number }, entries?: number): SecretboxError {
  const most = `a box holds at most ${limits.maxBoxEntries} entries`
  return new SecretboxError('too_large', entries === undefined ? most : `${most}, not ${entries}`, {
    hint: 'raise MAX_BOX_ENTRIES, or split the box'
  })
}

/**
 * Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", 2019): lengths that leak
 * O(log log n) bits at a cost of at most 12 %; never under 512 bytes, so that small boxes look alike.
 */
export function padmeLength(length: number): number {
  const least = Math.max(length, 512)
  const exponent = Math.floor(Math.log2(least))
  const keptBits = Math.floor(Math.log2(exponent)) + 1
  const step = 2 ** Math.max(0, exponent - keptBits)
  return Math.ceil(least / step) * step
}
