import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MountId } from '../../src/vault/names.ts'
import { createHolders, holdersIn } from '../../src/volumes/holders.ts'
import { deviceNumber, mountSourceOf, parseMountInfo, type MountView } from '../../src/volumes/mount-table.ts'

const container = 'c0'.repeat(32)
const id = 'ab'.repeat(32) as MountId

test('a mountinfo line is read with and without optional fields', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue',
    '40 36 0:50 / /run/x ro shared:7 master:1 propagate_from:2 - tmpfs secretbox:abc ro,size=4k',
    '41 36 0:51 / / rw - overlay overlay rw'
  ].join('\n')
  expect(parseMountInfo(text)).toEqual([
    { device: '98:0', root: '/mnt1', target: '/mnt2', type: 'ext3', source: '/dev/root' },
    { device: '0:50', root: '/', target: '/run/x', type: 'tmpfs', source: 'secretbox:abc' },
    { device: '0:51', root: '/', target: '/', type: 'overlay', source: 'overlay' }
  ])
})

test('escaped characters are read back, also where a path looks like the separator', () => {
  const [entry] = parseMountInfo(String.raw`1 2 0:5 /a\040-\040b /t\011\012\134\040 rw - tmpfs s\040x rw`)
  expect(entry).toMatchObject({ root: '/a - b', target: '/t\t\n\\ ', source: 's x' })
})

test('lines that are not understood are left out', () => {
  expect(parseMountInfo('\nnonsense\n1 2 3\n - \n1 2 0:5 - tmpfs x rw\n')).toEqual([])
})

test('a device number is written as the kernel writes it', () => {
  // makedev(3) of glibc, the other way round.
  const makedev = (major: number, minor: number): number =>
    (minor & 0xff) + major * 0x100 + Math.floor(minor / 0x100) * 0x100000
  fc.assert(
    fc.property(fc.nat(0xfff), fc.nat(0xfffff), (major, minor) => {
      expect(deviceNumber(makedev(major, minor))).toBe(`${major}:${minor}`)
    })
  )
})

/** The mount table of a container that mounts the copy of `id` at `target`. */
function containerView(pid: number, target: string, device = '0:50'): MountView {
  const mounts = parseMountInfo(
    [
      `1 0 0:40 / / rw - overlay overlay rw`,
      `2 1 0:41 /docker/containers/${container}/hostname /etc/hostname rw - ext4 /dev/vda rw`,
      `3 1 ${device} / ${target} ro - tmpfs ${mountSourceOf(id)} ro`
    ].join('\n')
  )
  return { pid, mounts }
}

test('a copy in a container is held by it, and the container is known by its own files', () => {
  expect(holdersIn([containerView(7, '/run/secrets')]).get(id)).toEqual([
    { pid: 7, device: '0:50', containerId: container }
  ])
})

test('a copy where it was made, or an image of that place, is held by nobody', () => {
  const places = [`/mnt/secretbox/${id}`, `/var/lib/docker/plugins/x/propagated-mount/${id}`, `/${id}`]
  expect(holdersIn(places.map((target, pid) => containerView(pid, target))).size).toBe(0)
})

test('a process of no container holds a copy as well', () => {
  const mounts = parseMountInfo(`1 0 0:50 / /somewhere rw - tmpfs ${mountSourceOf(id)} rw`)
  expect(holdersIn([{ pid: 9, mounts }]).get(id)).toEqual([{ pid: 9, device: '0:50', containerId: null }])
})

test('two containers and two targets in one are as many holders, and other mounts are none', () => {
  const other = parseMountInfo('1 0 0:60 / /x rw - tmpfs tmpfs rw\n2 0 0:61 / /y rw - ramfs secretboxes rw')
  const held = holdersIn([
    containerView(7, '/a'),
    containerView(8, '/b'),
    { pid: 7, mounts: containerView(7, '/c').mounts },
    { pid: 10, mounts: other }
  ])
  expect([...held.keys()]).toEqual([id])
  expect(held.get(id)?.map(({ pid }) => pid)).toEqual([7, 8, 7])
})

test('the holders of one copy are all of its name, on whatever file system', async () => {
  const holders = createHolders(() =>
    Promise.resolve([containerView(7, '/a', '0:50'), containerView(8, '/a', '0:51')])
  )
  expect((await holders.of(id)).map(({ pid, device }) => [pid, device])).toEqual([
    [7, '0:50'],
    [8, '0:51']
  ])
  expect(await holders.of('other' as MountId)).toEqual([])
  expect([...(await holders.all()).keys()]).toEqual([id])
})
