import { mkdtemp } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FaultPoint, JobPoint } from '../../src/base/fault-points.ts'
import { ask } from '../kit/ask.ts'
import { askWithin } from '../kit/ask-within.ts'
import { accepts, removeHome, startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { driverAt, freshId, makeBox, type Driver } from '../kit/driver.ts'
import { comesTo, eventually } from '../kit/eventually.ts'
import { hold } from '../kit/hold.ts'
import { onlyLong } from '../kit/length.ts'
import { ordersIn, type Orders } from '../kit/orders.ts'
import { cannotMount } from '../kit/tmpfs.ts'

/*
 * A table of faults: the daemon, or the job that works for it, is killed at each step in the life of a copy with a socket. Whatever
 * the step, the container is answered at it afterwards and nobody else is, and it goes with the copy.
 */

const self = { method: 'GET', url: '/v1/self' } as const
const place = '.secretbox/api.sock'

let home: string
let daemon: Daemon
let orders: Orders
let driver: Driver

/** The supervisor gives a daemon up that dies again and again: so many rows have one supervisor. */
const rowsEach = 4
let rows = 0

async function startHere(): Promise<void> {
  daemon = await startDaemon({ SECRETBOX_FAULTS: join(home, 'faults'), GRACE_SECONDS: '0' }, home)
  driver = driverAt(daemon.pluginSocket, 1)
}

const copies = (): string[] => readdirSync(join(home, 'copies'))

/** The Engine's call, repeated as it does when the answer was lost. */
async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  const done = await eventually(() =>
    call().then(
      value => ({ value }),
      () => null
    )
  )
  if (done === null) throw new Error('the daemon does not come back')
  return done.value
}

/** What the host's root is told at the socket: 403 where it is served, null where it is not. */
const toldHost = (copy: string): Promise<number | null> =>
  ask(join(copy, place), self).then(
    ({ status }) => status,
    () => null
  )

describe.skipIf(cannotMount)('with a socket in the copy (takes root)', () => {
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'secretbox-'))
    orders = await ordersIn(join(home, 'faults'))
    await startHere()
    await makeBox(daemon.adminSocket, 'db', { password: 'hunter2' })
    await driver.call('Create', { Name: 'db', Opts: { api: 'true' } })
  })
  afterAll(async () => {
    driver.close()
    await daemon.kill('SIGKILL')
    await removeHome(home)
  })
  beforeEach(async () => {
    await orders.clear()
    if (++rows % rowsEach !== 0) return
    driver.close()
    // One that is just starting ends by a signal as by any other death, and is started again.
    await eventually(async () => (await accepts(daemon.adminSocket)) || null)
    await daemon.kill('SIGTERM')
    await startHere()
  })

  const inMount: readonly (FaultPoint | JobPoint)[] = [
    ...['mount.recorded', 'listen.bound', 'mount.done', 'mount.shared'],
    ...onlyLong(['mount.begun', 'mount.mounted', 'mount.written', 'make.parted', 'make.made'])
  ] as (FaultPoint | JobPoint)[]
  test.each(inMount)('killed in Mount, at %s', async point => {
    const id = freshId()
    // A Mount of a copy that is held is another use of it.
    const first = point === 'mount.shared' ? await driver.mount('db', id) : null
    const earlier = first === null ? null : await hold(first)
    await orders.give(point, 'kill')
    await driver.mount('db', id).catch(() => undefined)
    await orders.reached(point)
    // What the Mount that failed has made may be wiped when the next one has answered; that one is asked again.
    const { copy, holder } = await untilDone(async () => {
      const mounted = await driver.mount('db', id)
      return { copy: mounted, holder: earlier ?? (await hold(mounted)) }
    })
    const asks = askWithin(holder.pid, join(holder.path, place))
    const { status, body } = await untilDone(() => asks(self))
    expect([status, body['box']]).toEqual([200, 'db'])
    expect(await toldHost(copy)).toBe(403)
    await holder.end()
    await untilDone(() => driver.unmount('db', id))
    await comesTo(() => copies().length === 0)
    expect(await toldHost(copy)).toBe(null)
  })

  const inUnmount: readonly (FaultPoint | JobPoint)[] = [
    ...['unmount.judged', 'wipe.parted', 'unmount.wiped'],
    ...onlyLong(['unmount.begun', 'wipe.begun', 'wipe.overwritten', 'wipe.unmounted', 'unmount.done'])
  ] as (FaultPoint | JobPoint)[]
  test.each(inUnmount)('killed in Unmount, at %s', async point => {
    const id = freshId()
    const copy = await untilDone(() => driver.mount('db', id))
    expect(await toldHost(copy)).toBe(403)
    await orders.give(point, 'kill')
    await driver.unmount('db', id).catch(() => undefined)
    await orders.reached(point)
    // What the Engine repeats of it has no body, which tells nothing.
    await comesTo(() => copies().length === 0)
    expect(await toldHost(copy)).toBe(null)
  })

  test('killed while it runs, and again before it is up', async () => {
    // On a busy machine its ten seconds of grace may end before somebody holds it.
    const { copy, holder } = await untilDone(async () => {
      const mounted = await driver.mount('db', freshId())
      return { copy: mounted, holder: await hold(mounted) }
    })
    const asks = askWithin(holder.pid, join(holder.path, place))
    expect((await asks(self)).status).toBe(200)
    await orders.give('start.listening', 'kill')
    process.kill(daemon.pid, 'SIGKILL')
    await orders.reached('start.listening')
    expect((await untilDone(() => asks(self))).status).toBe(200)
    expect(await toldHost(copy)).toBe(403)
    await holder.end()
    await comesTo(() => copies().length === 0)
    expect(await toldHost(copy)).toBe(null)
  })
})
