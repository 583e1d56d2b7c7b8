import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { comesTo } from '../kit/eventually.ts'
import { ask } from '../kit/ask.ts'
import { makeBox } from '../kit/driver.ts'
import {
  addContainer,
  noSuchVolume,
  pluginDisabled,
  standInEngine,
  volumeInUse,
  type StandInEngine
} from '../kit/stand-in-engine.ts'
import { start, type Started } from '../kit/started.ts'

const anonymous = (letter: string): string => letter.repeat(64)
/** What `docker vault run --inject-dir` writes on a container, and anybody may write on an image. */
const injected = { 'io.secretbox.injected': '[{"box":"ephemeral-b","version":2,"target":"/run/vault/b"}]' }

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
  await create(anonymous('9'), 'api', { transient: 'true' })
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

/** Resolves when the daemon has looked at what it was told of: it does so at each event stream that opens. */
async function nextLook(engine: StandInEngine, { daemon }: Started): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await comesTo(() => engine.breakStreams() > 0)
    await engine.followed()
  }
  await ask(daemon.adminSocket, { method: 'POST', url: '/reconcile?apply=1' })
}

const told = ({ daemon }: Started): boolean =>
  daemon.log().includes('"msg":"removed a volume whose containers are gone"')

test('the Engine removes the volumes that go with a container when it is gone, and no others', async () => {
  const engine = await standInEngine()
  const { started, asked } = await withVolumes(engine)
  // Its labels say nothing: it may have had the volume by --volumes-from, or its image may have any label.
  engine.tell('destroy', anonymous('e'))
  await comesTo(() => asked.length === 2)
  expect(asked.sort()).toEqual([anonymous('9'), anonymous('a')])
  engine.tell('destroy', anonymous('d'), injected)
  await nextLook(engine, started)
  expect(asked).toHaveLength(2)
  expect(await boxesOf(started)).toEqual(['api', 'db', 'ephemeral-b', 'ephemeral-named'])
})

test('a volume that a container has stays, though the Engine would remove it', async () => {
  const engine = await standInEngine()
  const { started, asked } = await withVolumes(engine)
  await makeBox(started.daemon.adminSocket, 'ephemeral-f', { key: 'k' })
  const opts = { box: 'ephemeral-f', ephemeral: 'true' }
  await started.driver.call('Create', { Name: anonymous('f'), Opts: opts })
  addContainer(engine, 'stopped', { volumes: [anonymous('a')] })
  engine.tell('destroy', anonymous('e'), injected)
  await comesTo(() => asked.length === 2)
  expect(asked.sort()).toEqual([anonymous('9'), anonymous('f')])
  expect(await boxesOf(started)).toContain('ephemeral-a')
})

test.each([
  ['does not see the volume yet', noSuchVolume],
  ['has not heard that the plugin is enabled', pluginDisabled],
  ['still counts a container that is gone', volumeInUse],
  ['is at its wits end', () => 500]
] as const)('it is tried again with an Engine that %s', async (_, answer) => {
  const engine = await standInEngine()
  const { started } = await withVolumes(engine)
  const refused: string[] = []
  engine.onRemove = volume => {
    refused.push(volume)
    if (refused.length === 2) removing(engine, started)
    return answer(volume)
  }
  engine.tell('destroy', anonymous('e'), injected)
  await comesTo(() => told(started))
  expect(refused.sort()).toEqual([anonymous('9'), anonymous('a')])
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
  await comesTo(() => asked.length === 2)
  expect(asked.sort()).toEqual([anonymous('9'), anonymous('a')])
  expect(await boxesOf(again)).not.toContain('ephemeral-a')
})
