import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { ask } from '../kit/ask.ts'

/* A daemon in a mount namespace of its own, as a managed plugin is, where the host's directories have other names. */

let home: string
let daemon: Daemon
const onHost = (...names: string[]): string => join(home, 'host', ...names)

const bound =
  'mount --make-rprivate / && for d in data key; do mount --bind "$0/host/$d" "$0/$d" || exit; done; exec "$@"'
function start(): Promise<Daemon> {
  return startDaemon({}, home, ['unshare', '--mount', 'sh', '-c', bound, home])
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'secretbox-'))
  for (const directory of ['data', 'key']) {
    await mkdir(join(home, directory))
    await mkdir(onHost(directory), { recursive: true, mode: 0o700 })
  }
  daemon = await start()
})
afterAll(async () => {
  await daemon.stop()
  await rm(home, { recursive: true, force: true })
})

async function json(
  socket: string,
  method: string,
  url: string,
  body = ''
): Promise<Record<string, unknown>> {
  return JSON.parse((await ask(socket, { method, url, body })).body.toString()) as Record<string, unknown>
}

test('the status names its directories as the host has them', async () => {
  expect(await json(daemon.adminSocket, 'GET', '/status')).toMatchObject({
    store: { directory: onHost('data') },
    key: { directory: onHost('key') }
  })
})

test('so does every message, to the Engine, to an operator and in the log', async () => {
  await daemon.kill('SIGTERM')
  await rename(onHost('key/key'), onHost('elsewhere'))
  daemon = await start()
  const reason = `the vault is sealed: there is no key file "${onHost('key/key')}"`
  expect(await json(daemon.adminSocket, 'GET', '/status')).toMatchObject({ reason })
  expect(await json(daemon.adminSocket, 'GET', '/vault/')).toMatchObject({ message: reason })
  expect(await json(daemon.pluginSocket, 'POST', '/VolumeDriver.Create', '{"Name":"db"}')).toEqual({
    Err: expect.stringContaining(onHost('key/key')) as string
  })
  expect(daemon.log()).toContain(JSON.stringify(reason).slice(1, -1))
})
