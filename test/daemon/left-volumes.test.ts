import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../engine/faults/eventually.ts'
import { ask } from '../http/ask.ts'
import { makeBox } from './driver.ts'
import { addContainer, standInEngine, type StandInEngine } from './stand-in-engine.ts'
import { start, type Started } from './started.ts'

const anonymous = (letter: string): string => letter.repeat(64)
/** What `docker vault run --inject-dir` writes on a container. */
const injected = { 'io.secretbox.injected': '[{"box":"ephemeral-a","version":2,"target":"/run/vault/a"}]' }

/** A daemon with a volume of each kind, and the volumes that it asked the Engine to remove. */
async function withVolumes(engine: StandInEngine): Promise<{ started: Started; asked: string[] }> {
  const followed = engine.followed()
  const started = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  await followed
  const create = async (volume: string, box: string, opts: object): Promise<void> => {
    await makeBox(started.daemon.adminSocket, box, { key: 'k' })
    await started.driver.call('Create', { Name: volume, Opts: { box, ...opts } })
  }
  await create(anonymous('a'), 'ephemeral-a', { ephemeral: 'true' })
  await create('named', 'ephemeral-named', { ephemeral: 'true' })
  await create(anonymous('b'), 'ephemeral-b', {})
  await create(anonymous('c'), 'db', {})
  return { started, asked: removing(engine, started) }
}

/** Lets the Engine remove what it is asked to, by the driver, as it does; gives what that is. */
function removing(engine: StandInEngine, { driver }: Started): string[] {
  const asked: string[] = []
  engine.onRemove = async volume => {
    await driver.call('Remove', { Name: volume })
    asked.push(volume)
    return 204
  }
  return asked
}

async function boxesOf({ daemon }: Started): Promise<string[]> {
  const { body } = await ask(daemon.adminSocket, { method: 'GET', url: '/vault/' })
  return (JSON.parse(body.toString()) as { boxes: { name: string }[] }).boxes.map(({ name }) => name)
}

async function until(holds: () => boolean): Promise<void> {
  expect(await eventually(() => Promise.resolve(holds() || null), 15_000)).toBe(true)
}

const told = ({ daemon }: Started): boolean => daemon.log().includes('"msg":"removed an ephemeral volume"')

test('the Engine removes the anonymous volume of an ephemeral box when its container is gone, and no other', async () => {
  const engine = await standInEngine()
  const { started, asked } = await withVolumes(engine)
  engine.tell('destroy', anonymous('d'))
  engine.tell('destroy', anonymous('e'), injected)
  await until(() => told(started))
  expect(asked).toEqual([anonymous('a')])
  expect(await boxesOf(started)).toEqual(['db', 'ephemeral-b', 'ephemeral-named'])
})

test('a volume that a container has stays, though the Engine would remove it', async () => {
  const engine = await standInEngine()
  const { started, asked } = await withVolumes(engine)
  await makeBox(started.daemon.adminSocket, 'ephemeral-f', { key: 'k' })
  const opts = { box: 'ephemeral-f', ephemeral: 'true' }
  await started.driver.call('Create', { Name: anonymous('f'), Opts: opts })
  addContainer(engine, 'stopped', { volumes: [anonymous('a')] })
  engine.tell('destroy', anonymous('e'), injected)
  await until(() => told(started))
  expect(asked).toEqual([anonymous('f')])
  expect(await boxesOf(started)).toContain('ephemeral-a')
})

test('a volume that the Engine says is in use stays', async () => {
  const engine = await standInEngine()
  const { started } = await withVolumes(engine)
  const refused: string[] = []
  engine.onRemove = volume => {
    refused.push(volume)
    return 409
  }
  engine.tell('destroy', anonymous('e'), injected)
  await until(() => refused.length > 0)
  expect(await boxesOf(started)).toContain('ephemeral-a')
  expect(told(started)).toBe(false)
})

test('it is tried again with an Engine that does not see the volumes yet', async () => {
  const engine = await standInEngine()
  const { started } = await withVolumes(engine)
  let refusals = 0
  engine.onRemove = () => {
    refusals++
    removing(engine, started)
    return refusals === 1 ? 404 : 500
  }
  engine.tell('destroy', anonymous('e'), injected)
  await until(() => told(started))
  expect(refusals).toBe(1)
  expect(await boxesOf(started)).not.toContain('ephemeral-a')
})

test('what was left while nobody told of it is removed once the Engine does, and the vault is open', async () => {
  const engine = await standInEngine()
  const { started } = await withVolumes(engine)
  const key = join(started.daemon.directory, 'key/key')
  renameSync(key, `${key}-away`)
  const followed = engine.followed()
  engine.breakStreams()
  const again = await started.again('SIGKILL')
  await followed
  const asked = removing(engine, again)
  renameSync(`${key}-away`, key)
  await until(() => told(again))
  expect(asked).toEqual([anonymous('a')])
  expect(await boxesOf(again)).not.toContain('ephemeral-a')
})
