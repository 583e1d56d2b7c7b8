import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
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
  renameSync,
  symlinkSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CopyKey } from '../../src/copies/copy-key.ts'
import { mount, MountFlag, mountsBelow } from '../kit/mounting.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { contentsOf, mountPointOf, newKey, newPlace, plain, type Place } from './place.ts'
import { leaseOn } from './lease.ts'

/** The bytes that an open file shows now. */
function bytesOf(fd: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(fd).size, 1)
  readSync(fd, bytes, 0, bytes.length, 0)
  return bytes
}

describe.skipIf(cannotMount)('wiping a copy (takes root)', () => {
  test('overwrites every file in place: whoever has it open sees zeros', async () => {
    const { copies, directory } = await newPlace()
    const id = newKey()
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
    const { copies, directory } = await newPlace()
    const [id, elsewhere] = [newKey(), newKey()]
    await copies.make(id, contentsOf({ f: { file: 'a secret' } }), plain)
    mkdirSync(join(directory, elsewhere))
    mount(copies.pathOf(id), join(directory, elsewhere), null, MountFlag.bind, null)
    await copies.wipe(id)
    expect(readdirSync(join(directory, elsewhere))).toEqual([])
    expect(await copies.list()).toEqual([elsewhere])
  })

  test('takes whatever a container made in a writable one', async () => {
    const { copies } = await newPlace()
    const id = newKey()
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
    const { copies, directory } = await newPlace()
    const id = newKey()
    await copies.make(id, contentsOf({ f: { file: 'first' } }), plain)
    const first = openSync(join(copies.pathOf(id), 'f'), 'r')
    for (let i = 0; i < 2; i++) {
      mount(`secretbox:${id}`, mountPointOf(copies, id), 'tmpfs', 0, 'size=8k')
      writeFileSync(join(mountPointOf(copies, id), 'f'), 'on top')
    }
    expect(mountsBelow(directory)).toHaveLength(3)
    await copies.wipe(id)
    expect(mountsBelow(directory)).toEqual([])
    expect(readdirSync(directory)).toEqual([])
    expect(bytesOf(first).every(byte => byte === 0)).toBe(true)
    closeSync(first)
  })

  test('does nothing for what is not there, and removes a directory without a mount', async () => {
    const { copies, directory } = await newPlace()
    const id = newKey()
    await copies.wipe(id)
    mkdirSync(join(directory, id))
    await copies.wipe(id)
    expect(readdirSync(directory)).toEqual([])
  })

  test('goes on after a file that cannot be overwritten, unmounts, and says so then', async () => {
    // Without this capability nobody can take the flag away again.
    const place = await newPlace([], {}, ['setpriv', '--bounding-set', '-linux_immutable'])
    const key = newKey()
    const files = contentsOf({ bad: { file: 'bad' }, good: { file: 'good' } })
    await place.copies.make(key, files, { ...plain, rw: true })
    execFileSync('chattr', ['+i', join(place.copies.pathOf(key), 'bad')])
    const good = openSync(join(place.copies.pathOf(key), 'good'), constants.O_RDONLY)
    await expect(place.copies.wipe(key)).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot wipe copy "${mountPointOf(place.copies, key)}": overwrite: EPERM`
    })
    expect(bytesOf(good).every(byte => byte === 0)).toBe(true)
    closeSync(good)
    expect(readdirSync(place.directory)).toEqual([])
  })
})

/** A writable copy, and what a container could have made of it. */
async function writable(): Promise<Place & { key: CopyKey; root: string }> {
  const place = await newPlace()
  const key = newKey()
  await place.copies.make(key, contentsOf({ f: { file: 'a secret' } }), {
    ...plain,
    rw: true,
    size: 64 << 20
  })
  return { ...place, key, root: place.copies.pathOf(key) }
}

describe.skipIf(cannotMount)('wiping what a container has made of its copy (takes root)', () => {
  test('waits for no FIFO, socket or device, and follows no link', async () => {
    const { copies, key, root } = await writable()
    execFileSync('mkfifo', [join(root, 'fifo')])
    execFileSync('mknod', [join(root, 'tty'), 'c', '5', '0'])
    symlinkSync('/dev/tty', join(root, 'link'))
    const server = createServer().listen(join(root, 'socket'))
    await once(server, 'listening')
    expect(await copies.wipe(key)).toBe(true)
    expect(await copies.list()).toEqual([])
    await new Promise(resolve => server.close(resolve))
  })

  test('overwrites data beyond what a double can count to, and what mmap(2) wrote behind the end of a file', async () => {
    const { copies, key, root } = await writable()
    const script = `
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
far = os.open('far', os.O_RDWR | os.O_CREAT)
os.pwrite(far, b'far secret', 2 ** 60 + 1)
tail = os.open('tail', os.O_RDWR | os.O_CREAT)
os.write(tail, b'x' * 10)
page = libc.mmap(None, 4096, 3, 1, tail, 0)
ctypes.memmove(page + 100, b'tail secret', 11)
os.write(1, b'made')
sys.stdin.read(1)
os.write(1, str([os.pread(far, 10, 2 ** 60 + 1), ctypes.string_at(page + 100, 11)] == [bytes(10), bytes(11)]).encode())
`
    const child = spawn('python3', ['-c', script], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(await copies.wipe(key)).toBe(true)
    child.stdin.write('.')
    const [seen] = (await once(child.stdout, 'data')) as [Buffer]
    expect(seen.toString()).toBe('True')
    child.stdin.end()
    await once(child, 'exit')
    expect(await copies.list()).toEqual([])
  })

  test('takes immutable and append-only files and directories, of any depth and any names', async () => {
    const { copies, key, root } = await writable()
    execFileSync(
      'sh',
      [
        '-c',
        'mkdir -p d/e moved-0 moved-1/moved-0; echo x >d/e/f; echo y >log; chattr +a log; chattr +i d/e/f d/e d f'
      ],
      { cwd: root }
    )
    const opened = openSync(join(root, 'd/e/f'), 'r')
    expect(await copies.wipe(key)).toBe(true)
    expect(bytesOf(opened).every(byte => byte === 0)).toBe(true)
    expect(fstatSync(opened).nlink).toBe(0)
    closeSync(opened)
    expect(await copies.list()).toEqual([])
  })

  test('nested deeper than any stack or table of descriptors reaches the bottom', async () => {
    const { copies, key, root } = await writable()
    let bottom = root
    // Each is made at the root and moved around what there is: no path ever gets long.
    for (let depth = 0; depth < 4000; depth++) {
      const outer = join(root, `outer${depth % 2}`)
      mkdirSync(outer)
      if (depth > 0) renameSync(bottom, join(outer, 'd'))
      else writeFileSync(join(outer, 'secret'), 'x'.repeat(5000))
      bottom = outer
    }
    expect(await copies.wipe(key)).toBe(true)
    expect(await copies.list()).toEqual([])
  })

  test('does not wait for a lease: what it covers stays until it is gone, and all else is wiped', async () => {
    const { copies, key, root } = await writable()
    writeFileSync(join(root, 'other'), 'other')
    const lease = await leaseOn(join(root, 'f'))
    const other = openSync(join(root, 'other'), 'r')
    expect(await copies.wipe(key)).toBe(false)
    expect(bytesOf(other).every(byte => byte === 0)).toBe(true)
    expect(fstatSync(other).nlink).toBe(0)
    closeSync(other)
    expect(readdirSync(root)).toEqual(['f'])
    await lease.end()
    expect(await copies.wipe(key)).toBe(true)
    expect(await copies.list()).toEqual([])
  })

  test('gives a file up that is leased for a minute: it goes as it is, and is not waited for any more', async () => {
    const { copies, clock, key, root } = await writable()
    const lease = await leaseOn(join(root, 'f'))
    expect(await copies.wipe(key)).toBe(false)
    clock.pass(60_000)
    expect(await copies.wipe(key)).toBe(false)
    clock.pass(1)
    await expect(copies.wipe(key)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/: overwrite: EAGAIN$/) as string
    })
    expect(await copies.list()).toEqual([])
    await lease.end()
  })

  test('goes on where it was when the job is killed in the middle of it', async () => {
    for (const point of ['wipe.begun', 'wipe.overwritten', 'wipe.unmounted']) {
      const orders = temporaryDirectory()
      writeFileSync(join(orders, point), 'kill')
      const place = await newPlace([], { SECRETBOX_FAULTS: orders })
      const key = newKey()
      await place.copies.make(key, contentsOf({ f: { file: 'a secret' } }), plain)
      const opened = openSync(join(place.copies.pathOf(key), 'f'), 'r')
      expect(await place.copies.wipe(key)).toBe(true)
      expect(readdirSync(orders)).toContain(`${point}.reached`)
      expect(bytesOf(opened).every(byte => byte === 0)).toBe(true)
      expect(fstatSync(opened).nlink).toBe(0)
      closeSync(opened)
      expect(readdirSync(place.directory)).toEqual([])
    }
  })
})
