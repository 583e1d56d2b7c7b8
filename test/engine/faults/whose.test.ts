import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testImage } from '../../kit/engine/image.ts'
import { askJson } from '../../kit/engine/admin.ts'
import { fillBox, sampleFiles } from '../../kit/engine/boxes.ts'
import { eventually } from '../../kit/eventually.ts'
import { tracesOf } from '../../kit/engine/kernel.ts'
import { startRig, type Rig } from '../../kit/engine/rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await startRig()
  await fillBox(rig.adminSocket, 'db', sampleFiles())
  await rig.engine.docker(['volume', 'create', '--driver', 'secretbox', 'db'])
})
afterAll(() => rig.end())

/** Starts a container of the volume; gives its id. */
async function run(name: string): Promise<string> {
  const mount = ['--mount', 'type=volume,volume-driver=secretbox,src=db,dst=/secrets']
  const options = ['--name', name, '--stop-signal', 'KILL', ...mount]
  return (await rig.engine.docker(['run', '--detach', ...options, testImage, 'sleep', '86400'])).trim()
}

type Entry = Record<string, unknown>

/** What the audit says about the containers that got copies, the newest first. */
async function attached(): Promise<Entry[]> {
  const { entries } = await askJson<{ entries: Entry[] }>(rig.adminSocket, 'GET', '/audit?limit=100')
  return entries.filter(({ action }) => action === 'copy.attach')
}

async function inspectedCopies(): Promise<Entry[] | null> {
  const status = await rig.engine.docker(['volume', 'inspect', '--format', '{{json .Status.Copies}}', 'db'])
  const copies = JSON.parse(status) as Entry[]
  // That a container holds the copy is noted when the Engine tells of its start.
  return copies.every(copy => copy['Container'] !== undefined) ? copies : null
}

async function usedBy(): Promise<Entry[]> {
  const { volumes } = await askJson<{ volumes: { copies: Entry[] }[] }>(rig.adminSocket, 'GET', '/volumes/')
  return volumes.flatMap(({ copies }) => copies)
}

test('which container holds which copy is known: in the list of volumes, in docker volume inspect, in the audit', async () => {
  const [web, worker] = [await run('web'), await run('worker')]
  const copies = await eventually(inspectedCopies)
  const version = 5
  expect(copies).toHaveLength(2)
  for (const [id, name] of [
    [web, 'web'],
    [worker, 'worker']
  ]) {
    const copy = copies?.find(({ Container }) => Container === id)
    expect(copy).toMatchObject({ ContainerName: name, Image: testImage, Version: version })
    const mount = copy?.['Mount']
    const container = { id, name, image: testImage }
    expect(await usedBy()).toContainEqual(expect.objectContaining({ mount, box: 'db', version, container }))
    expect(await attached()).toContainEqual(
      expect.objectContaining({
        ...{ mount, volume: 'db', box: 'db', version, caller: { kind: 'daemon' } },
        ...{ container: id, containerName: name, image: testImage }
      })
    )
  }
  await rig.engine.docker(['rm', '--force', 'web', 'worker'])
  expect(await usedBy()).toEqual([])
  expect(await inspectedCopies()).toEqual([])
})

test('without a Docker socket all works, and only names and images are not known', async () => {
  const { engine } = rig
  await rig.disablePlugin()
  await engine.docker(['plugin', 'set', 'secretbox', 'docker.source=/dev/null'])
  await rig.enablePlugin()
  await rig.pluginIsUp()
  const id = await run('alone')
  expect(await engine.docker(['exec', 'alone', 'ls', '/secrets'])).toContain('password')
  // The kernel knows the id.
  expect(await usedBy()).toMatchObject([{ box: 'db', container: { id, name: null, image: null } }])
  const copies = await eventually(inspectedCopies)
  expect(copies).toMatchObject([{ Container: id, ContainerName: null, Image: null }])
  await engine.docker(['cp', 'alone:/secrets/password', join(engine.root, 'copied')])
  expect(await engine.docker(['exec', 'alone', 'ls', '/secrets'])).toContain('password')

  const killed = await rig.pluginPid()
  await rig.killPlugin()
  await rig.pluginIsUp()
  expect(await rig.pluginPid()).not.toBe(killed)
  expect(await engine.docker(['exec', 'alone', 'ls', '/secrets'])).toContain('password')
  await engine.docker(['stop', 'alone'])
  expect(await usedBy()).toEqual([])
  const traces = await tracesOf(engine)
  expect([traces.onHost, traces.directories, [...traces.inContainers]]).toEqual([[], [], []])
})
