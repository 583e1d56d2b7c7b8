import { randomBytes } from 'node:crypto'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFilePath } from '../../src/base/names.ts'
import { mount, MountFlag, mountsBelow, umount } from '../kit/mounting.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { contentsOf, listing, mountPointOf, newKey, newPlace, plain, type Given } from './place.ts'

/** The lines of mountinfo for a path: options of the mount, kind and source, options of the file system. */
function mountLine(path: string): {
  options: string[]
  type: string
  source: string
  superOptions: string[]
} {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .findLast(text => text.split(' ')[4] === path)
  const [head = '', tail = ''] = (line ?? '').split(' - ')
  const [type = '', source = '', superOptions = ''] = tail.split(' ')
  return {
    options: (head.split(' ')[5] ?? '').split(','),
    type,
    source,
    superOptions: superOptions.split(',')
  }
}

/** Mode and owner of a copy's root. */
function rootOf(path: string): string {
  const { mode, uid, gid } = statSync(path)
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`
}

describe.skipIf(cannotMount)('a copy (takes root)', () => {
  test('is a tmpfs of its own, without set-id, devices and programs, never swapped, and read-only as a whole', async () => {
    const { copies } = await newPlace()
    const id = newKey()
    expect(copies.deviceOf(id)).toBe(null)
    await copies.make(id, contentsOf({ pw: { file: 'x' } }), plain)
    const { options, type, source, superOptions } = mountLine(mountPointOf(copies, id))
    expect(options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec']))
    expect([type, source]).toEqual(['tmpfs', `secretbox:${id}`])
    expect(superOptions).toContain('ro')
    if (copies.memory === 'tmpfs with noswap') expect(superOptions).toContain('noswap')
    expect(superOptions).toEqual(expect.arrayContaining(['size=8k', 'nr_inodes=14']))
    expect(copies.deviceOf(id)).toBe(statSync(copies.pathOf(id)).dev)
    expect(await copies.list()).toEqual([id])
    await copies.wipe(id)
    expect([copies.deviceOf(id), await copies.list()]).toEqual([null, []])
  })

  test('has a path of which nothing is there without it, so that nobody is given an empty directory', async () => {
    const { copies } = await newPlace()
    const id = newKey()
    await copies.make(id, contentsOf({ pw: { file: 'x' } }), plain)
    expect(readFileSync(join(copies.pathOf(id), 'pw'), 'utf8')).toBe('x')
    umount(mountPointOf(copies, id))
    expect([existsSync(mountPointOf(copies, id)), existsSync(copies.pathOf(id))]).toEqual([true, false])
  })

  test('stays read-only through a bind mount that is made writable, as a container has one', async () => {
    const { copies, directory } = await newPlace()
    const id = newKey()
    await copies.make(id, contentsOf({ pw: { file: 'x' } }), plain)
    const target = join(directory, `bound-${id}`)
    mkdirSync(target)
    mount(copies.pathOf(id), target, null, MountFlag.bind, null)
    mount(null, target, null, MountFlag.remount | MountFlag.bind, null)
    expect(mountLine(target).options).toContain('rw')
    for (const path of ['pw', 'new']) expect(() => writeFileSync(join(target, path), '')).toThrow('EROFS')
  })

  test('holds every kind of entry, with modes, names and lengths as they are', async () => {
    const { copies } = await newPlace()
    const id = newKey()
    const deep = `${'d/'.repeat(2047)}ee`
    const given: Record<string, Given> = {
      plain: { file: 'x', mode: 0o640 },
      'mode 0': { file: 'x', mode: 0 },
      'set-id': { file: 'x', mode: 0o6755 },
      all: { file: '', mode: 0o7777 },
      empty: { directory: 0o1777 },
      closed: { directory: 0 },
      'closed/inside': { file: 'y', mode: 0o400 },
      out: { link: '../../etc/passwd' },
      root: { link: '/' },
      long: { link: 'x'.repeat(4095) },
      ['n'.repeat(255)]: { file: 'x' },
      ['é'.repeat(127)]: { file: 'x' },
      'new\nline': { file: 'x' },
      ' -日本\t"\\\u0001': { file: 'x' },
      large: { file: randomBytes(3_000_000), chunks: [1 << 20, 1 << 20, 3_000_000 - (2 << 20)] },
      [parseFilePath(deep)]: { file: 'at 4096 bytes', mode: 0o444 }
    }
    const parents = deep.split('/').slice(0, -1)
    parents.forEach((_, depth) => (given[parents.slice(0, depth + 1).join('/')] = { directory: 0o755 }))
    await copies.make(id, contentsOf(given), plain)
    const expected = Object.fromEntries(
      Object.entries(given).map(([path, one]) => [
        path,
        'link' in one
          ? `l 0:0 -> ${Buffer.from(one.link).toString('latin1')}`
          : 'directory' in one
            ? `d ${one.directory.toString(8)} 0:0`
            : `f ${(one.mode ?? 0o600).toString(8)} 0:0 ${Buffer.byteLength(one.file as Buffer)}`
      ])
    )
    expect(listing(copies.pathOf(id))).toEqual(expected)
    const bottom = execFileSync('find', ['.', '-name', 'ee', '-execdir', 'cat', '{}', ';'], {
      cwd: copies.pathOf(id)
    })
    expect(deep).toHaveLength(4096)
    expect(bottom.toString()).toBe('at 4096 bytes')
    const large = given['large']
    expect(
      large && 'file' in large && readFileSync(join(copies.pathOf(id), 'large')).equals(large.file as Buffer)
    ).toBe(true)
    await copies.wipe(id)
    expect(await copies.list()).toEqual([])
  })

  test('gives every entry the owner, and every file the mode, that were asked for', async () => {
    const { copies } = await newPlace()
    const id = newKey()
    const given = { d: { directory: 0o700 }, 'd/f': { file: 'x', mode: 0o4755 }, l: { link: 'd/f' } }
    await copies.make(id, contentsOf(given), { ...plain, uid: 1000, gid: 4294967294, mode: 0o2440 })
    expect(listing(copies.pathOf(id))).toEqual({
      d: 'd 700 1000:4294967294',
      'd/f': 'f 2440 1000:4294967294 1',
      l: 'l 1000:4294967294 -> d/f'
    })
    expect(rootOf(copies.pathOf(id))).toBe('755 1000:4294967294')
  })

  test('gives every directory, its root too, the mode that was asked for', async () => {
    const { copies } = await newPlace()
    const id = newKey()
    const given = {
      d: { directory: 0o700 },
      'd/e': { directory: 0o1777 },
      'd/e/f': { file: 'x', mode: 0o400 },
      l: { link: 'd' }
    }
    await copies.make(id, contentsOf(given), { ...plain, gid: 1000, dirmode: 0o2750 })
    expect(listing(copies.pathOf(id))).toEqual({
      d: 'd 2750 0:1000',
      'd/e': 'd 2750 0:1000',
      'd/e/f': 'f 400 0:1000 1',
      l: 'l 0:1000 -> d'
    })
    expect(rootOf(copies.pathOf(id))).toBe('2750 0:1000')
    await copies.wipe(id)
    expect(await copies.list()).toEqual([])
  })

  test.each([
    [true, 'can', { gid: 2000, mode: 0o440, dirmode: 0o750 }],
    [false, 'cannot', { gid: 2000, mode: 0o440 }],
    [false, 'cannot', { gid: 2000, mode: 0o400, dirmode: 0o750 }],
    [true, 'can', { uid: 2000, mode: 0o400 }],
    [false, 'cannot', { uid: 2001, mode: 0o400 }]
  ])('is open: %s, to a user who %s enter and read it by %j', async (opens, _, options) => {
    const { copies, directory } = await newPlace()
    const id = newKey()
    await copies.make(id, contentsOf({ d: { directory: 0o700 }, 'd/f': { file: 'secret', mode: 0o600 } }), {
      ...plain,
      ...options
    })
    for (const closed of [dirname(directory), directory]) chmodSync(closed, 0o755)
    const reading = spawnSync('cat', [join(copies.pathOf(id), 'd/f')], { uid: 2000, gid: 2000 })
    expect(reading.stdout.toString()).toBe(opens ? 'secret' : '')
  })

  test('of nothing is empty', async () => {
    const { copies } = await newPlace()
    const id = newKey()
    await copies.make(id, null, plain)
    expect(readdirSync(copies.pathOf(id))).toEqual([])
    expect(() => writeFileSync(join(copies.pathOf(id), 'f'), '')).toThrow('EROFS')
  })

  test('has room for whatever a box may hold, and for no more than that', async () => {
    const { copies } = await newPlace()
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'e'), minLength: 1, maxLength: 200 })
    const entry = fc.oneof(
      fc.integer({ min: 0, max: 20_000 }).map((length): Given => ({ file: Buffer.alloc(length, 7) })),
      fc.integer({ min: 1, max: 4095 }).map((length): Given => ({ link: 'x'.repeat(length) })),
      fc.constant<Given>({ directory: 0o755 })
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, entry, { maxKeys: 60, noNullPrototype: true }), async given => {
        const id = newKey()
        await copies.make(id, contentsOf(given), plain)
        expect(Object.keys(listing(copies.pathOf(id)))).toHaveLength(Object.keys(given).length)
        await copies.wipe(id)
      }),
      { numRuns: 40 }
    )
    const id = newKey()
    await copies.make(id, contentsOf({ f: { file: Buffer.alloc(8192) } }), {
      ...plain,
      rw: true,
      size: 16_384
    })
    expect(() => writeFileSync(join(copies.pathOf(id), 'more'), Buffer.alloc(16_384))).toThrow('ENOSPC')
  })

  test('never follows a symlink while it is written, were there one in its way', async () => {
    const { copies } = await newPlace()
    const outside = temporaryDirectory()
    const id = newKey()
    // No box holds such a tree: a vault refuses an entry below a symlink.
    const contents = contentsOf({ l: { link: outside }, 'l/f': { file: 'x' } })
    await expect(copies.make(id, contents, plain)).rejects.toMatchObject({ code: 'damaged' })
    expect(readdirSync(outside)).toEqual([])
    expect(await copies.list()).toEqual([])
  })

  test('and many others leave no directory, no mount and no descriptor behind', async () => {
    const { copies, directory } = await newPlace()
    const descriptors = readdirSync('/proc/self/fd').length
    const ids = Array.from({ length: 200 }, newKey)
    const contents = {
      'd/e/f': { file: 'x' },
      d: { directory: 0o755 },
      'd/e': { directory: 0o755 },
      l: { link: 'd' }
    }
    await Promise.all(ids.map(id => copies.make(id, contentsOf(contents), plain)))
    expect(mountsBelow(directory)).toHaveLength(200)
    expect(new Set(ids.map(id => copies.deviceOf(id))).size).toBe(200)
    await Promise.all(ids.map(id => copies.wipe(id)))
    expect(mountsBelow(directory)).toEqual([])
    expect(readdirSync(directory)).toEqual([])
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors)
  })
})
