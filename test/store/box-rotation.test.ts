import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseBoxName } from '../../src/base/names.ts'
import type { Store } from '../../src/store/store.ts'
import { readBox } from '../../src/vault/boxes/records.ts'
import { change, contentsOf, putting, root, treeOf, type OpenVault } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const open = useVault()
const db = parseBoxName('db')
const large = Buffer.alloc(1_500_000, 'large')

async function filled(settings: Parameters<typeof open>[0] = {}): Promise<OpenVault> {
  const opened = await open(settings)
  await opened.vault.create(root, db)
  await change(opened, db, putting('small', 'first'), putting('large', large))
  await change(opened, db, putting('small', 'second'), putting('other', Buffer.alloc(30_000, 'x')))
  return opened
}

async function keyOf({ store, sealing }: OpenVault): Promise<Buffer> {
  const box = await readBox(store, await sealing.keyring(), db)
  return Buffer.from(box?.key.bytes() ?? [])
}

/** All versions, as text. */
async function said(opened: OpenVault): Promise<object> {
  const { versions } = await opened.vault.inspect(root, db)
  return Promise.all(versions.map(({ version }) => treeOf(opened, db, version)))
}

const marks = async ({ store }: OpenVault): Promise<number> =>
  (await Array.fromAsync(store.list('staging/'))).length

test('a box has the same versions under another key, and nothing of the old one is in the files of the store', async () => {
  const opened = await filled()
  const [before, key] = [await said(opened), await keyOf(opened)]
  const pieces: Buffer[] = []
  for (const prefix of ['box/', 'manifest/', 'blob/'])
    for await (const { value } of opened.store.list(prefix))
      pieces.push(value.subarray(1, 57), value.subarray(-48))
  expect(await opened.rotateBox(root, db)).toEqual({ versions: 3, bytes: 2 * large.length + 30_011 })
  expect((await keyOf(opened)).equals(key)).toBe(false)
  expect(await said(opened)).toEqual(before)
  expect(await marks(opened)).toBe(0)
  const files = readdirSync(opened.directory)
    .filter(name => name.startsWith('store.db'))
    .map(name => readFileSync(join(opened.directory, name)))
  expect(pieces.filter(piece => files.some(file => file.includes(piece)))).toEqual([])
  await opened.close()
  const again = await open()
  expect(again.swept).toBe(0)
  expect(await said(again)).toEqual(before)
  // And it is changed as any.
  await change(again, db, putting('large', 'none'))
  expect(await treeOf(again, db)).toMatchObject({ large: 'none', small: 'second' })
})

test('who reads meanwhile reads to the end, and changes and Mounts go on', async () => {
  const opened = await filled()
  const reading = Promise.withResolvers<undefined>()
  const begun = Promise.withResolvers<undefined>()
  const reader = opened.vault.open(root, 'reveal', { box: db, path: 'large' }, null, async version => {
    begun.resolve(undefined)
    await reading.promise
    return contentsOf(version, 'large')
  })
  await begun.promise
  const rotated = opened.rotateBox(root, db)
  const key = await keyOf(opened)
  while ((await keyOf(opened)).equals(key));
  expect((await treeOf(opened, db))['small']).toBe('second')
  expect(await change(opened, db, putting('small', 'third'))).toBe(4)
  reading.resolve(undefined)
  expect((await reader).equals(large)).toBe(true)
  await rotated
  expect(await marks(opened)).toBe(0)
  let isDone = false
  const changing = (async () => {
    let changed = 0
    for (; !isDone; changed++) await change(opened, db, putting('small', `${changed}`))
    return changed
  })()
  for (let times = 0; times < 3; times++) await opened.rotateBox(root, db)
  isDone = true
  const changed = await changing
  expect(await treeOf(opened, db)).toMatchObject({ small: `${changed - 1}`, large: large.toString() })
})

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  'a power cut after %i of its commits leaves the box whole, and the next start tidies up',
  async survived => {
    let left = Infinity
    const wrap = (store: Store): Store => ({
      ...store,
      commit(writes, onCommitted) {
        if (left-- <= 0) return Promise.reject(new Error('power cut'))
        return store.commit(writes, onCommitted)
      }
    })
    const opened = await filled({ wrap })
    const before = await said(opened)
    left = survived
    await opened.rotateBox(root, db).catch(() => null)
    await opened.close()
    const again = await open()
    expect(await said(again)).toEqual(before)
    expect(await marks(again)).toBe(0)
    const blobs = (await Array.fromAsync(again.store.list('blob/'))).map(({ key }) => key.split('/')[2])
    expect(new Set(blobs).size).toBe(2)
  }
)
