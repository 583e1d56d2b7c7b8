import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { connectEngine } from '../../src/engine/engine.ts'
import { parseMountId, type MountId } from '../../src/base/names.ts'
import { isEntry } from '../../src/vault/audit/reading.ts'
import { copyRows } from '../../src/volumes/records.ts'
import { openDriverStage, takeAway, type DriverStage, type StageSettings } from '../copies/driver-stage.ts'
import { eventually } from '../kit/eventually.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { freshId, labels, makeBox } from '../kit/driver.ts'
import { hold } from '../kit/hold.ts'
import { addContainer, standInEngine } from '../kit/stand-in-engine.ts'
import { start } from '../kit/started.ts'

const container = Buffer.from('db').toString('hex').padEnd(64, '0')
const newId = (): MountId => parseMountId(freshId())

test.skipIf(cannotMount)('what is left over is wiped at the start of the daemon (takes root)', async () => {
  const engine = await standInEngine()
  const first = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  await makeBox(first.daemon.adminSocket, 'db', { password: 'hunter2' })
  await first.driver.createVolume('db')
  const [ended, running] = [freshId(), freshId()]
  const holder = await hold(await first.driver.mount('db', running))
  await first.driver.mount('db', ended)
  const again = await first.again('SIGKILL')
  const copies = (): string[] => readdirSync(join(again.daemon.directory, 'copies'))
  expect(await eventually(() => Promise.resolve(copies().length === 1 || null))).toBe(true)
  expect(await labels(again.daemon.adminSocket)).toEqual([running])
  expect(holder.read('password')).toBe('hunter2')
  await holder.end()
  await again.driver.unmount('db', running)
  expect(copies()).toEqual([])
})

/** A stage with a volume `db`, whose Engine listens at `socket`. */
async function withVolume(socket: string, settings: StageSettings = {}): Promise<DriverStage> {
  const stage = await openDriverStage({ engine: connectEngine(socket), ...settings })
  await stage.makeVolume('db', 'hunter2')
  return stage
}

/** Lets the time pass until there is neither a copy nor a record of one. */
function untilNothingIsLeft(stage: DriverStage): Promise<void> {
  return stage.clock.passUntil(
    async () => readdirSync(stage.directory).length === 0 && (await stage.labels()).length === 0
  )
}

describe.skipIf(cannotMount)('what is left over is wiped (takes root)', () => {
  test('when the Engine comes, or comes back', async () => {
    const { socket, ...gone } = await standInEngine()
    await gone.end()
    const first = await withVolume(socket, { graceMs: 86_400_000 })
    await first.mount('db', newId())
    // It knows of no Mount now, and leaves the copy alone while it cannot ask whose it is.
    const again = await first.again()
    expect(await again.reconcile()).toMatchObject({ findings: [{ action: 'keep' }] })
    again.watch()
    await standInEngine(socket)
    await untilNothingIsLeft(again)
  })

  test('when the Engine goes', async () => {
    const engine = await standInEngine()
    const first = await withVolume(engine.socket)
    const holder = await hold(await first.mount('db', newId()), container)
    const again = await first.again()
    again.watch()
    await engine.followed()
    await engine.end()
    await holder.end()
    await untilNothingIsLeft(again)
  })

  test('when a container ends without an Unmount', async () => {
    const engine = await standInEngine()
    addContainer(engine, 'db', { state: 'running' })
    const first = await withVolume(engine.socket)
    const holder = await hold(await first.mount('db', newId()), container)
    const again = await first.again()
    again.watch()
    await engine.followed()
    await holder.end()
    engine.containers.clear()
    engine.tell('die', container)
    await untilNothingIsLeft(again)
  })

  test('when a container ends without an Unmount soon after docker cp', async () => {
    const engine = await standInEngine()
    addContainer(engine, 'db', { state: 'running' })
    const stage = await withVolume(engine.socket)
    stage.watch()
    await engine.followed()
    const id = newId()
    const holder = await hold(await stage.mount('db', id), container)
    await stage.mount('db', id)
    await stage.unmount('db', id)
    // Sees that it is held, and is content with that.
    await stage.reconcile()
    await holder.end()
    addContainer(engine, 'db')
    engine.tell('die', container)
    await untilNothingIsLeft(stage)
  })

  test('of a twin whose Unmount was lost, though a container holds the other one', async () => {
    const engine = await standInEngine()
    const stage = await withVolume(engine.socket)
    const id = newId()
    const copy = await stage.mount('db', id)
    const holder = await hold(copy, container)
    stage.watch()
    await engine.followed()
    takeAway(copy)
    await stage.mount('db', id)
    await stage.clock.passUntil(() => readdirSync(stage.directory).length === 0)
    expect(await stage.labels()).toEqual([id])
    await holder.end()
    engine.tell('die', container)
    await untilNothingIsLeft(stage)
  })
})

test.skipIf(cannotMount)(
  'a container that was found while the Engine was away gets its name and image later (takes root)',
  async () => {
    const { socket, ...gone } = await standInEngine()
    await gone.end()
    const stage = await withVolume(socket)
    stage.watch()
    const id = newId()
    await hold(await stage.mount('db', id), container)
    const noted = (wanted: object): Promise<void> =>
      stage.clock.passUntil(async () => {
        const [row] = await Array.fromAsync(copyRows(stage.opened.store, null))
        return JSON.stringify(row?.record?.container) === JSON.stringify(wanted)
      })
    await noted({ id: container, name: null, image: null })
    const engine = await standInEngine(socket)
    addContainer(engine, 'db', { state: 'running', image: 'nginx' })
    await noted({ id: container, name: 'db', image: 'nginx' })
    const { audit, sealing } = stage.opened
    const query = { limit: 20, action: 'copy.attach' }
    const entries = await Array.fromAsync(audit.read(await sealing.keyring(), query))
    expect(entries.filter(isEntry)).toMatchObject([
      { container, mount: id },
      { container, containerName: 'db', image: 'nginx', mount: id, volume: 'db', box: 'db', version: 2 }
    ])
  }
)
