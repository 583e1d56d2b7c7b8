import { join } from 'node:path'
import type { FaultPoint } from '../../../src/base/fault-points.ts'
import { testImage } from '../../kit/engine/image.ts'
import { eventually } from '../../kit/eventually.ts'
import { onlyLong } from '../../kit/length.ts'
import {
  afterUnmount,
  beforeMount,
  beforeUnmount,
  betweenMounts,
  inMount,
  inUnmount,
  mountPoints,
  often,
  settled,
  unmountPoints,
  whileRunning,
  type Fault
} from './moments.ts'
import type { FaultCase, Stage } from './stage.ts'
import type { Watcher } from './watcher.ts'

/** dockerd ends and is started again; without live-restore its containers end with it. */
const dockerdEnded = (how: 'stopped' | 'killed', live: boolean): Fault => ({
  name: `dockerd ${how} and started${live ? ', live-restore' : ''}`,
  endsContainers: !live,
  async strike(stage) {
    const { engine } = stage.rig
    if (!live) stage.endsWitness()
    await (how === 'stopped' ? engine.stopDockerd() : engine.killDockerd())
    await engine.startDockerd()
  }
})

const [stopped, killed] = [dockerdEnded('stopped', false), dockerdEnded('killed', false)]

const containerdKilled: Fault = {
  name: 'containerd killed and started',
  async strike({ rig }) {
    await rig.engine.killContainerd()
    await rig.engine.startContainerd()
    // dockerd tries to reach it again in growing intervals, and only then takes orders.
    const reached = await eventually(
      async () => (await rig.engine.tryDocker(['run', '--rm', testImage, 'true'])).code === 0 || null,
      120_000
    )
    if (reached === null) throw new Error('dockerd does not reach containerd again')
  }
}

/** A container that Docker starts again by itself: the same mount ID comes again without an Unmount in between. */
const restarts = (fault: Fault): FaultCase => ({
  fault: fault.name,
  moment: 'idle, with a restart policy',
  async play(stage) {
    const subject = await stage.runningSubject({ more: ['--restart', 'always'] })
    const before = await subject.pid()
    await fault.strike(stage)
    await runsAgain(subject, before)
    return [subject]
  }
})

/** A container that ends by itself while its Engine is killed: its Unmount is never sent. */
const endsMeanwhile = (live: boolean): FaultCase => ({
  fault: 'dockerd killed and started',
  moment: 'the container ends meanwhile',
  async play(stage) {
    const { engine } = stage.rig
    if (!live) stage.endsWitness()
    const subject = await stage.runningSubject()
    await engine.killDockerd()
    await endedByItself(subject)
    await engine.startDockerd()
    return []
  }
})

/** An Engine that is killed. Its containers end when it starts again. */
export const engineCases: readonly FaultCase[] = [
  beforeMount(stopped),
  // dockerd waits a quarter of a minute for calls that do not end.
  ...onlyLong([inMount('mount.mounted', stopped), inUnmount('unmount.judged', stopped)]),
  whileRunning(stopped),
  restarts(stopped),
  ...often(mountPoints).map(point => inMount(point, killed)),
  betweenMounts(killed),
  whileRunning(killed),
  restarts(killed),
  endsMeanwhile(false),
  ...often(unmountPoints).map(point => inUnmount(point, killed)),
  afterUnmount(killed),
  whileRunning(containerdKilled),
  inMount('mount.mounted', containerdKilled),
  beforeUnmount(containerdKilled),
  inUnmount('unmount.judged', containerdKilled)
]

const [stoppedAlone, killedAlone] = [dockerdEnded('stopped', true), dockerdEnded('killed', true)]

/** While dockerd is away, `meanwhile` happens to a container that runs. */
const whileAway = (
  what: string,
  meanwhile: (stage: Stage, subject: Watcher) => Promise<void>,
  lives: boolean
): FaultCase => ({
  fault: killedAlone.name,
  moment: `meanwhile ${what}`,
  async play(stage) {
    const { engine } = stage.rig
    const subject = await stage.runningSubject()
    await engine.killDockerd()
    await meanwhile(stage, subject)
    await engine.startDockerd()
    return lives ? [subject] : []
  }
})

/** The container's copy must be gone before dockerd is back, for the plugin is up all the time. */
const goneWhileAway: FaultCase = {
  fault: 'dockerd killed, live-restore',
  moment: 'the container ends; dockerd stays away',
  async play(stage) {
    const { engine } = stage.rig
    const subject = await stage.runningSubject()
    await engine.killDockerd()
    try {
      await endedByItself(subject)
      const left = await stage.strays([stage.witness()])
      if (left !== null) throw new Error(`there is still ${left}`)
    } finally {
      await engine.startDockerd()
    }
    return []
  }
}

/** dockerd dies while `docker cp` has a running container's copy mounted. */
const copying = (point: FaultPoint): FaultCase => ({
  fault: killedAlone.name,
  moment: `in docker cp, at ${point}`,
  async play(stage) {
    const { engine, orders } = stage.rig
    const subject = await stage.runningSubject()
    await orders.give(point, 'wait')
    const copying = engine.docker(['cp', `${subject.name}:/secrets/keytab`, join(engine.root, 'copied')])
    await orders.reached(point, copying)
    await killedAlone.strike(stage)
    await orders.release(point)
    await settled(copying)
    return [subject]
  }
})

/** The new dockerd takes the first `docker cp` for the last use of the volume, and sends no Unmount at the end. */
const idForgotten: FaultCase = {
  fault: killedAlone.name,
  moment: 'docker cp twice, and then the container ends',
  async play(stage) {
    const { engine } = stage.rig
    const subject = await stage.runningSubject()
    await killedAlone.strike(stage)
    for (const target of ['first', 'second'])
      await engine.docker(['cp', `${subject.name}:/secrets/keytab`, join(engine.root, target)])
    await subject.stop()
    return []
  }
}

/** An Engine whose containers live on without it. */
export const liveRestoreCases: readonly FaultCase[] = [
  beforeMount(stoppedAlone),
  inMount('mount.mounted', stoppedAlone),
  whileRunning(stoppedAlone),
  beforeUnmount(stoppedAlone),
  inUnmount('unmount.judged', stoppedAlone),
  beforeMount(killedAlone),
  ...often(mountPoints).map(point => inMount(point, killedAlone)),
  betweenMounts(killedAlone),
  whileRunning(killedAlone),
  restartsAlone(),
  beforeUnmount(killedAlone),
  ...often(unmountPoints).map(point => inUnmount(point, killedAlone)),
  afterUnmount(killedAlone),
  whileAway('the container ends', async (_stage, subject) => endedByItself(subject), false),
  whileAway('the plugin is killed', stage => stage.rig.killPlugin(), true),
  whileAway(
    'the plugin is killed and the container ends',
    async (stage, subject) => {
      await stage.rig.killPlugin()
      await endedByItself(subject)
    },
    false
  ),
  goneWhileAway,
  copying('mount.shared'),
  copying('unmount.begun'),
  idForgotten,
  whileRunning({ ...containerdKilled, name: 'containerd killed and started, live-restore' })
]

/** With a restart policy a container that ended meanwhile is started by the new dockerd, with its old mount ID. */
function restartsAlone(): FaultCase {
  return {
    fault: killedAlone.name,
    moment: 'the container ends meanwhile, with a restart policy',
    async play(stage) {
      const { engine } = stage.rig
      const subject = await stage.runningSubject({ more: ['--restart', 'always'] })
      const before = await subject.pid()
      await engine.killDockerd()
      await endedByItself(subject)
      await engine.startDockerd()
      await runsAgain(subject, before)
      return [subject]
    }
  }
}

async function endedByItself(subject: Watcher): Promise<void> {
  const pid = await subject.pid()
  if (pid === null) throw new Error(`${subject.name} does not run`)
  process.kill(pid, 'SIGKILL')
  const ended = await eventually(async () => ((await subject.pid()) === null ? true : null))
  if (ended === null) throw new Error(`${subject.name} does not end`)
}

async function runsAgain(subject: Watcher, before: number | null): Promise<void> {
  const again = await eventually(async () => {
    const pid = await subject.pid()
    return pid === before ? null : pid
  })
  if (again === null) throw new Error(`${subject.name} was not started again`)
}
