import type { FaultPoint } from '../../../src/base/fault-points.ts'
import { isLong } from '../../kit/length.ts'
import type { FaultCase, Stage } from './stage.ts'
import type { Watcher } from './watcher.ts'

/** Something that goes wrong, from its begin to when all is up again. */
export interface Fault {
  readonly name: string
  /** All containers end by it, the witness too. */
  readonly endsContainers?: boolean
  strike(stage: Stage): Promise<void>
}

export const mountPoints = [
  'mount.begun',
  'mount.recorded',
  'mount.mounted',
  'mount.written',
  'mount.done'
] as const satisfies readonly FaultPoint[]

export const unmountPoints = [
  'unmount.begun',
  'unmount.judged',
  'unmount.wiped',
  'unmount.done'
] as const satisfies readonly FaultPoint[]

/** All of the points for `make test-long`; otherwise those at which most is at stake. */
export function often<P extends FaultPoint>(points: readonly P[]): readonly P[] {
  return isLong ? points : points.filter(point => !seldom.includes(point))
}

const seldom: readonly FaultPoint[] = [
  'mount.begun',
  'mount.recorded',
  'mount.written',
  'unmount.begun',
  'unmount.done'
]

/** The fault strikes, then a container is started. */
export function beforeMount(fault: Fault): FaultCase {
  return {
    fault: fault.name,
    moment: 'before Mount',
    async play(stage) {
      const subject = await stage.subject()
      await fault.strike(stage)
      await startsWork(stage)
      await subject.start()
      return [subject]
    }
  }
}

/** The fault strikes while Mount waits at a point. Its start may fail; the next one must not. */
export function inMount(point: FaultPoint, fault: Fault): FaultCase {
  return {
    fault: fault.name,
    moment: `in Mount, at ${point}`,
    async play(stage) {
      const { orders } = stage.rig
      const subject = await stage.subject()
      await orders.give(point, 'wait')
      const starting = subject.start()
      await orders.reached(point, starting)
      await fault.strike(stage)
      await orders.release(point)
      await settled(starting)
      return [await startedAtLast(stage, subject)]
    }
  }
}

/**
 * The fault strikes when one volume of a container was mounted and answered for, and the other's Mount waits: a
 * copy that nobody holds yet, of a container that is just starting.
 */
export function betweenMounts(fault: Fault): FaultCase {
  return {
    fault: fault.name,
    moment: 'between two Mounts of one start',
    async play(stage) {
      const { orders } = stage.rig
      const subject = await stage.subject({
        more: ['--mount', 'type=volume,volume-driver=secretbox,dst=/other,volume-opt=box=db']
      })
      await orders.give('mount.done', 'wait')
      const starting = subject.start()
      await orders.reached('mount.done', starting)
      await orders.give('mount.begun', 'wait')
      await orders.release('mount.done')
      await orders.reached('mount.begun', starting)
      await fault.strike(stage)
      await orders.release('mount.begun')
      await settled(starting)
      return [await startedAtLast(stage, subject)]
    }
  }
}

/** The fault strikes while the container runs. */
export function whileRunning(fault: Fault): FaultCase {
  return {
    fault: fault.name,
    moment: 'idle',
    async play(stage) {
      const subject = await stage.runningSubject()
      await fault.strike(stage)
      return [await startedAtLast(stage, subject)]
    }
  }
}

/** The fault strikes, then the container that has run all along is stopped. */
export function beforeUnmount(fault: Fault): FaultCase {
  return {
    fault: fault.name,
    moment: 'before Unmount',
    async play(stage) {
      const subject = await stage.runningSubject()
      await fault.strike(stage)
      if (fault.endsContainers !== true) await subject.stop()
      return []
    }
  }
}

/** The fault strikes while Unmount waits at a point. */
export function inUnmount(point: FaultPoint, fault: Fault): FaultCase {
  return {
    fault: fault.name,
    moment: `in Unmount, at ${point}`,
    async play(stage) {
      const { orders } = stage.rig
      const subject = await stage.runningSubject()
      await orders.give(point, 'wait')
      const stopping = subject.stop()
      await orders.reached(point, failureOf(stopping))
      await fault.strike(stage)
      await orders.release(point)
      await settled(stopping)
      return []
    }
  }
}

/** The fault strikes when the container has ended. */
export function afterUnmount(fault: Fault): FaultCase {
  return {
    fault: fault.name,
    moment: 'after Unmount',
    async play(stage) {
      const subject = await stage.runningSubject()
      await subject.stop()
      await fault.strike(stage)
      return []
    }
  }
}

/** Rejects when `docker stop` fails. That it worked tells nothing: Engines answer it before they are through with Unmount. */
function failureOf(stopping: Promise<unknown>): Promise<never> {
  return stopping.then(() => new Promise<never>(() => undefined))
}

/** Waits for a call that may fail, since something was made to go wrong under it. */
export async function settled(call: Promise<unknown>): Promise<void> {
  await call.catch(() => undefined)
}

/** Resolves when a start can work again. */
async function startsWork({ rig }: Stage): Promise<void> {
  await rig.pluginIsUp()
  await rig.pluginReachesEngine()
}

/** Starts the container unless it runs, as one does after something went wrong. */
export async function startedAtLast(stage: Stage, subject: Watcher): Promise<Watcher> {
  await startsWork(stage)
  if ((await subject.pid()) === null) await subject.start()
  return subject
}
