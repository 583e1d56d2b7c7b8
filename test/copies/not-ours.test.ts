import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadSyscalls, UmountFlag } from '../../src/syscalls.ts'
import type { MountId } from '../../src/vault/names.ts'
import { openCopies, type CopyOptions } from '../../src/volumes/copies.ts'
import { parseMountInfo } from '../../src/volumes/mount-table.ts'
import { wipeTree } from '../../src/volumes/tree-wiper.ts'

const syscalls = loadSyscalls()
const options: CopyOptions = { uid: 0, gid: 0, mode: null, dirmode: null, rw: false, size: null }
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'secretbox-copies-'))
})
afterEach(() => {
  const below = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter(mount =>
    mount.target.startsWith(`${directory}/`)
  )
  for (const { target } of below) syscalls.umount(target, UmountFlag.detach)
  rmSync(directory, { recursive: true })
})

const newId = (): MountId => randomBytes(32).toString('hex') as MountId

test('a foreign file system below the copies directory is neither overwritten nor unmounted', async () => {
  const copies = openCopies(directory, syscalls)
  const id = newId()
  mkdirSync(join(directory, id))
  syscalls.mount('usb', join(directory, id), 'tmpfs', 0, 'size=4096')
  writeFileSync(join(directory, id, 'file'), 'precious')
  await expect(copies.wipe(id)).rejects.toMatchObject({
    code: 'conflict',
    message: `cannot wipe "${join(directory, id)}": what is mounted there is no copy`
  })
  expect(readFileSync(join(directory, id, 'file'), 'utf8')).toBe('precious')
})

test('a directory with files of others is left alone', async () => {
  const copies = openCopies(directory, syscalls)
  const path = join(directory, 'photos')
  mkdirSync(path)
  writeFileSync(join(path, 'a'), 'precious')
  await expect(copies.wipe('photos' as MountId)).rejects.toMatchObject({
    code: 'conflict',
    message: `cannot remove "${path}": it is no directory of a copy`
  })
  expect(readdirSync(path)).toEqual(['a'])
})

test('a probe that an earlier start left mounted is cleared away', () => {
  const probe = join(directory, '.probe')
  mkdirSync(probe)
  syscalls.mount('secretbox', probe, 'tmpfs', 0, 'size=4096')
  openCopies(directory, syscalls)
  expect(existsSync(probe)).toBe(false)
})

test('others cannot enter the directory of copies', () => {
  chmodSync(directory, 0o755)
  openCopies(directory, syscalls)
  expect(statSync(directory).mode & 0o777).toBe(0o700)
})

test('the root of a copy belongs to the owner of its entries', async () => {
  const copies = openCopies(directory, syscalls)
  const id = newId()
  await copies.make(id, null, { ...options, uid: 1000, gid: 1001, rw: true })
  expect(statSync(copies.pathOf(id))).toMatchObject({ uid: 1000, gid: 1001 })
  await copies.wipe(id)
  expect(readdirSync(directory)).toEqual([])
})

test('directories nested deeper than any stack or table of descriptors are wiped, and so is what lies at the bottom', async () => {
  const copies = openCopies(directory, syscalls)
  const id = newId()
  await copies.make(id, null, { ...options, rw: true, size: 64 << 20 })
  const root = copies.pathOf(id)
  let bottom = root
  // Each is made at the root and moved around what there is: no path ever gets long.
  for (let depth = 0; depth < 4000; depth++) {
    const outer = join(root, `outer${depth % 2}`)
    mkdirSync(outer)
    if (depth > 0) renameSync(bottom, join(outer, 'd'))
    else writeFileSync(join(outer, 'secret'), 'x'.repeat(5000))
    bottom = outer
  }
  await wipeTree(syscalls, root)
  expect(readdirSync(root)).toEqual([])
  await copies.wipe(id)
})
