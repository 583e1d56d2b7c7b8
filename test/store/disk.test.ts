import { randomBytes } from 'node:crypto'
import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { cannotMount, smallDisk } from '../kit/tmpfs.ts'

/** Commits records until the disk is full; returns how many it took. */
async function fill(store: Store, prefix: string, valueBytes: number): Promise<number> {
  for (let i = 0; ; i++) {
    const full = await store.commit([{ put: `${prefix}/${i}`, value: randomBytes(valueBytes) }]).then(
      () => null,
      (error: unknown) => error
    )
    if (full === null) continue
    expect(full).toMatchObject({
      code: 'full',
      message: expect.stringMatching(/^cannot write store ".*": the disk is full$/) as string,
      hint: 'free room on the disk that holds the data directory; nothing was changed'
    })
    return i
  }
}

describe.skipIf(cannotMount)('a store on a disk of its own (mounting it takes root)', () => {
  test('says when the disk is full, keeps all it has, serves reads, and goes on when there is room', async () => {
    const disk = smallDisk(4 << 20)
    const path = join(disk.directory, 'store.db')
    let store = await openSqliteStore(path, { create: true })
    const written = await fill(store, 'key', 50_000)
    expect(written).toBeGreaterThan(10)
    expect(await store.count('key/')).toBe(written)
    await expect(
      store.commit([{ remove: 'key/0' }, { put: 'other', value: randomBytes(200_000) }])
    ).rejects.toMatchObject({ code: 'full' })
    expect((await store.get('key/0'))?.value.length).toBe(50_000)
    await store.close()

    store = await openSqliteStore(path, { create: false })
    expect(await Array.fromAsync(store.list('key/'))).toHaveLength(written)
    disk.remount({ bytes: 8 << 20 })
    await store.commit([{ put: 'more', value: randomBytes(50_000) }])
    expect(await store.count('key/')).toBe(written)
    expect(await store.get('other')).toBe(null)
    await store.close()
  })

  test('leaves room, when large records have filled the disk, for small ones and for removing the large', async () => {
    const disk = smallDisk(40 << 20)
    const store = await openSqliteStore(join(disk.directory, 'store.db'), { create: true })
    const written = await fill(store, 'large', 1 << 20)
    expect(written).toBeGreaterThan(5)
    for (let i = 0; i < 1000; i++) await store.commit([{ put: `small/${i}`, value: randomBytes(200) }])
    await store.commit([{ removeAll: 'large/' }])
    expect(await fill(store, 'large', 1 << 20)).toBeGreaterThan(written / 2)
    expect(await store.count('small/')).toBe(1000)
    await store.close()
  })

  test('cannot be made on a disk without room, and leaves nothing there', async () => {
    const disk = smallDisk(4096)
    const path = join(disk.directory, 'store.db')
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({ code: 'full' })
    disk.remount({ bytes: 1 << 20 })
    const store = await openSqliteStore(path, { create: true })
    await store.close()
    expect(statfsSync(disk.directory).ffree).toBeGreaterThan(0)
  })

  test('on a read-only disk cannot be used, and the message says so', async () => {
    const disk = smallDisk(1 << 20)
    const path = join(disk.directory, 'store.db')
    disk.remount({ readOnly: true })
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot use store "${path}": the file system is read-only`
    })
    disk.remount({})
    await (await openSqliteStore(path, { create: true })).close()
    disk.remount({ readOnly: true })
    await expect(openSqliteStore(path, { create: true })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`cannot use store "${path}": `) as string
    })
  })
})
