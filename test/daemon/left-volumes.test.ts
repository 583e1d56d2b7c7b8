import { renameSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { connectEngine } from '../../src/engine/engine.ts'
import { parseVolumeName } from '../../src/base/names.ts'
import { openDriverStage, type DriverStage } from '../copies/driver-stage.ts'
import { comesTo } from '../kit/eventually.ts'
import { root } from '../kit/open-vault.ts'
import { ask } from '../kit/ask.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { makeBox } from '../kit/driver.ts'
import {
  addContainer,
  noSuchVolume,
  pluginDisabled,
  standInEngine,
  volumeInUse,
  type StandInEngine
} from '../kit/stand-in-engine.ts'
import { start } from '../kit/started.ts'

const anonymous = (letter: string): string => letter.repeat(64)
/** What `docker vault run --inject-dir` writes on a container, and anybody may write on an image. */
const injected = { 'io.secretbox.injected': '[{"box":"ephemeral-b","version":2,"target":"/run/vault/b"}]' }

/** A volume of each kind: its box and options. */
const kinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [anonymous('a')]: { box: 'ephemeral-a', ephemeral: 'true' },
  named: { box: 'ephemeral-named', ephemeral: 'true' },
  [anonymous('b')]: { box: 'ephemeral-b' },
  [anonymous('c')]: { box: 'db' },
  [anonymous('9')]: { box: 'api', transient: 'true' }
}

/**
 * A stage with a volume of each kind that does what a daemon does, and the volumes that it asked the Engine to remove, which
 * does so unless it has another answer.
 */
async function withVolumes(
  engine: StandInEngine,
  onRemove?: StandInEngine['onRemove']
): Promise<{ stage: DriverStage; asked: string[] }> {
  const stage = await openDriverStage({ engine: connectEngine(engine.socket) })
  for (const [volume, options] of Object.entries(kinds)) await stage.makeVolume(volume, 'hunter2', options)
  const asked = removing(engine, stage)
  if (onRemove !== undefined) engine.onRemove = onRemove
  stage.watch()
  await engine.followed()
  return { stage, asked }
}

/** Lets the Engine remove what it is asked to, by the driver, as it does; gives what that is. */
function removing(engine: StandInEngine, { volumes }: DriverStage): string[] {
  const asked: string[] = []
  engine.onRemove = async volume => {
    await volumes.remove({ kind: 'engine' }, parseVolumeName(volume))
    asked.push(volume)
    return 204
  }
  return asked
}

async function boxesOf({ opened }: DriverStage): Promise<string[]> {
  return (await opened.vault.list(root)).boxes.map(({ name }) => name)
}

test('the Engine removes the volumes that go with a container when it is gone, and no others', async () => {
  const engine = await standInEngine()
  const followed = engine.followed()
  const { daemon, driver } = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  await followed
  for (const [volume, options] of Object.entries(kinds)) {
    await makeBox(daemon.adminSocket, options['box'] ?? '', { key: 'k' })
    await driver.call('Create', { Name: volume, Opts: options })
  }
  const asked: string[] = []
  engine.onRemove = async volume => {
    await driver.call('Remove', { Name: volume })
    asked.push(volume)
    return 204
  }
  // Its labels say nothing: it may have had the volume by --volumes-from, or its image may have any label.
  engine.tell('destroy', anonymous('e'), injected)
  await comesTo(() => asked.length === 2)
  expect(asked.sort()).toEqual([anonymous('9'), anonymous('a')])
  const { body } = await ask(daemon.adminSocket, { method: 'GET', url: '/vault/' })
  const { boxes } = JSON.parse(body.toString()) as { boxes: { name: string }[] }
  expect(boxes.map(({ name }) => name)).toEqual(['api', 'db', 'ephemeral-b', 'ephemeral-named'])
})

describe.skipIf(cannotMount)('a volume that goes with its containers (takes root)', () => {
  test('stays while a container has it, though the Engine would remove it', async () => {
    const engine = await standInEngine()
    addContainer(engine, 'stopped', { volumes: [anonymous('a')] })
    const { stage, asked } = await withVolumes(engine)
    await stage.clock.passUntil(() => asked.length === 1)
    engine.tell('destroy', anonymous('e'))
    await stage.makeVolume(anonymous('f'), 'hunter2', { box: 'ephemeral-f', ephemeral: 'true' })
    await stage.clock.passUntil(() => asked.length === 2)
    expect(asked).toEqual([anonymous('9'), anonymous('f')])
    expect(await boxesOf(stage)).toContain('ephemeral-a')
  })

  test('goes once, and nothing else goes by a container that is removed later', async () => {
    const engine = await standInEngine()
    const { stage, asked } = await withVolumes(engine)
    await stage.clock.passUntil(() => asked.length === 2)
    engine.tell('destroy', anonymous('d'), injected)
    await stage.makeVolume(anonymous('f'), 'hunter2', { box: 'ephemeral-f', ephemeral: 'true' })
    await stage.clock.passUntil(() => asked.includes(anonymous('f')))
    expect(asked.sort()).toEqual([anonymous('9'), anonymous('a'), anonymous('f')])
    expect(await boxesOf(stage)).toEqual(['api', 'db', 'ephemeral-b', 'ephemeral-named'])
  })

  test.each([
    ['does not see the volume yet', noSuchVolume],
    ['has not heard that the plugin is enabled', pluginDisabled],
    ['still counts a container that is gone', volumeInUse],
    ['is at its wits end', () => 500]
  ] as const)('is tried again with an Engine that %s', async (_, answer) => {
    const engine = await standInEngine()
    const refused: string[] = []
    const { stage } = await withVolumes(engine, volume => {
      refused.push(volume)
      if (refused.length === 2) removing(engine, stage)
      return answer(volume)
    })
    await stage.clock.passUntil(() => stage.log().includes('removed a volume whose containers are gone'))
    expect(refused.sort()).toEqual([anonymous('9'), anonymous('a')])
    await stage.clock.passUntil(async () => !(await boxesOf(stage)).includes('ephemeral-a'))
  })

  test('is not asked for for ever: after fifteen tries it is left, which is said', async () => {
    const engine = await standInEngine()
    let tries = 0
    const { stage } = await withVolumes(engine, volume => {
      tries++
      return volumeInUse(volume)
    })
    await stage.clock.passUntil(() => stage.log().includes('cannot remove volumes whose containers are gone'))
    for (let i = 0; i < 5; i++) {
      stage.clock.pass(60_000)
      await stage.reconcile()
    }
    expect(tries).toBe(2 * 15)
  })

  test('goes once the Engine tells of containers again, and the vault is open', async () => {
    const engine = await standInEngine()
    const { stage: first } = await withVolumes(engine, volumeInUse)
    const { keyFile, sealing } = first.opened
    renameSync(keyFile, `${keyFile}-away`)
    sealing.wipe()
    const stage = await first.again()
    const asked = removing(engine, stage)
    stage.watch()
    await engine.followed()
    await stage.clock.passUntil(() => stage.clock.nowMs() > 10_000)
    expect(asked).toEqual([])
    renameSync(`${keyFile}-away`, keyFile)
    await stage.clock.passUntil(() => asked.length === 2)
    expect(asked.sort()).toEqual([anonymous('9'), anonymous('a')])
  })
})
