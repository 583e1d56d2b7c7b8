import type { FaultPoint } from '../../../src/base/fault-points.ts'
import { ask } from '../../kit/engine/admin.ts'
import { eventually } from '../../kit/eventually.ts'
import { mountPoints, often, settled, startedAtLast, unmountPoints } from './moments.ts'
import type { FaultCase } from './stage.ts'

/** The daemon dies by its own hand at a point of a container's start. */
const crashInMount = (point: FaultPoint): FaultCase => ({
  fault: 'plugin crashes',
  moment: `in Mount, at ${point}`,
  async play(stage) {
    const starting = await stage.subject()
    await stage.rig.orders.give(point, 'kill')
    await settled(starting.start())
    return [await startedAtLast(stage, starting)]
  }
})

/** The same of a container with two copies, of which one has a socket. At that the host's root is refused, so that it is served. */
const crashWithSocket: FaultCase = {
  fault: 'plugin crashes',
  moment: 'in Mount, at mount.done, with a socket in a copy',
  async play(stage) {
    const mount = 'type=volume,volume-driver=secretbox,dst=/asking,volume-opt=box=db,volume-opt=api=true'
    const starting = await stage.subject({ more: ['--mount', mount] })
    await stage.rig.orders.give('mount.done', 'kill')
    await settled(starting.start())
    await startedAtLast(stage, starting)
    const socket = `/proc/${(await starting.pid()) ?? 0}/root/asking/.secretbox/api.sock`
    const isServed = await eventually(async () => {
      const { status } = await ask(socket, 'GET', '/v1/self').catch(() => ({ status: 0 }))
      return status === 403 || null
    })
    if (isServed !== true) throw new Error('nobody serves the socket')
    return [starting]
  }
}

const crashInUnmount = (point: FaultPoint): FaultCase => ({
  fault: 'plugin crashes',
  moment: `in Unmount, at ${point}`,
  async play(stage) {
    const ending = await stage.runningSubject()
    await stage.rig.orders.give(point, 'kill')
    await settled(ending.stop())
    return []
  }
})

const throwInMount = (point: FaultPoint): FaultCase => ({
  fault: 'Mount fails',
  moment: `in Mount, at ${point}`,
  async play(stage) {
    const starting = await stage.subject()
    await stage.rig.orders.give(point, 'throw')
    const failed = await starting.start().then(
      () => false,
      () => true
    )
    if (!failed) throw new Error('the container started all the same')
    return []
  }
})

const throwInUnmount = (point: FaultPoint): FaultCase => ({
  fault: 'Unmount fails',
  moment: `in Unmount, at ${point}`,
  async play(stage) {
    const ending = await stage.runningSubject()
    await stage.rig.orders.give(point, 'throw')
    await settled(ending.stop())
    // The Engine may use the same mount ID again now.
    await ending.start()
    await ending.stop()
    return []
  }
})

/** The Engine waits for a Mount for half a minute, or two in later releases; then the start has failed, and no Unmount comes. */
const givenUpInMount = (point: FaultPoint): FaultCase => ({
  fault: 'the Engine gives up',
  moment: `in Mount, at ${point}`,
  async play(stage) {
    const { orders } = stage.rig
    const starting = await stage.subject()
    await orders.give(point, 'wait')
    const failed = starting.start().then(
      () => 'it started',
      (error: unknown) => String(error)
    )
    await orders.reached(point, failed)
    const reason = await failed
    if (!/deadline|[Tt]imeout/.test(reason)) throw new Error(`the Engine did not give up: ${reason}`)
    await orders.release(point)
    return [await startedAtLast(stage, starting)]
  }
})

/** The daemon fails in the middle of a call: it dies there, or the call comes to nothing. */
export const failureCases: readonly FaultCase[] = [
  ...mountPoints.map(crashInMount),
  crashWithSocket,
  ...unmountPoints.map(crashInUnmount),
  ...often(mountPoints).map(throwInMount),
  ...often(unmountPoints).map(throwInUnmount)
]

/** The daemon is too slow for the Engine. */
export const slowCases: readonly FaultCase[] = [givenUpInMount('mount.mounted')]
