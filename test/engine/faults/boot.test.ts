import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
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

/** Resolves when the plugin has started as many as wait for it. */
async function startedByPlugin(count: number): Promise<void> {
  const all = await eventually(async () => ((await running()).length >= count ? true : null), 30_000)
  expect(all, `${(await running()).join(' ')} run`).toBe(true)
  // Which was the last of those that it tried, or comes soon.
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

test.each(['stopped', 'killed'])(
  'after a boot without the key, dockerd was %s, the containers that waited are started when it is there, and no others',
  async how => {
    const { engine } = rig
    const key = join(engine.pluginKey, 'key')
    const logged = (await readFile(engine.log, 'utf8')).length
    await (how === 'stopped' ? engine.stopDockerd() : engine.killDockerd())
    await rename(key, `${key}.away`)
    // It answers once it has tried to start what it should.
    await engine.startDockerd()
    await rig.pluginIsUp()
    expect(await running()).toEqual([])
    const waiting = await refused()
    // One that a new dockerd has to end may count as stopped by hand, and then it does not even try.
    if (how === 'stopped') expect(waiting).toEqual([...toBeStarted, 'box-destroyed'].sort())
    else expect(waiting).toEqual(expect.arrayContaining(['always', 'box-destroyed']))

    await rename(`${key}.away`, key)
    const expected = waiting.filter(name => name !== 'box-destroyed')
    await startedByPlugin(expected.length)
    expect(await running()).toEqual(expected)
    expect(await saidStarted(logged)).toEqual(expected)
    for (const name of expected)
      expect(await engine.docker(['exec', name, 'ls', '/secrets'])).toContain('password')
  }
)

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
  await startedByPlugin(toBeStarted.length)
  expect(await running()).toEqual(toBeStarted)
  expect(await saidStarted(logged)).toEqual(toBeStarted)
})
