import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { request, type ClientRequest } from 'node:http'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { comesTo } from '../kit/eventually.ts'
import { ask } from '../kit/ask.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { copyOf, freshId, labels, makeBox } from '../kit/driver.ts'
import { hold } from '../kit/hold.ts'
import { standInEngine, type StandInEngine } from '../kit/stand-in-engine.ts'
import { start, type Started } from '../kit/started.ts'

/** A daemon with a volume `db`, and an Engine that has no container which may just be starting. */
async function withVolume(engine?: StandInEngine): Promise<Started> {
  const { socket } = engine ?? (await standInEngine())
  const started = await start({ SECRETBOX_DOCKER_SOCKET: socket })
  await makeBox(started.daemon.adminSocket, 'db', { password: 'hunter2' })
  await started.driver.createVolume('db')
  return started
}

/** A Mount on a connection of its own that nobody waits for. */
function mountAlone({ daemon }: Started, id: string): ClientRequest {
  const sent = request({
    socketPath: daemon.pluginSocket,
    method: 'POST',
    path: '/VolumeDriver.Mount',
    agent: false
  })
  sent.on('error', () => undefined)
  sent.end(JSON.stringify({ Name: 'db', ID: id }))
  return sent
}

/** The status of a call whose body is lost, as the Engine's second try of a call is. */
async function empty({ daemon }: Started, call: string): Promise<number> {
  return (await ask(daemon.pluginSocket, { method: 'POST', url: `/VolumeDriver.${call}`, body: '' })).status
}

const copiesOf = ({ daemon }: Started): string[] => readdirSync(join(daemon.directory, 'copies'))

describe.skipIf(cannotMount)('a Mount that the Engine gave up (takes root)', () => {
  test('is taken back when it is done', async () => {
    const started = await withVolume()
    const { orders, daemon } = started
    const id = freshId()
    await orders.give('mount.written', 'wait')
    const call = mountAlone(started, id)
    await orders.reached('mount.written')
    // All was sent; the job may still have to begin.
    await comesTo(() => copiesOf(started)[0] === copyOf('db', id))
    call.destroy()
    await orders.release('mount.written')
    await comesTo(() => copiesOf(started).length === 0)
    expect(await labels(daemon.adminSocket)).toEqual([])
  })

  test('and repeats meanwhile leaves one copy, which its one Unmount wipes', async () => {
    const started = await withVolume()
    const { orders, driver, daemon } = started
    const id = freshId()
    await orders.give('mount.written', 'wait')
    const call = mountAlone(started, id)
    await orders.reached('mount.written')
    call.destroy()
    const again = driver.mount('db', id)
    await orders.release('mount.written')
    const copy = await again
    expect(readFileSync(join(copy, 'password'), 'utf8')).toBe('hunter2')
    expect(copiesOf(started)).toEqual([copyOf('db', id)])
    await driver.unmount('db', id)
    expect(copiesOf(started)).toEqual([])
    expect(await labels(daemon.adminSocket)).toEqual([])
  })

  test('and repeats after it was done leaves one copy, which is gone after its one Unmount', async () => {
    const started = await withVolume()
    const { driver } = started
    const id = freshId()
    const copy = await driver.mount('db', id)
    expect(await driver.mount('db', id)).toBe(copy)
    const holder = await hold(copy)
    expect(holder.read('password')).toBe('hunter2')
    await holder.end()
    await driver.unmount('db', id)
    await comesTo(() => copiesOf(started).length === 0)
  })

  test('and repeats without its body changes nothing that is held, and leaves nothing else', async () => {
    const started = await withVolume()
    const { driver } = started
    const held = freshId()
    const holder = await hold(await driver.mount('db', held))
    const left = freshId()
    await driver.mount('db', left)
    expect(await empty(started, 'Mount')).toBe(400)
    await comesTo(() => copiesOf(started).length === 1)
    expect(holder.read('password')).toBe('hunter2')
    await driver.unmount('db', held)
  })
})

describe.skipIf(cannotMount)('an Unmount whose reply was lost (takes root)', () => {
  test('and that comes again without its body is made good for', async () => {
    const started = await withVolume()
    const { driver } = started
    const id = freshId()
    const holder = await hold(await driver.mount('db', id))
    await driver.unmount('db', id)
    expect(await empty(started, 'Unmount')).toBe(400)
    expect(copiesOf(started)).toHaveLength(1)
    await holder.end()
    await comesTo(() => copiesOf(started).length === 0)
  })

  test('may come again and again', async () => {
    const started = await withVolume()
    const { driver } = started
    const id = freshId()
    await driver.mount('db', id)
    for (let i = 0; i < 3; i++) expect(await driver.unmount('db', id)).toEqual({})
    expect(copiesOf(started)).toEqual([])
  })

  test('or that failed is made good for, and the same ID can be mounted again', async () => {
    const started = await withVolume()
    const { driver, orders } = started
    const id = freshId()
    await driver.mount('db', id)
    await orders.give('unmount.judged', 'throw')
    await expect(driver.unmount('db', id)).rejects.toThrow('internal error')
    await comesTo(() => copiesOf(started).length === 0)
    expect(readFileSync(join(await driver.mount('db', id), 'password'), 'utf8')).toBe('hunter2')
    await driver.unmount('db', id)
    expect(copiesOf(started)).toEqual([])
  })
})

test.skipIf(cannotMount)('a Mount that fails leaves neither a copy nor a label (takes root)', async () => {
  const started = await withVolume()
  const { driver, orders, daemon } = started
  for (const point of ['mount.recorded', 'mount.mounted', 'mount.written', 'mount.done'] as const) {
    await orders.give(point, 'throw')
    await expect(driver.mount('db', freshId())).rejects.toThrow()
    expect(copiesOf(started)).toEqual([])
    expect(await labels(daemon.adminSocket)).toEqual([])
  }
})

test.skipIf(cannotMount)(
  'a Mount that failed and could not be taken back is taken back later, and tells why it failed (takes root)',
  async () => {
    const started = await withVolume()
    const { driver, orders } = started
    await orders.give('mount.done', 'throw')
    await orders.give('unmount.judged', 'throw')
    await expect(driver.mount('db', freshId())).rejects.toThrow('internal error')
    await comesTo(() => copiesOf(started).length === 0)
    expect(started.daemon.log()).toContain('fault point mount.done')
  }
)

test.skipIf(cannotMount)(
  'SIGTERM answers a Mount in flight, takes nothing new and leaves copies as they are (takes root)',
  async () => {
    const started = await withVolume()
    const { driver, orders, daemon } = started
    const [held, late] = [freshId(), freshId()]
    const holder = await hold(await driver.mount('db', held))
    await orders.give('mount.written', 'wait')
    const mounting = driver.mount('db', late)
    await orders.reached('mount.written')
    const ended = daemon.kill('SIGTERM')
    await comesTo(() => !existsSync(daemon.pluginSocket))
    await expect(empty(started, 'Get')).rejects.toMatchObject({ code: 'ENOENT' })
    await orders.release('mount.written')
    expect(dirname(dirname(await mounting))).toBe(join(daemon.directory, 'copies'))
    expect(await ended).toBe(0)
    expect(holder.read('password')).toBe('hunter2')
    expect(copiesOf(started).sort()).toEqual([held, late].map(id => copyOf('db', id)).sort())

    const again = await started.again('SIGTERM')
    for (const id of [held, late]) await again.driver.unmount('db', id)
    await holder.end()
    await comesTo(() => copiesOf(again).length === 0)
  }
)

test.skipIf(cannotMount)(
  'SIGTERM ends a daemon whose Mount does not end, and leaves nothing of it (takes root)',
  async () => {
    const engine = await standInEngine()
    const started = await withVolume(engine)
    const { orders, daemon } = started
    await orders.give('mount.written', 'wait')
    const call = mountAlone(started, freshId())
    const cut = new Promise(resolve => call.once('error', resolve))
    await orders.reached('mount.written')
    // A pass that has judged the copy waits for the Mount, too.
    await orders.give('reconcile.judged', 'wait')
    engine.tell('die', freshId())
    await orders.reached('reconcile.judged')
    await orders.release('reconcile.judged')
    expect(await daemon.kill('SIGTERM')).toBe(0)
    await cut
    // The job has nobody left to answer.
    await comesTo(() => copiesOf(started).length === 0)
    await orders.clear()
    const again = await started.again('SIGTERM')
    expect(await labels(again.daemon.adminSocket)).toEqual([])
  }
)
