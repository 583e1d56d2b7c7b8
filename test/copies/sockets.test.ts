import { closeSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { CopyKey } from '../../src/copies/copy-key.ts'
import { createHolders } from '../../src/copies/holders.ts'
import { hold } from '../kit/hold.ts'
import { mountsBelow } from '../kit/mounting.ts'
import { ordersIn } from '../kit/orders.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { contentsOf, newKey, newPlace, plain, type Place } from './place.ts'

const contents = contentsOf({ password: { file: 'x' } })
const withSocket = { ...plain, api: true }

async function copyWithSocket(place: Place, options = withSocket): Promise<{ key: CopyKey; socket: string }> {
  const key = newKey()
  await place.copies.make(key, contents, options)
  return { key, socket: join(place.copies.pathOf(key), '.secretbox/api.sock') }
}

/** Listens at a copy's socket and tells what the next who connects says. */
async function heard(place: Place, key: CopyKey, socket: string): Promise<string> {
  const server = createServer()
  server.listen({ fd: await place.copies.listen(key) })
  onTestFinished(() => void server.close())
  const [[connection]] = (await Promise.all([once(server, 'connection'), say(socket)])) as [
    [AsyncIterable<Buffer>],
    unknown
  ]
  return Buffer.concat(await Array.fromAsync(connection)).toString()
}

async function say(socket: string): Promise<void> {
  const client = connect(socket)
  await once(client, 'connect')
  client.end('hello')
}

describe.skipIf(cannotMount)('the socket of a copy (takes root)', () => {
  test('lies on a file system of its own, which is as read-only as the copy', async () => {
    const place = await newPlace()
    const { key, socket } = await copyWithSocket(place)
    expect(await heard(place, key, socket)).toBe('hello')
    const directory = join(socket, '..')
    expect(statSync(directory).dev).not.toBe(statSync(place.copies.pathOf(key)).dev)
    expect(() => writeFileSync(join(directory, 'more'), 'x')).toThrow('EROFS')
    expect(() => writeFileSync(join(place.copies.pathOf(key), 'more'), 'x')).toThrow('EROFS')
  })

  test('is bound again for those that hold the copy, and what lay there is gone', async () => {
    const place = await newPlace()
    const { key, socket } = await copyWithSocket(place)
    const holder = await hold(place.copies.pathOf(key))
    const held = `/proc/${holder.pid}/root${holder.path}/.secretbox/api.sock`
    closeSync(await place.copies.listen(key))
    expect(await heard(place, key, held)).toBe('hello')
    expect(readdirSync(join(socket, '..'))).toEqual(['api.sock'])
  })

  test('is not bound where there is no place for it, nor in what is no copy', async () => {
    const place = await newPlace()
    const without = newKey()
    await place.copies.make(without, contents, { ...plain, rw: true })
    await expect(place.copies.listen(without)).rejects.toMatchObject({ code: 'unavailable' })
    // What a container puts in a writable copy leads nowhere.
    symlinkSync(place.directory, join(place.copies.pathOf(without), '.secretbox'))
    await expect(place.copies.listen(without)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(place.copies.listen(newKey())).rejects.toMatchObject({ code: 'conflict' })
  })

  test.each([
    [{}, { file: 'x' }, 0o700],
    [{}, { file: 'x', mode: 0o644 }, 0o755],
    [{ mode: 0o440 }, { file: 'x' }, 0o750],
    [{ mode: 0o444, dirmode: 0o700 }, { file: 'x' }, 0o700],
    [{ mode: 0o404 }, { file: 'x' }, 0o705]
  ])('with %j it is for those who may read the whole copy of %j', async (options, file, mode) => {
    const place = await newPlace()
    const key = newKey()
    const all = { ...withSocket, uid: 70_000, gid: 70_001, ...options }
    await place.copies.make(key, contentsOf({ file, link: { link: 'file' } }), all)
    const found = statSync(join(place.copies.pathOf(key), '.secretbox'))
    expect([found.mode & 0o7777, found.uid, found.gid]).toEqual([mode, 70_000, 70_001])
  })

  test.each([false, true])('goes with the copy, writable: %j', async rw => {
    const place = await newPlace()
    const { key, socket } = await copyWithSocket(place, { ...withSocket, rw })
    closeSync(await place.copies.listen(key))
    expect(mountsBelow(place.directory)).toHaveLength(2)
    expect(await place.copies.wipe(key)).toBe(true)
    expect(mountsBelow(place.directory)).toEqual([])
    expect(readdirSync(place.directory)).toEqual([])
    await expect(say(socket)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test.each(['make.parted', 'listen.bound', 'wipe.parted'] as const)(
    'whose job is killed at %s is made, bound and wiped by the next one',
    async point => {
      const faults = temporaryDirectory()
      const orders = await ordersIn(faults)
      const place = await newPlace([], { SECRETBOX_FAULTS: faults })
      await orders.give(point, 'kill')
      const { key, socket } = await copyWithSocket(place)
      expect(await heard(place, key, socket)).toBe('hello')
      expect(readFileSync(join(place.copies.pathOf(key), 'password'), 'utf8')).toBe('x')
      expect(await place.copies.wipe(key)).toBe(true)
      await orders.reached(point)
      expect(mountsBelow(place.directory)).toEqual([])
      expect(readdirSync(place.directory)).toEqual([])
    }
  )

  test.each([[[]], [['--old-kernel']]])('a process shows the copy or not, with %j', async options => {
    const place = await newPlace(options)
    const { key } = await copyWithSocket(place)
    const holders = createHolders(place.supervisor)
    const copy = { key, device: place.copies.deviceOf(key) ?? 0 }
    const holder = await hold(place.copies.pathOf(key))
    expect(await holders.isShownTo(holder.pid, copy)).toBe(true)
    // Here it is where it was made.
    expect(await holders.isShownTo(process.pid, copy)).toBe(false)
    expect(await holders.isShownTo(holder.pid, { ...copy, key: newKey() })).toBe(false)
    await holder.end()
    expect(await holders.isShownTo(holder.pid, copy)).toBe(false)
    // Nobody who looked stays in its mount namespace.
    expect((await holders.of([copy])).of(copy)).toEqual([])
  })
})
