import { existsSync } from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { testImage } from '../image.ts'
import { ask } from './admin.ts'
import { fillBox, sampleFiles } from './boxes.ts'
import { eventually } from './eventually.ts'
import { startRig, type Rig } from './rig.ts'

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
    const options = ['--name', name, '--network', 'none', '--stop-signal', 'KILL', ...mount, ...more]
    await engine.docker(['run', '--detach', ...options, testImage, 'sleep', '86400'])
  }
  await engine.docker(['stop', 'stopped-by-hand'])
  await ask(rig.adminSocket, 'DELETE', '/vault/doomed/')
})

async function running(): Promise<string[]> {
  const names = await rig.engine.docker(['ps', '--format', '{{.Names}}'])
  return names.split('\n').filter(Boolean).sort()
}

/** What the Engine noted about the last start of a container. */
const lastError = (name: string): Promise<string> =>
  rig.engine.docker(['inspect', '--format', '{{.State.Error}}', name])

/** Resolves when the plugin has started these, and has tried the one that it cannot start. */
async function startedByPlugin(names: readonly string[]): Promise<void> {
  const areStarted = async (): Promise<true | null> => {
    const now = await running()
    return names.every(name => now.includes(name)) || null
  }
  expect(await eventually(areStarted, 30_000), `${(await running()).join(' ')} run`).toBe(true)
  const isTried = async (): Promise<true | null> =>
    (await lastError('box-destroyed')).includes('no such box "doomed"') || null
  expect(await eventually(isTried, 10_000)).toBe(true)
}

/** The names of the containers that the plugin says it started, since `from` bytes of the Engine's log. */
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

/** Ends dockerd and starts it without a key; then those that `wait` have been refused. Gives a way to put the key back. */
async function bootWithoutKey(
  end: () => Promise<unknown>,
  wait: readonly string[]
): Promise<() => Promise<void>> {
  const key = join(rig.engine.pluginKey, 'key')
  await end()
  await rename(key, `${key}.away`)
  onTestFinished(async () => {
    if (!existsSync(key)) await rename(`${key}.away`, key)
  })
  await rig.engine.startDockerd()
  await rig.pluginIsUp()
  const areRefused = async (): Promise<true | null> => {
    const names = await refused()
    return wait.every(name => names.includes(name)) || null
  }
  expect(await eventually(areRefused, 30_000), `${(await refused()).join(' ')} were refused`).toBe(true)
  expect(await running()).toEqual([])
  return () => rename(`${key}.away`, key)
}

test('after a boot without the key, the containers that waited for it are started when it is there, and no others', async () => {
  const { engine } = rig
  const logged = (await readFile(engine.log, 'utf8')).length
  const waiting = [...toBeStarted, 'box-destroyed'].sort()
  const putKeyBack = await bootWithoutKey(() => engine.stopDockerd(), waiting)
  expect(await refused()).toEqual(waiting)
  await putKeyBack()
  await startedByPlugin(toBeStarted)
  expect(await running()).toEqual(toBeStarted)
  expect(await saidStarted(logged)).toEqual(toBeStarted)
  for (const name of toBeStarted)
    expect(await engine.docker(['exec', name, 'ls', '/secrets'])).toContain('password')
})

test('so they are when dockerd was killed before', async () => {
  const { engine } = rig
  const logged = (await readFile(engine.log, 'utf8')).length
  // It depends on timing which others a new dockerd tries to start: one that it has to end counts as stopped by hand.
  const putKeyBack = await bootWithoutKey(() => engine.killDockerd(), ['always', 'box-destroyed'])
  await putKeyBack()
  await startedByPlugin(['always'])
  expect(await saidStarted(logged)).toContain('always')
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
  await startedByPlugin(toBeStarted)
  expect(await running()).toEqual(toBeStarted)
  expect(await saidStarted(logged)).toEqual(toBeStarted)
})
