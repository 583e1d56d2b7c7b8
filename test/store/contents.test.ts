import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import type { Store } from '../../src/store/store.ts'
import type { IncomingEdit } from '../../src/vault/boxes/edits.ts'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'
import type { OpenedVersion } from '../../src/vault/opened-version.ts'
import { fileAt } from '../../src/vault/boxes/tree.ts'
import { collectGarbage } from '../kit/garbage.ts'
import { change, contentsOf, putting, removing, root, sent, type OpenVault } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const db = parseBoxName('db')
const file = parseFilePath('f')
const open = useVault()

/** Opens the newest version of the box for its contents. */
function reveal({ vault }: OpenVault, use: (version: OpenedVersion) => Promise<void>): Promise<void> {
  return vault.open(root, 'reveal', { box: db, path: '' }, null, use)
}

function putOf(bytes: AsyncIterable<Uint8Array>): IncomingEdit {
  return { op: 'file', path: file, mode: 0o600, bytes }
}

describe('contents', () => {
  test.each([0, 1, 16_384, 16_385, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000])(
    'of %i bytes come back as they were, however they are cut on the way',
    async length => {
      const opened = await open()
      await opened.vault.create(root, db)
      const bytes = randomBytes(length)
      for (const pieceBytes of [length, 65_536, 10_007]) {
        await change(opened, db, putOf(sent(bytes, Math.max(1, pieceBytes))))
        await reveal(opened, async version => {
          expect(fileAt(version.tree, file).size).toBe(length)
          expect((await contentsOf(version, 'f')).equals(bytes)).toBe(true)
        })
      }
    }
  )

  test.each([0, 100, 5_000_000])(
    'of %i bytes have a digest of their own, which is the same in each version and no plain one',
    async length => {
      const opened = await open()
      const bytes = randomBytes(length)
      const other = parseBoxName('other')
      const digests = (box: typeof db): Promise<string[]> =>
        opened.vault.open(root, 'inspect', { box }, null, async version => {
          const found: string[] = []
          for (const path of ['a', 'b', 'c']) found.push(await version.digest(parseFilePath(path)))
          return found
        })
      for (const box of [db, other]) {
        await opened.vault.create(root, box)
        const putAll = [putting('a', bytes), putting('b', bytes), putting('c', randomBytes(length + 1))]
        await change(opened, box, ...putAll)
      }
      const [a, b, c] = await digests(db)
      expect(a).toMatch(/^[0-9a-f]{64}$/)
      expect(b).toBe(a)
      expect(c).not.toBe(a)
      expect(a).not.toBe(createHash('sha256').update(bytes).digest('hex'))
      expect((await digests(other))[0]).not.toBe(a)
      await change(opened, db, putting('d', 'x'))
      expect(await digests(db)).toEqual([a, b, c])
    }
  )

  test('lie in the manifest while they are small and there is room', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, ...Array.from({ length: 16 }, (_, i) => putting(`f${i}`, randomBytes(16_384))))
    expect(await opened.store.count('blob/')).toBe(0)
    await change(opened, db, putting('g', randomBytes(100)))
    expect(await opened.store.count('blob/')).toBe(1)
    await change(opened, db, removing('f0'))
    await change(opened, db, putting('h', randomBytes(16_384)))
    expect(await opened.store.count('blob/')).toBe(1)
    await change(opened, db, removing('f1'))
    await change(opened, db, putting('i', randomBytes(16_385)))
    expect(await opened.store.count('blob/')).toBe(2)
  })

  test('that a change does not keep leave no record', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, putting('a', randomBytes(100_000)), putting('a', randomBytes(100_000)))
    expect(await opened.store.count('blob/')).toBe(1)
    expect(await opened.store.count('staging/')).toBe(0)
  })

  test('of two files that are links share one blob', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, putting('a', randomBytes(100_000)), {
      op: 'link',
      path: parseFilePath('b'),
      mode: 0o600,
      to: parseFilePath('a')
    })
    expect(await opened.store.count('blob/')).toBe(1)
  })

  test('of 128 MiB stream in and out without being held', async () => {
    const opened = await open({ limits: { maxVersions: 1 } })
    await opened.vault.create(root, db)
    const [pieceBytes, pieces] = [1 << 18, 512]
    const held = (): number => {
      collectGarbage()
      const { arrayBuffers, heapUsed } = process.memoryUsage()
      return arrayBuffers + heapUsed
    }
    const before = held()
    let peak = 0
    const measure = (): void => {
      peak = Math.max(peak, held() - before)
    }
    const given = createHash('sha256')
    async function* large(): AsyncGenerator<Buffer> {
      for (let i = 0; i < pieces; i++) {
        await Promise.resolve()
        const piece = Buffer.alloc(pieceBytes, i)
        given.update(piece)
        if (i % 50 === 0) measure()
        yield piece
      }
    }
    await change(opened, db, putOf(large()))
    const taken = createHash('sha256')
    let chunks = 0
    await reveal(opened, async version => {
      const bytes = version.read(fileAt(version.tree, file))
      if (bytes instanceof Secret) throw new Error('not in chunks')
      for await (const chunk of bytes) {
        expect(chunk.length).toBeLessThanOrEqual(1 << 20)
        taken.update(chunk)
        if (++chunks % 13 === 0) measure()
      }
    })
    expect(taken.digest('hex')).toBe(given.digest('hex'))
    expect(chunks).toBe(128)
    expect(peak).toBeLessThan(32 << 20)
  })
})

describe('a change that breaks off', () => {
  /** Contents that end in an error after some bytes. */
  async function* broken(pieces: Buffer[]): AsyncGenerator<Buffer> {
    for (const piece of pieces) {
      await Promise.resolve()
      yield piece
    }
    throw new Error('the caller went away')
  }

  test('leaves no record and no contents in its pieces', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    const before = await recordsOf(opened)
    // Parts of something larger: memory of their own would be given back, and could not be looked at.
    const pieces = Array.from({ length: 40 }, () => Buffer.alloc(100_001, 7).subarray(1))
    await expect(change(opened, db, putting('small', 'x'), putOf(broken(pieces)))).rejects.toThrow(
      'the caller went away'
    )
    expect(await recordsOf(opened)).toBe(before)
    expect(pieces.every(piece => piece.every(byte => byte === 0))).toBe(true)
  })

  test('because the store refuses lets go of what is sent, and tells why although it cannot tidy up', async () => {
    let full = false
    const opened = await open({
      wrap: (store: Store): Store => ({
        ...store,
        commit: changes => (full ? Promise.reject(new Error('no room')) : store.commit(changes))
      })
    })
    await opened.vault.create(root, db)
    let ended = false
    async function* contents(): AsyncGenerator<Buffer> {
      try {
        for (let i = 0; i < 50; i++) {
          full = i > 30
          await Promise.resolve()
          yield Buffer.alloc(100_000, 7)
        }
      } finally {
        ended = true
      }
    }
    await expect(change(opened, db, putOf(contents()))).rejects.toThrow('no room')
    expect(ended).toBe(true)
    // Left for the next start.
    full = false
    expect(await opened.store.count('staging/')).toBe(1)
    await opened.close()
    const again = await open()
    expect(again.swept).toBe(1)
    expect(await again.store.count('blob/')).toBe(0)
  })

  test('by a crash is swept when the vault is opened again, and what is kept stays', async () => {
    let opened = await open()
    await opened.vault.create(root, db)
    const kept = randomBytes(3_000_000)
    await change(opened, db, putting('kept', kept))
    const before = await opened.store.count('')
    const { promise: forever } = Promise.withResolvers()
    async function* stalled(reached: () => void): AsyncGenerator<Buffer> {
      for (let i = 0; i < 5; i++) yield Buffer.alloc(1 << 20, i)
      reached()
      await forever
    }
    await new Promise<void>(
      reached => void change(opened, db, putting('a', randomBytes(40_000)), putOf(stalled(reached)))
    )
    expect(await opened.store.count('staging/')).toBe(2)
    expect(await opened.store.count('')).toBeGreaterThan(before)
    await opened.close()

    opened = await open()
    expect(opened.swept).toBe(2)
    expect(await opened.store.count('')).toBe(before)
    await reveal(opened, async version => expect((await contentsOf(version, 'kept')).equals(kept)).toBe(true))
  })

  test('by a crash, of a box that was destroyed meanwhile, is swept as well', async () => {
    let opened = await open()
    await opened.vault.create(root, db)
    const { promise: forever } = Promise.withResolvers()
    async function* stalled(reached: () => void): AsyncGenerator<Buffer> {
      yield Buffer.alloc(2 << 20, 1)
      await opened.vault.destroy(root, db, null)
      yield Buffer.alloc(2 << 20, 2)
      yield Buffer.alloc(1 << 20, 3)
      reached()
      await forever
    }
    await new Promise<void>(reached => void change(opened, db, putOf(stalled(reached))))
    expect(await opened.store.count('blob/')).toBeGreaterThan(0)
    await opened.close()
    opened = await open()
    expect(await opened.store.count('blob/')).toBe(0)
    expect(await opened.store.count('staging/')).toBe(0)
  })
})

test('contents of an opened version are zeroed once it was used, and chunks are the reader’s', async () => {
  const opened = await open()
  await opened.vault.create(root, db)
  await change(opened, db, putting('small', 'a secret'), putting('large', Buffer.alloc(20_000, 7)))
  for (const fails of [false, true]) {
    const given: { bytes?: Buffer; chunk?: Buffer | undefined } = {}
    const used = reveal(opened, async version => {
      const small = version.read(fileAt(version.tree, parseFilePath('small')))
      if (!(small instanceof Secret)) throw new Error('not inline')
      given.bytes = Buffer.from(small.bytes().buffer, small.bytes().byteOffset, small.length)
      expect(given.bytes.toString()).toBe('a secret')
      const large = version.read(fileAt(version.tree, parseFilePath('large')))
      given.chunk = (await Array.fromAsync(large as AsyncIterable<Buffer>))[0]
      if (fails) throw new Error('the reader went away')
    })
    await (fails ? expect(used).rejects.toThrow('the reader went away') : used)
    expect(given.bytes?.every(byte => byte === 0)).toBe(true)
    expect(given.chunk?.every(byte => byte === 7)).toBe(true)
  }
})

/** How many records there are, less the audit's. */
async function recordsOf({ store }: OpenVault): Promise<number> {
  return (await store.count('')) - (await store.count('audit/'))
}
