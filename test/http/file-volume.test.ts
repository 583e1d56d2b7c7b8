import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from '../kit/ask.ts'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { driverAt, freshId, makeBox, type Driver } from '../kit/driver.ts'
import { cannotMount } from '../kit/tmpfs.ts'

/* Volumes with the option `file`: what Mount answers is a file. */

let daemon: Daemon
let driver: Driver

beforeAll(async () => {
  daemon = await startDaemon({ SECRETBOX_DOCKER_SOCKET: '/nonexistent/docker.sock' })
  driver = driverAt(daemon.pluginSocket)
  await makeBox(daemon.adminSocket, 'db', { pw: 'hunter2', 'd/d': 'inner' })
  await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/db/d/link?type=symlink', body: '../pw' })
})
afterAll(async () => {
  driver.close()
  await daemon.stop()
})

const create = (name: string, path: string): Promise<unknown> =>
  driver.call('Create', { Name: name, Opts: { box: 'db', path, file: 'true', mode: '0440', gid: '7' } })

test.skipIf(cannotMount).each([
  ['pw', 'hunter2'],
  ['d/d', 'inner'],
  // Never a symlink: whoever binds it would follow that on the host.
  ['d/link', 'hunter2']
])('a volume of the file %s is that file, as long as it is used (takes root)', async (path, contents) => {
  const [name, id] = [`of-${path.replace('/', '-')}`, freshId()]
  await create(name, path)
  const [shown, again] = [await driver.mount(name, id), await driver.mount(name, id)]
  expect(again).toBe(shown)
  expect(lstatSync(shown)).toMatchObject({ mode: 0o100440, gid: 7 })
  expect(readFileSync(shown, 'utf8')).toBe(contents)
  for (const _ of [1, 2]) await driver.unmount(name, id)
  expect(existsSync(shown)).toBe(false)
})

test.skipIf(cannotMount).each([
  ['d', '"d" of box "db" is a directory, and the volume has the option file (name a file in it: path=FILE'],
  ['d/e', 'cannot read "d/e": no such file']
])('of %s, which is no file, there is no copy (takes root)', async (path, reason) => {
  const name = `none-${path.replace('/', '-')}`
  await create(name, path)
  await expect(driver.mount(name, freshId())).rejects.toThrow(`cannot mount volume "${name}": ${reason}`)
  expect(readdirSync(join(daemon.directory, 'copies'))).toEqual([])
})
