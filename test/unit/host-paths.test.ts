import { expect, test } from 'vitest'
import { hostNames } from '../../src/base/host-paths.ts'

/** Lines of a mountinfo file, of `device root target` each. */
function table(...mounts: string[]): string {
  return mounts.map((mount, i) => `${30 + i} 1 ${mount} rw,relatime - ext4 /dev/x rw\n`).join('')
}

const plugin = table(
  '0:52 / /',
  '8:1 /var/lib/secretbox /var/lib/secretbox',
  '8:1 /srv/my\\040keys /etc/secretbox',
  '8:2 /vault /mnt/data'
)
const host = table('8:1 / /', '8:2 / /data', '0:20 / /run', '8:1 /srv/my\\040keys /home/bind')

test.each([
  ['/etc/secretbox/key', '/srv/my keys/key', 'a bind mount leads to where it comes from'],
  ['/etc/secretbox', '/srv/my keys', 'so does the directory itself'],
  ['/var/lib/secretbox/store.db', '/var/lib/secretbox/store.db', 'a path that is the same stays'],
  ['/mnt/data/store.db', '/data/vault/store.db', 'a file system of its own is found where it is mounted'],
  [
    '/run/docker/plugins/secretbox.sock',
    '/run/docker/plugins/secretbox.sock',
    'what the host does not see stays'
  ]
])('%s is %s: %s', (path, name) => {
  expect(hostNames(plugin, host)(path)).toBe(name)
})

test('in the same namespace every path stays as it is, whatever lies over what', () => {
  const same = table('8:1 / /', '8:1 /srv /mnt', '8:1 /srv/key /etc/secretbox', '0:9 / /mnt')
  for (const path of ['/etc/secretbox/key', '/srv/key/key', '/mnt/x', '/'])
    expect(hostNames(same, same)(path)).toBe(path)
})

test('a name that another mount covers is not given', () => {
  const covered = table('8:1 / /', '0:9 / /srv', '8:1 /srv/my\\040keys /backup')
  expect(hostNames(plugin, covered)('/etc/secretbox/key')).toBe('/backup/key')
  expect(hostNames(plugin, table('0:1 / /'))('/etc/secretbox/key')).toBe('/etc/secretbox/key')
  expect(hostNames('', '')('/etc/secretbox/key')).toBe('/etc/secretbox/key')
})

test('a subvolume is left out of the name', () => {
  const btrfs = table('0:40 /@ /', '0:40 /@home /home')
  const bound = table('0:52 / /', '0:40 /@home/ann/keys /etc/secretbox')
  expect(hostNames(bound, btrfs)('/etc/secretbox/key')).toBe('/home/ann/keys/key')
})
