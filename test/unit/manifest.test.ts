import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import {
  blobsOf,
  checkLimits,
  decodeManifest,
  encodeManifest,
  padmeLength,
  wipeManifest,
  type Manifest
} from '../../src/vault/boxes/manifest.ts'
import { parseFilePath } from '../../src/base/names.ts'
import type { Entry } from '../../src/vault/boxes/tree.ts'

const inline = (bytes: Uint8Array, mode = 0o600): Entry<Secret> => ({
  type: 'file',
  mode,
  size: bytes.length,
  content: { inline: new Secret(bytes) }
})
const manifest = (entries: Record<string, Entry<Secret>>): Manifest =>
  new Map(Object.entries(entries).map(([path, entry]) => [parseFilePath(path), entry]))

/** A manifest as values that can be compared. */
function plain(tree: Manifest): unknown {
  return [...tree].map(([path, entry]) => [
    path,
    entry.type === 'file' && 'inline' in entry.content
      ? { ...entry, content: Buffer.from(entry.content.inline.bytes()).toString('hex') }
      : entry
  ])
}

test('a manifest comes back as it was, with every kind of entry, any bytes and any name', () => {
  const mode = fc.integer({ min: 0, max: 0o7777 })
  const entry = fc.oneof(
    fc.tuple(fc.uint8Array({ maxLength: 300 }), mode).map(([bytes, bits]) => inline(bytes, bits)),
    fc.tuple(fc.nat(), mode).map(([size, bits]): Entry<Secret> => ({
      type: 'file',
      mode: bits,
      size,
      content: { blob: 'ab'.repeat(16) }
    })),
    fc
      .string({ unit: 'grapheme', minLength: 1 })
      .map((target): Entry<Secret> => ({ type: 'symlink', target })),
    mode.map((bits): Entry<Secret> => ({ type: 'directory', mode: bits }))
  )
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter(text => !text.includes('\0'))
  fc.assert(
    fc.property(fc.array(fc.tuple(name, entry), { maxLength: 20 }), rows => {
      const tree = new Map(rows.map(([path, found]) => [parseFilePath(path), found]))
      const before = plain(tree)
      expect(plain(decodeManifest(encodeManifest(tree)))).toEqual(before)
    })
  )
})

test('the length to seal tells small boxes apart only roughly', () => {
  const lengthOf = (bytes: number): number =>
    encodeManifest(manifest({ pw: inline(Buffer.alloc(bytes)) })).length
  expect([lengthOf(0), lengthOf(8), lengthOf(64), lengthOf(400)]).toEqual([512, 512, 512, 512])
  expect(lengthOf(1000)).toBe(lengthOf(1024))
})

test('padding never shortens and costs at most 12 percent', () => {
  fc.assert(
    fc.property(fc.integer({ min: 512, max: 2 ** 31 }), length => {
      const padded = padmeLength(length)
      expect(padded).toBeGreaterThanOrEqual(length)
      expect(padded).toBeLessThanOrEqual(length * 1.12)
      expect(padmeLength(padded)).toBe(padded)
    })
  )
  expect([0, 1, 511, 512].map(padmeLength)).toEqual([512, 512, 512, 512])
  // From the Padmé paper's definition, by hand: E = 9, S = 4, so 5 bits are cleared.
  expect([513, 544, 545].map(padmeLength)).toEqual([544, 544, 576])
})

test('an opened manifest keeps its contents in the one buffer, and wiping it zeroes them', () => {
  const bytes = encodeManifest(
    manifest({ a: inline(Buffer.from('secret one')), b: inline(Buffer.from('secret two')) })
  )
  const tree = decodeManifest(bytes)
  expect(bytes.includes('secret one')).toBe(true)
  wipeManifest(tree)
  expect(bytes.includes('secret')).toBe(false)
})

test('the blobs of a manifest are those its files refer to, each once', () => {
  const blob = (id: string): Entry<Secret> => ({ type: 'file', mode: 0, size: 1, content: { blob: id } })
  const tree = manifest({ a: blob('01'), b: blob('02'), c: blob('01'), d: inline(Buffer.alloc(1)) })
  expect([...blobsOf(tree)]).toEqual(['01', '02'])
})

test('a tree beyond a limit is refused with the limit and what there is', () => {
  const tree = manifest({ a: { type: 'directory', mode: 0 }, b: { type: 'symlink', target: 'a' } })
  expect(() => checkLimits(tree, { maxBoxBytes: 5, maxBoxEntries: 2 }, 5, true)).not.toThrow()
  expect(() => checkLimits(tree, { maxBoxBytes: 5, maxBoxEntries: 1 }, 5, true)).toThrow(
    expect.objectContaining({
      code: 'too_large',
      message: 'a box holds at most 1 entries, not 2',
      hint: 'raise MAX_BOX_ENTRIES, or split the box'
    })
  )
  for (const limits of [
    { maxBoxBytes: 5, maxBoxEntries: 1 },
    { maxBoxBytes: 4, maxBoxEntries: 2 }
  ])
    expect(() => checkLimits(tree, limits, 5, false)).toThrow(/^a box holds at most \d (entries|bytes)$/)
  expect(() => checkLimits(tree, { maxBoxBytes: 4, maxBoxEntries: 2 }, 5, true)).toThrow(
    expect.objectContaining({
      code: 'too_large',
      message: 'a box holds at most 4 bytes, not 5',
      hint: 'raise MAX_BOX_BYTES, or split the box'
    })
  )
})
