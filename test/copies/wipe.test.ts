import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { wipeTree } from '../../src/volumes/tree-wiper.ts'
import { mountSourceOf } from '../../src/volumes/mount-table.ts'
import { temporaryDirectory } from '../temporary.ts'
import { cannotMount } from '../tmpfs.ts'
import { contentsOf, mountsBelow, newId, newPlace, plain, syscalls } from './place.ts'

const bind = 4096

/** The bytes that an open file shows now. */
function bytesOf(fd: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(fd).size, 1)
  readSync(fd, bytes, 0, bytes.length, 0)
  return bytes
}

describe.skipIf(cannotMount)('wiping a copy (takes root)', () => {
  test('overwrites every file in place: whoever has it open sees zeros', async () => {
    const { copies, directory } = newPlace()
    const id = newId()
    const secret = Buffer.from('a secret')
    const files = {
      small: secret,
      'd/large': Buffer.alloc(3_000_001, secret),
      none: Buffer.of(),
      unreadable: secret
    }
    const given = Object.entries(files).map(
      ([path, file]) => [path, { file, mode: path === 'unreadable' ? 0 : 0o600 }] as const
    )
    await copies.make(id, contentsOf({ d: { directory: 0o500 }, ...Object.fromEntries(given) }), plain)
    const opened = Object.keys(files).map(path => openSync(join(copies.pathOf(id), path), 'r'))
    expect(opened.map(fd => bytesOf(fd).length)).toEqual([8, 3_000_001, 0, 8])
    await copies.wipe(id)
    expect(opened.map(fd => bytesOf(fd).length)).toEqual([8, 3_000_001, 0, 8])
    for (const fd of opened) {
      expect(bytesOf(fd).every(byte => byte === 0)).toBe(true)
      expect(fstatSync(fd).nlink).toBe(0)
      closeSync(fd)
    }
    expect(readdirSync(directory)).toEqual([])
    expect(mountsBelow(directory)).toEqual([])
  })

  test('takes the contents from whoever has it mounted elsewhere', async () => {
    const { copies, directory } = newPlace()
    const [id, elsewhere] = [newId(), newId()]
    await copies.make(id, contentsOf({ f: { file: 'a secret' } }), plain)
    mkdirSync(join(directory, elsewhere))
    syscalls.mount(copies.pathOf(id), join(directory, elsewhere), null, bind, null)
    await copies.wipe(id)
    expect(readdirSync(join(directory, elsewhere))).toEqual([])
    expect(await copies.list()).toEqual([elsewhere])
  })

  test('takes whatever a container made in a writable one', async () => {
    const { copies } = newPlace()
    const id = newId()
    const outside = temporaryDirectory()
    writeFileSync(join(outside, 'precious'), 'kept')
    await copies.make(id, contentsOf({ f: { file: 'a secret' } }), { ...plain, rw: true, size: 1 << 20 })
    const root = copies.pathOf(id)
    // Far larger than the copy, with data at both ends.
    const sparse = openSync(join(root, 'sparse'), 'w+')
    writeSync(sparse, 'begin', 0)
    writeSync(sparse, 'end', 5 * 2 ** 30)
    ftruncateSync(sparse, 6 * 2 ** 30)
    const bytes = Buffer.concat([Buffer.from(`${root}/not UTF-8 `), Buffer.of(0xff, 0xfe, 0x0a)])
    const odd = openSync(bytes, 'w+')
    writeSync(odd, 'odd secret')
    const inOdd = Buffer.concat([Buffer.from(`${root}/dir `), Buffer.of(0xc0)])
    mkdirSync(inOdd)
    writeFileSync(Buffer.concat([inOdd, Buffer.from('/f')]), 'x')
    symlinkSync(outside, join(root, 'out'))
    symlinkSync(join(outside, 'precious'), join(root, 'file'))
    linkSync(join(root, 'f'), join(root, 'again'))
    execFileSync('mkfifo', [join(root, 'pipe')])
    mkdirSync(join(root, 'closed'), 0)
    execFileSync('sh', ['-c', 'for i in 1 2 3; do mkdir d; cd d; echo x > f; done'], { cwd: root })

    await copies.wipe(id)
    expect(await copies.list()).toEqual([])
    const ends = Buffer.alloc(5)
    for (const at of [0, 5 * 2 ** 30]) {
      readSync(sparse, ends, 0, 5, at)
      expect([...ends]).toEqual([0, 0, 0, 0, 0])
    }
    expect(bytesOf(odd).every(byte => byte === 0)).toBe(true)
    for (const fd of [sparse, odd]) closeSync(fd)
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('kept')
  })

  test('takes every mount that lies on the place, one upon the other', async () => {
    const { copies, directory } = newPlace()
    const id = newId()
    await copies.make(id, contentsOf({ f: { file: 'first' } }), plain)
    const first = openSync(join(copies.pathOf(id), 'f'), 'r')
    for (let i = 0; i < 2; i++) {
      syscalls.mount(mountSourceOf(id), copies.pathOf(id), 'tmpfs', 0, 'size=8k')
      writeFileSync(join(copies.pathOf(id), 'f'), 'on top')
    }
    expect(mountsBelow(directory)).toHaveLength(3)
    await copies.wipe(id)
    expect(mountsBelow(directory)).toEqual([])
    expect(readdirSync(directory)).toEqual([])
    expect(bytesOf(first).every(byte => byte === 0)).toBe(true)
    closeSync(first)
  })

  test('does nothing for what is not there, and removes a directory without a mount', async () => {
    const { copies, directory } = newPlace()
    const id = newId()
    await copies.wipe(id)
    mkdirSync(join(directory, id))
    await copies.wipe(id)
    expect(readdirSync(directory)).toEqual([])
  })

  test('goes on after a file that cannot be overwritten, unmounts, and says so then', async () => {
    const place = newPlace({
      ...syscalls,
      nextData(fd, offset) {
        if (fstatSync(fd).size === 3) throw new Error('cannot seek')
        return syscalls.nextData(fd, offset)
      }
    })
    const id = newId()
    await place.copies.make(id, contentsOf({ bad: { file: 'bad' }, good: { file: 'good' } }), plain)
    const good = openSync(join(place.copies.pathOf(id), 'good'), constants.O_RDONLY)
    await expect(place.copies.wipe(id)).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot overwrite copy "${place.copies.pathOf(id)}": cannot seek`
    })
    expect(bytesOf(good).every(byte => byte === 0)).toBe(true)
    closeSync(good)
    expect(readdirSync(place.directory)).toEqual([])
  })
})

test('wiping a tree leaves the directory itself, empty', async () => {
  const root = temporaryDirectory()
  mkdirSync(join(root, 'a/b/c'), { recursive: true })
  writeFileSync(join(root, 'a/b/f'), 'x')
  await wipeTree(syscalls, root)
  expect(readdirSync(root)).toEqual([])
})
