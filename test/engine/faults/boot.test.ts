import { existsSync } from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { testImage } from '../../kit/engine/image.ts'
import { ask } from '../../kit/engine/admin.ts'
import { fillBox, sampleFiles } from '../../kit/engine/boxes.ts'
import { eventually } from '../../kit/eventually.ts'
import { startRig, type Rig } from '../../kit/engine/rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await startRig()
  for (const box of ['db', 'doomed']) {
    await fillBox(rig.adminSocket, box, sampleFiles())
    await rig.engine.docker(['volume', 'create', '--driver', 'secretbox', box])
  }
})
afterAll(() => rig.end())

/** The containers of a host, by what becomes of them at a boot at which the plugin has nothing to give. */
const containers: readonly { name: string; volume: string; more: readonly string[] }[] = [
  { name: 'always', volume: 'db', more: ['--restart', 'always'] },
  { name: 'unless-stopped', volume: 'db', more: ['--restart', 'unless-stopped'] },
  { name: 'on-failure', volume: 'db', more: ['--restart', 'on-failure'] },
  { name: 'no-policy', volume: 'db', more: [] },
  { name: 'stopped-by-hand', volume: 'db', more: ['--restart', 'unless-stopped'] },
  { name: 'box-destroyed', volume: 'doomed', more: ['--restart', 'always'] }
]
const made = containers.map(({ name }) => name)
const toBeStarted = ['always', 'on-failure', 'unless-stopped']

beforeEach(async () => {
  const { engine } = rig
  await rig.pluginIsUp()
  await fillBox(rig.adminSocket, 'doomed', sampleFiles())
  await engine.tryDocker(['rm', '--force', ...made])
  for (const { name, volume, more } of containers) {
    const mount = ['--mount', `type=volume,volume-driver=secretbox,src=${volume},dst=/secrets`]
    const options = ['--name', name, '--stop-signal', 'KILL', ...mount, ...more]
    await engine.docker(['run', '--detach', ...options, testImage, 'sleep', '86400'])
  }
  await engine.docker(['stop', 'stopped-by-hand'])
  await ask(rig.adminSocket, 'DELETE', '/vault/doomed/?force=1')
})

async function running(): Promise<string[]> {
  const names = await rig.engine.docker(['ps', '--format', '{{.Names}}'])
  return names.split('\n').filter(Boolean).sort()
}

/** What the Engine noted about the last start of a container. */
const lastError = (name: string): Promise<string> =>
  rig.engine.docker(['inspect', '--format', '{{.State.Error}}', name])

/** Resolves when the plugin has said that it started these, since `from` bytes of the Engine's log. */
async function startedByPlugin(names: readonly string[], from: number): Promise<void> {
  const areStarted = async (): Promise<true | null> => {
    const said = await saidStarted(from)
    return names.every(name => said.includes(name)) || null
  }
  const isSo = await eventually(areStarted)
  expect(isSo, `it started ${(await saidStarted(from)).join(' ')}`).toBe(true)
}

/** Resolves when the plugin has tried to start the one that cannot be. */
async function triedInVain(): Promise<void> {
  const isTried = async (): Promise<true | null> =>
    (await lastError('box-destroyed')).includes('no such box "doomed"') || null
  expect(await eventually(isTried)).toBe(true)
}

/** The containers that the plugin says it started, since `from` bytes of the Engine's log. */
async function saidStarted(from: number): Promise<string[]> {
  const log = (await readFile(rig.engine.log, 'utf8')).slice(from)
  const told = log.matchAll(/\\"container\\":\\"([^\\]+)\\",\\"msg\\":\\"started a container whose volume/g)
  return [...told].map(([, name]) => name ?? '').sort()
}

/** The containers that the Engine tried to start in vain because the vault was sealed. */
async function refused(): Promise<string[]> {
  const names: string[] = []
  for (const name of made) if ((await lastError(name)).includes('the vault is sealed')) names.push(name)
  return names.sort()
}

/** Ends dockerd and starts it without a key, and waits until as many containers were refused. Gives a way to put the key back. */
async function bootWithoutKey(end: () => Promise<unknown>, count: number): Promise<() => Promise<void>> {
  const key = join(rig.engine.pluginKey, 'key')
  await end()
  await rename(key, `${key}.away`)
  onTestFinished(async () => {
    if (!existsSync(key)) await rename(`${key}.away`, key)
  })
  await rig.engine.startDockerd()
  await rig.pluginIsUp()
  const areRefused = async (): Promise<true | null> => (await refused()).length >= count || null
  expect(await eventually(areRefused), `${(await refused()).join(' ')} were refused`).toBe(true)
  expect(await running()).toEqual([])
  return () => rename(`${key}.away`, key)
}

test('after a boot without the key, the containers that waited for it are started when it is there, and no others', async () => {
  const { engine } = rig
  const logged = (await readFile(engine.log, 'utf8')).length
  const waiting = [...toBeStarted, 'box-destroyed'].sort()
  const putKeyBack = await bootWithoutKey(() => engine.stopDockerd(), waiting.length)
  expect(await refused()).toEqual(waiting)
  await putKeyBack()
  await startedByPlugin(toBeStarted, logged)
  await triedInVain()
  expect(await running()).toEqual(toBeStarted)
  expect(await saidStarted(logged)).toEqual(toBeStarted)
  for (const name of toBeStarted)
    expect(await engine.docker(['exec', name, 'ls', '/secrets'])).toContain('password')
})

test('so they are when dockerd was killed before', async () => {
  const { engine } = rig
  const logged = (await readFile(engine.log, 'utf8')).length
  // It depends on timing which of them a new dockerd tries to start, if any: those that it has to end, it may take for
  // stopped. It has tried by when it answers.
  const putKeyBack = await bootWithoutKey(() => engine.killDockerd(), 0)
  const waiting = (await refused()).filter(name => name !== 'box-destroyed')
  await putKeyBack()
  await startedByPlugin(waiting, logged)
  expect(await running()).toEqual(expect.arrayContaining(waiting))
  for (const name of ['no-policy', 'stopped-by-hand', 'box-destroyed'])
    expect(await running()).not.toContain(name)
})

test('after a boot at which the plugin did not come up, they are started when it does', async () => {
  const { engine, orders } = rig
  const logged = (await readFile(engine.log, 'utf8')).length
  await engine.stopDockerd()
  await orders.give('start.opened', 'wait')
  // The Engine waits for the plugin, then goes on without it.
  await engine.startDockerd()
  expect(await lastError('always')).toContain('found but disabled')
  expect(await running()).toEqual([])

  await orders.clear()
  await rig.enablePlugin()
  await startedByPlugin(toBeStarted, logged)
  await triedInVain()
  expect(await running()).toEqual(toBeStarted)
  expect(await saidStarted(logged)).toEqual(toBeStarted)
})
