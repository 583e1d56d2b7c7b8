import { closeSync, openSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import { checked, createAskJob } from '../../src/copies/ask-job.ts'
import { sendTree, type CopyContents } from '../../src/copies/send-tree.ts'
import { mountsBelow } from '../kit/mounting.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { contentsOf, mountPointOf, newKey, newPlace, plain } from './place.ts'

describe.skipIf(cannotMount)('a copy that cannot be made (takes root)', () => {
  test('leaves nothing when mounting it fails, and says so', async () => {
    const { copies, directory, supervisor } = await newPlace()
    const key = newKey()
    const contents = contentsOf({ 'd/f': { file: 'secret' }, d: { directory: 0o755 } })
    // More than a file system can count.
    const request = { job: 'make', key, bytes: 4096, inodes: 2 ** 60 } as const
    const reply = await createAskJob(supervisor)(request, {
      send: (connection, head) => sendTree(connection, head, contents, plain),
      mounted: () => Promise.reject(new Error('it is not mounted'))
    })
    expect(() => checked('make it', reply)).toThrow('cannot make it: mount: EINVAL')
    expect(readdirSync(directory)).toEqual([])
    expect(mountsBelow(directory)).toEqual([])
    await copies.make(key, contents, plain)
  })

  test('leaves nothing when making it read-only fails, and says so', async () => {
    const { copies, directory } = await newPlace()
    const key = newKey()
    const large = { file: Buffer.alloc(100_000, 'x'), chunks: [100_000] }
    const all = contentsOf({ a: large, b: large })
    let writer = -1
    async function* meanwhile(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      // Whoever has a file open for writing keeps a file system from becoming read-only (mount(2), EBUSY).
      yield* bytes
      if (writer === -1) writer = await opened(join(copies.pathOf(key), 'a'), 'r+')
    }
    const contents: CopyContents = { tree: all.tree, read: reading(all, meanwhile) }
    await expect(copies.make(key, contents, plain)).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot make copy "${mountPointOf(copies, key)}": make read-only: EBUSY`
    })
    expect(readFileSync(writer).every(byte => byte === 0)).toBe(true)
    closeSync(writer)
    expect(readdirSync(directory)).toEqual([])
  })

  test('leaves nothing when reading breaks off midway, and what was written is overwritten', async () => {
    const { copies, directory } = await newPlace()
    const id = newKey()
    const all = contentsOf({
      a: { file: 'first secret' },
      b: { file: Buffer.alloc(300_000, 'second'), chunks: [100_000, 100_000, 100_000] },
      c: { file: 'never' }
    })
    const seen: number[] = []
    async function* breaking(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      let pieces = 0
      for await (const piece of bytes) {
        if (++pieces === 3) {
          for (const name of ['a', 'b']) seen.push(await opened(join(copies.pathOf(id), name), 'r'))
          throw new SecretboxError('damaged', 'cannot open record: it was changed or moved')
        }
        yield piece
      }
    }
    const contents: CopyContents = { tree: all.tree, read: reading(all, breaking) }
    await expect(copies.make(id, contents, plain)).rejects.toMatchObject({
      code: 'damaged',
      message: 'cannot open record: it was changed or moved'
    })
    expect(readdirSync(directory)).toEqual([])
    expect(mountsBelow(directory)).toEqual([])
    const bytes = seen.map(fd => {
      const contents = readFileSync(fd)
      closeSync(fd)
      return contents
    })
    expect(bytes.map(({ length }) => length)).toEqual([12, 200_000])
    for (const contents of bytes) expect(contents.every(byte => byte === 0)).toBe(true)
  })

  test('is made all the same when the job is killed once, and not when it is killed again', async () => {
    for (const point of ['make.mounted', 'make.written', 'make.made']) {
      const orders = temporaryDirectory()
      writeFileSync(join(orders, point), 'kill')
      const { copies } = await newPlace([], { SECRETBOX_FAULTS: orders })
      const key = newKey()
      await copies.make(key, contentsOf({ f: { file: 'x' } }), plain)
      expect(readdirSync(orders)).toContain(`${point}.reached`)
      expect(readFileSync(join(copies.pathOf(key), 'f'), 'utf8')).toBe('x')
      await copies.wipe(key)
    }
  })

  test('leaves nothing when a file has another length than its record says', async () => {
    const { copies, directory } = await newPlace()
    const contents = contentsOf({ f: { file: Buffer.alloc(20_000), chunks: [20_000] } })
    const lying: CopyContents = {
      tree: contentsOf({ f: { file: 'x' } }).tree,
      read: () => contents.read(contents.tree.values().next().value as never)
    }
    await expect(copies.make(newKey(), lying, plain)).rejects.toMatchObject({
      code: 'damaged',
      message: 'a file of the box is not as long as its record says'
    })
    expect(readdirSync(directory)).toEqual([])
  })
})

/** What reads the contents of a copy, with the pieces of files that have such sent through `between`. */
function reading(
  contents: NonNullable<CopyContents>,
  between: (bytes: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>
): NonNullable<CopyContents>['read'] {
  return entry => {
    const bytes = contents.read(entry)
    return Symbol.asyncIterator in bytes ? between(bytes) : bytes
  }
}

/** Opens a file once the job has made it. */
async function opened(path: string, flags: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, flags)
    } catch {
      await new Promise(setImmediate)
    }
  }
}

describe.skipIf(cannotMount)('the memory of copies (takes root)', () => {
  test('is a tmpfs that is never swapped, where the kernel has one', async () => {
    expect((await newPlace()).copies.memory).toBe('tmpfs with noswap')
  })

  test('is a plain tmpfs where the kernel knows no noswap and the host has no swap', async () => {
    const { copies } = await newPlace(['--old-kernel'])
    expect(copies.memory).toBe('tmpfs on a host without swap')
    const key = newKey()
    await copies.make(key, contentsOf({ f: { file: 'x' } }), plain)
    expect(readFileSync(join(copies.pathOf(key), 'f'), 'utf8')).toBe('x')
    await copies.wipe(key)
  })

  test('is ramfs, read-only all the same, where the kernel knows no noswap and the host has swap', async () => {
    const swaps = join(temporaryDirectory(), 'swaps')
    writeFileSync(swaps, 'Filename\tType\tSize\tUsed\tPriority\n/swapfile file 1048572 0 -2\n')
    // Another /proc/swaps, in a mount namespace of its own that shows its copies here.
    const script = 'mount --bind "$0" /proc/swaps && exec "$@"'
    const wrapper = ['unshare', '--mount', '--propagation', 'unchanged', 'sh', '-c', script, swaps]
    const { copies, supervisor, directory } = await newPlace(['--old-kernel'], {}, wrapper)
    expect(copies.memory).toBe('ramfs')
    const key = newKey()
    const options = { ...plain, uid: 1000, gid: 1001, dirmode: 0o2750 }
    await copies.make(key, contentsOf({ f: { file: 'x' } }), options)
    const path = `/proc/${supervisor.child.pid ?? 0}/root${copies.pathOf(key)}`
    expect(readFileSync(join(path, 'f'), 'utf8')).toBe('x')
    expect(statSync(path)).toMatchObject({ uid: 1000, gid: 1001, mode: 0o42750 })
    expect(() => writeFileSync(join(path, 'new'), '')).toThrow('EROFS')
    await copies.wipe(key)
    await expect(copies.make(key, null, { ...plain, rw: true })).rejects.toMatchObject({
      code: 'unavailable',
      message: 'cannot make a writable copy: ramfs has no size limit'
    })
    expect(readdirSync(directory)).toEqual([])
  })

  test('is not to be had where mounting is not permitted, which is said at once', async () => {
    await expect(newPlace([], {}, ['setpriv', '--bounding-set', '-sys_admin'])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^cannot use copies directory ".*": mount: EPERM$/) as string,
      hint: 'the supervisor needs root and CAP_SYS_ADMIN'
    })
  })
})
