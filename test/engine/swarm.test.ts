import { afterAll, beforeAll, expect, test } from 'vitest'
import { importTestImage, testImage } from '../kit/engine/image.ts'
import { installPlugin, linkCli } from '../kit/engine/plugin.ts'
import { startPrivateEngine, type PrivateEngine } from '../kit/engine/private-engine.ts'
import { freshName, makeBox, putFiles } from '../kit/engine/shared-engine.ts'

let engine: PrivateEngine

beforeAll(async () => {
  engine = await startPrivateEngine({ ownNetwork: true })
  await importTestImage(engine)
  await linkCli(engine)
  await installPlugin(engine)
  await engine.docker(['swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1'])
})

afterAll(() => engine.stop())

/** Makes a service of one task that lives on, and waits until it does; gives its name. */
async function startService(...args: string[]): Promise<string> {
  const name = freshName('service')
  // What it waits for afterwards is that the task stays.
  const words = ['service', 'create', '--quiet', '--name', name, '--network', 'host', '--stop-signal', 'KILL']
  await engine.docker([...words, ...args, testImage, 'sleep', '86400'])
  return name
}

/** Reads a file in the container of the service's running task. */
async function readIn(service: string, path: string): Promise<string> {
  const label = `label=com.docker.swarm.service.name=${service}`
  const container = (await engine.docker(['ps', '--quiet', '--filter', label])).trim()
  return engine.docker(['exec', container, 'cat', path])
}

async function boxWith(password: string): Promise<string> {
  const box = freshName('box')
  await makeBox(engine, box, { 'deep/password': password })
  return box
}

/** The subjects of the audit's entries about giving a box to services. */
async function servedOf(box: string): Promise<unknown[]> {
  const lines = (await engine.docker(['vault', 'audit', '--format', 'json'])).trim().split('\n')
  return lines
    .map(line => JSON.parse(line) as { Action: string; Subject: { box?: string } })
    .filter(({ Action, Subject }) => Action === 'box.serve' && Subject.box === box)
    .map(({ Subject }) => Subject)
}

test('a service mounts a box, and its next task gets the next version', async () => {
  const box = await boxWith('first')
  const mount = `type=volume,volume-driver=secretbox,volume-opt=box=${box},target=/secrets`
  const service = await startService('--mount', mount)
  expect(await readIn(service, '/secrets/deep/password')).toBe('first')
  await putFiles(engine, box, { 'deep/password': 'second' })
  expect(await readIn(service, '/secrets/deep/password')).toBe('first')
  await engine.docker(['service', 'update', '--quiet', '--force', service])
  expect(await readIn(service, '/secrets/deep/password')).toBe('second')
  await engine.docker(['service', 'rm', service])
})

test('docker secret create -d secretbox serves a file of a box, the newest version to each task', async () => {
  const box = await boxWith('first')
  const secret = freshName('secret')
  const labels = ['--label', `io.secretbox.box=${box}`, '--label', 'io.secretbox.file=deep/password']
  await engine.docker(['secret', 'create', '--driver', 'secretbox', ...labels, secret])
  const target = ['--secret', `source=${secret},target=password,mode=0400`]
  const service = await startService(...target)
  expect(await readIn(service, '/run/secrets/password')).toBe('first')
  await putFiles(engine, box, { 'deep/password': 'second' })
  await engine.docker(['service', 'update', '--quiet', '--force', service])
  expect(await readIn(service, '/run/secrets/password')).toBe('second')

  const task = expect.stringMatching(new RegExp(`^${service}\\.1\\.[0-9a-z]+$`)) as string
  expect(await servedOf(box)).toEqual([
    expect.objectContaining({ service, task, path: 'deep/password', version: 2 }),
    expect.objectContaining({ service, task, path: 'deep/password', version: 3 })
  ])
  // Neither the swarm's own records nor the service say more than names.
  const shown = await engine.docker(['inspect', service, secret])
  expect(shown).toContain(box)
  expect(shown).not.toContain('second')
  await engine.docker(['service', 'rm', service])
})
