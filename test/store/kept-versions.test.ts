import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { noSuchVersion } from '../../src/vault/boxes/version-records.ts'
import { parseBoxName } from '../../src/base/names.ts'
import { change, look, putting, removing, root, treeOf } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const db = parseBoxName('db')
const open = useVault()

describe('versions', () => {
  test.each([
    [[1], 'it has version 1'],
    [[1, 2], 'it has versions 1 to 2'],
    [[3, 4, 5, 6], 'it has versions 3 to 6'],
    [[1, 3, 4, 7, 9, 10], 'it has versions 1, 3 to 4, 7 and 9 to 10']
  ])('%j are told of as: %s', (numbers, hint) => {
    const versions = numbers.map(version => ({ version, created: '', files: 0, bytes: 0 }))
    expect(noSuchVersion(db, 99, versions)).toMatchObject({
      code: 'not_found',
      message: 'box "db" has no version 99',
      hint
    })
  })

  test('are kept with their trees, and read by number', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, putting('a', 'one'))
    await change(opened, db, putting('a', 'two'), putting('b', 'x'))
    expect(await Promise.all([1, 2, 3].map(version => treeOf(opened, db, version)))).toEqual([
      {},
      { a: 'one' },
      { a: 'two', b: 'x' }
    ])
    const { versions, created, newest } = await opened.vault.inspect(root, db)
    expect(versions.map(({ version, files, bytes }) => [version, files, bytes])).toEqual([
      [1, 0, 0],
      [2, 1, 3],
      [3, 2, 4]
    ])
    expect(versions.every(({ created: when }) => !Number.isNaN(Date.parse(when)))).toBe(true)
    expect([created, newest.version]).toEqual([versions[0]?.created, 3])
    await expect(look(opened, db, 4)).rejects.toMatchObject({
      code: 'not_found',
      message: 'box "db" has no version 4',
      hint: 'it has versions 1 to 3'
    })
  })

  test('are never numbered again: a rollback makes a new one with the old tree', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, putting('a', randomBytes(100_000).toString('hex')))
    await change(opened, db, removing('a'), putting('b', 'x'))
    expect(await opened.vault.rollback(root, db, 2, 3)).toEqual({
      version: 4,
      applied: 1,
      errors: [],
      dangling: []
    })
    expect(await treeOf(opened, db, 4)).toEqual(await treeOf(opened, db, 2))
    expect(await treeOf(opened, db, 3)).toEqual({ b: 'x' })
    await expect(opened.vault.rollback(root, db, 9, null)).rejects.toMatchObject({
      code: 'not_found',
      message: 'box "db" has no version 9'
    })
  })

  test('beyond the limit leave, oldest first, with the blobs that only they referred to', async () => {
    const opened = await open({ limits: { maxVersions: 3 } })
    const { created } = await opened.vault.create(root, db)
    const shared = randomBytes(2_500_000)
    await change(opened, db, putting('shared', shared))
    const blobs = await opened.store.count('blob/')
    expect(blobs).toBe(3)
    for (let i = 0; i < 5; i++) await change(opened, db, putting('own', randomBytes(1_100_000)))
    const { versions, created: stillCreated } = await opened.vault.inspect(root, db)
    expect(versions.map(({ version }) => version)).toEqual([5, 6, 7])
    expect(stillCreated).toBe(created)
    expect(await opened.store.count('manifest/')).toBe(3)
    // The shared blob once, and of the others those of the three versions kept, two chunks each.
    expect(await opened.store.count('blob/')).toBe(blobs + 3 * 2)
    expect(await opened.store.count('staging/')).toBe(0)
    await expect(look(opened, db, 4)).rejects.toMatchObject({ hint: 'it has versions 5 to 7' })
    expect((await treeOf(opened, db))['shared']).toBe(shared.toString())
  })

  test('that volumes ask for by number stay, and so does the newest', async () => {
    const pinned = new Set([2])
    const opened = await open({ limits: { maxVersions: 2 }, pinned: () => pinned })
    await opened.vault.create(root, db)
    for (let i = 0; i < 5; i++)
      await change(opened, db, putting('a', `${i}${randomBytes(50_000).toString('hex')}`))
    const numbers = async (): Promise<number[]> =>
      (await opened.vault.inspect(root, db)).versions.map(({ version }) => version)
    expect(await numbers()).toEqual([2, 6])
    await expect(look(opened, db, 5)).rejects.toMatchObject({ hint: 'it has versions 2 and 6' })
    expect((await treeOf(opened, db, 2))['a']?.[0]).toBe('0')
    expect(await opened.store.count('blob/')).toBe(2)
    pinned.clear()
    await change(opened, db, putting('b', 'x'))
    expect(await numbers()).toEqual([6, 7])
    // What version 2 alone referred to is gone.
    expect(await opened.store.count('blob/')).toBe(1)
  })

  test('can be read and changed while others drop them', async () => {
    const nothing = (): Promise<void> => Promise.resolve()
    let overtake = nothing
    const opened = await open({
      limits: { maxVersions: 1 },
      wrap: store => ({
        ...store,
        async get(key) {
          if (key.startsWith('manifest/')) await overtake()
          return store.get(key)
        }
      })
    })
    await opened.vault.create(root, db)
    const once = (path: string): void => {
      overtake = async () => {
        overtake = nothing
        await change(opened, db, putting(path, path))
      }
    }
    once('a')
    expect(await treeOf(opened, db)).toEqual({ a: 'a' })
    once('b')
    await change(opened, db, putting('c', 'c'))
    once('d')
    const { newest } = await opened.vault.inspect(root, db)
    await expect(opened.vault.rollback(root, db, newest.version, null)).rejects.toMatchObject({
      code: 'not_found',
      message: `box "db" has no version ${newest.version}`
    })
    expect(await treeOf(opened, db)).toEqual({ a: 'a', b: 'b', c: 'c', d: 'd' })
  })

  test('of a box that is destroyed while it is opened are not found, and one that is missing is damage', async () => {
    const nothing = (): Promise<void> => Promise.resolve()
    let strike: (store: Store, key: string) => Promise<void> = nothing
    const opened = await open({
      wrap: store => ({
        ...store,
        async get(key) {
          if (key.startsWith('manifest/')) await strike(store, key)
          return store.get(key)
        }
      })
    })
    await opened.vault.create(root, db)
    strike = async () => {
      strike = nothing
      await opened.vault.destroy(root, db, null)
    }
    await expect(look(opened, db)).rejects.toMatchObject({
      code: 'not_found',
      message: 'no such box "db"'
    })
    await opened.vault.create(root, db)
    strike = (store, key) => store.commit([{ remove: key }])
    await expect(look(opened, db)).rejects.toMatchObject({
      code: 'damaged',
      message: 'version 1 of box "db" is not in the store'
    })
  })

  test('do not grow with the small files that were added one by one', async () => {
    const opened = await open({ limits: { maxVersions: 1 } })
    await opened.vault.create(root, db)
    for (let i = 0; i < 20; i++) await change(opened, db, putting(`f${i}`, randomBytes(16_000)))
    let manifestBytes = 0
    for await (const { value } of opened.store.list('manifest/')) manifestBytes += value.length
    expect(manifestBytes).toBeLessThan(300_000)
    expect(await opened.store.count('blob/')).toBe(4)
  })

  test('are kept one at the least, and a rollback to the one that leaves keeps its contents', async () => {
    const opened = await open({ limits: { maxVersions: 1 } })
    await opened.vault.create(root, db)
    await change(opened, db, putting('a', randomBytes(50_000)))
    const contents = await treeOf(opened, db)
    await opened.vault.rollback(root, db, 2, null)
    expect(await treeOf(opened, db)).toEqual(contents)
    expect((await opened.vault.inspect(root, db)).versions).toHaveLength(1)
    expect(await opened.store.count('blob/')).toBe(1)
  })
})
