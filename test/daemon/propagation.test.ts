import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runProgram } from '../kit/run-program.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { mount, MountFlag } from '../kit/mounting.ts'
import { removeHome, startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { driverAt, freshId, makeBox, type Driver } from '../kit/driver.ts'

const shared = 1 << 20

/** A daemon in a mount namespace of its own, as the Engine runs plugins, whose copies show here as they do for an Engine. */
async function startApart(
  prepare: string,
  settings: NodeJS.ProcessEnv = {}
): Promise<{ daemon: Daemon; driver: Driver; copies: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'secretbox-'))
  const copies = join(directory, 'copies')
  mkdirSync(copies, { mode: 0o700 })
  mount(copies, copies, null, MountFlag.bind, null)
  mount(null, copies, null, shared, null)
  const wrapper = ['unshare', '--mount', '--propagation', 'unchanged']
  const script = `${prepare}; exec "$@"`
  const daemon = await startDaemon(settings, directory, [...wrapper, 'sh', '-c', script, 'sh'])
  const driver = driverAt(daemon.pluginSocket)
  onTestFinished(async () => {
    driver.close()
    await daemon.kill('SIGKILL')
    await removeHome(directory)
  })
  await makeBox(daemon.adminSocket, 'db', { password: 'hunter2' })
  await driver.createVolume('db')
  return { daemon, driver, copies }
}

test('a copy shows in the mount namespace of the one that asks for it', async () => {
  const { driver, copies } = await startApart('true')
  const id = freshId()
  const copy = await driver.mount('db', id)
  expect(dirname(dirname(copy))).toBe(copies)
  expect(readFileSync(join(copy, 'password'), 'utf8')).toBe('hunter2')
  await driver.unmount('db', id)
  expect(readdirSync(copies)).toEqual([])
})

test('a daemon whose copies do not show there refuses Mount, leaves nothing, and ends to be started anew', async () => {
  const { daemon, driver, copies } = await startApart(
    'mount --bind "$SECRETBOX_COPIES_DIR" "$SECRETBOX_COPIES_DIR"; mount --make-private "$SECRETBOX_COPIES_DIR"; mount --make-shared "$SECRETBOX_COPIES_DIR"'
  )
  await expect(driver.mount('db', freshId())).rejects.toThrow(
    'cannot mount volume "db": the Engine does not see what is mounted here (the plugin starts again now; try once more when it has)'
  )
  expect(await daemon.ended).toBe(0)
  expect(readdirSync(copies)).toEqual([])
  expect(daemon.log()).toContain('copies do not reach the engine')
})

test('a daemon that lives on with the socket of an engine that is gone ends for a newer engine, and for no other', async () => {
  const engine = join(temporaryDirectory(), 'docker.sock')
  const mounted = join(temporaryDirectory(), 'docker.sock')
  for (const file of [engine, mounted]) writeFileSync(file, '')
  const { daemon } = await startApart(`mount --bind ${engine} ${mounted}`, {
    SECRETBOX_DOCKER_SOCKET: mounted
  })
  const call = [
    '--silent',
    '--unix-socket',
    daemon.pluginSocket,
    '--data',
    '',
    'http://plugin/Plugin.Activate'
  ]
  expect(await runProgram('curl', call)).toMatchObject({ code: 0 })
  rmSync(engine)
  // From this process, which is older than the plugin: its own engine is, too.
  const again = driverAt(daemon.pluginSocket)
  await again.call('List', {})
  again.close()
  expect(daemon.log()).not.toContain('earlier engine')
  expect(await runProgram('curl', call)).toMatchObject({ code: 0 })
  expect(await daemon.ended).toBe(0)
  expect(daemon.log()).toContain("the engine's socket is that of an earlier engine")
})
