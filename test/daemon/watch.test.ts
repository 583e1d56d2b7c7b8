import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import { ask } from '../kit/ask.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { freshId, labels, makeBox } from '../kit/driver.ts'
import { hold } from '../kit/hold.ts'
import { addContainer, standInEngine } from '../kit/stand-in-engine.ts'
import { start, type Started } from '../kit/started.ts'

const container = Buffer.from('db').toString('hex').padEnd(64, '0')

async function withVolume(settings: NodeJS.ProcessEnv): Promise<Started> {
  const started = await start(settings)
  await makeBox(started.daemon.adminSocket, 'db', { password: 'hunter2' })
  await started.driver.createVolume('db')
  return started
}

const copiesOf = ({ daemon }: Started): string[] => readdirSync(join(daemon.directory, 'copies'))

/** Waits for no longer than the 5 s that a copy may be left over. */
async function untilNothingIsLeft(started: Started): Promise<void> {
  const isGone = async (): Promise<true | null> =>
    (copiesOf(started).length === 0 && (await labels(started.daemon.adminSocket)).length === 0) || null
  expect(await eventually(isGone)).toBe(true)
}

test.skipIf(cannotMount)('what is left over is wiped at the start of the daemon (takes root)', async () => {
  const engine = await standInEngine()
  const first = await withVolume({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  const [ended, running] = [freshId(), freshId()]
  const holder = await hold(await first.driver.mount('db', running))
  await first.driver.mount('db', ended)
  const again = await first.again('SIGKILL')
  expect(await eventually(() => Promise.resolve(copiesOf(again).length === 1 || null))).toBe(true)
  expect(await labels(again.daemon.adminSocket)).toEqual([running])
  expect(holder.read('password')).toBe('hunter2')
  await holder.end()
  await again.driver.unmount('db', running)
  await untilNothingIsLeft(again)
})

test.skipIf(cannotMount)(
  'what is left over is wiped when the Engine comes, or comes back (takes root)',
  async () => {
    const { socket, ...gone } = await standInEngine()
    await gone.end()
    const first = await withVolume({ SECRETBOX_DOCKER_SOCKET: socket, GRACE_SECONDS: '86400' })
    await first.driver.mount('db', freshId())
    // It knows of no Mount now, and leaves the copy alone while it cannot ask whose it is.
    const again = await first.again('SIGKILL')
    const { body } = await ask(again.daemon.adminSocket, { method: 'POST', url: '/reconcile?apply=1' })
    expect(JSON.parse(body.toString())).toMatchObject({ actions: [{ action: 'keep' }] })
    await standInEngine(socket)
    await untilNothingIsLeft(again)
  }
)

test.skipIf(cannotMount)('what is left over is wiped when the Engine goes (takes root)', async () => {
  const engine = await standInEngine()
  const first = await withVolume({ SECRETBOX_DOCKER_SOCKET: engine.socket, GRACE_SECONDS: '0' })
  const holder = await hold(await first.driver.mount('db', freshId()), container)
  const again = await first.again('SIGKILL')
  await engine.followed()
  await engine.end()
  await holder.end()
  await untilNothingIsLeft(again)
})

test.skipIf(cannotMount)(
  'what is left over is wiped when a container ends without an Unmount (takes root)',
  async () => {
    const engine = await standInEngine()
    addContainer(engine, 'db', { state: 'running' })
    const started = await withVolume({ SECRETBOX_DOCKER_SOCKET: engine.socket })
    await engine.followed()
    const holder = await hold(await started.driver.mount('db', freshId()), container)
    const again = await started.again('SIGKILL')
    await engine.followed()
    await holder.end()
    engine.containers.clear()
    engine.tell('die', container)
    await untilNothingIsLeft(again)
  }
)

test.skipIf(cannotMount)(
  'what is left over is wiped when a container ends without an Unmount soon after docker cp (takes root)',
  async () => {
    const engine = await standInEngine()
    addContainer(engine, 'db', { state: 'running' })
    const { driver, ...started } = await withVolume({ SECRETBOX_DOCKER_SOCKET: engine.socket })
    const { adminSocket } = started.daemon
    await engine.followed()
    const id = freshId()
    const holder = await hold(await driver.mount('db', id), container)
    await driver.mount('db', id)
    await driver.unmount('db', id)
    // Sees that it is held, and is content with that.
    await ask(adminSocket, { method: 'POST', url: '/reconcile?apply=1' })
    await holder.end()
    addContainer(engine, 'db')
    engine.tell('die', container)
    await untilNothingIsLeft({ driver, ...started })
  }
)

test.skipIf(cannotMount)(
  'a container that was found while the Engine was away gets its name and image later (takes root)',
  async () => {
    const { socket, ...gone } = await standInEngine()
    await gone.end()
    const started = await withVolume({ SECRETBOX_DOCKER_SOCKET: socket })
    const { daemon, driver } = started
    const id = freshId()
    await hold(await driver.mount('db', id), container)
    const noted = async (wanted: Readonly<Record<string, unknown>>): Promise<void> => {
      const isNoted = async (): Promise<true | null> => {
        const { Volume } = (await driver.call('Get', { Name: 'db' })) as {
          Volume: { Status: { Copies: Record<string, unknown>[] } }
        }
        const [copy = {}] = Volume.Status.Copies
        return Object.entries(wanted).every(([key, value]) => copy[key] === value) || null
      }
      expect(await eventually(isNoted), JSON.stringify(wanted)).toBe(true)
    }
    await noted({ Mount: id, Container: container, ContainerName: null, Image: null })
    const engine = await standInEngine(socket)
    addContainer(engine, 'db', { state: 'running', image: 'nginx' })
    await noted({ Mount: id, Container: container, ContainerName: 'db', Image: 'nginx' })
    const { body } = await ask(daemon.adminSocket, { method: 'GET', url: '/audit?limit=20' })
    const { entries } = JSON.parse(body.toString()) as { entries: { action: string }[] }
    const attached = entries.filter(({ action }) => action === 'copy.attach')
    expect(attached).toMatchObject([
      { container, containerName: 'db', image: 'nginx', mount: id, volume: 'db', box: 'db', version: 2 },
      { container, mount: id }
    ])
  }
)
