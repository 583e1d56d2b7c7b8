import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { JobPoint } from '../../../src/base/fault-points.ts'
import { isLong } from '../../kit/length.ts'
import { testImage } from '../../kit/engine/image.ts'
import { freshName } from '../../kit/engine/shared-engine.ts'
import { askJson } from '../../kit/engine/admin.ts'
import { mountAsNobody } from '../../kit/engine/attacker.ts'
import { compiled } from '../../kit/engine/compiled.ts'
import { eventually } from '../../kit/eventually.ts'
import { inMount, inUnmount, settled, startedAtLast, whileRunning, type Fault } from './moments.ts'
import type { FaultCase, Stage } from './stage.ts'

/** Starts a container whose first process is the attacker in its copy, and resolves when that has begun. */
async function startAttacker(
  stage: Stage,
  how: string,
  options: readonly string[] = [],
  volume: readonly string[] = []
): Promise<string> {
  const { engine } = stage.rig
  const name = freshName('attacker')
  await engine.docker([
    ...['run', '--detach', '--name', name, ...options],
    ...['--mount', `type=bind,src=${compiled(engine, 'attacker')},dst=/attacker,readonly`],
    ...[
      '--mount',
      ['type=volume,volume-driver=secretbox,dst=/secrets,volume-opt=box=db', ...volume].join(',')
    ],
    ...[testImage, '/attacker', how, '/secrets']
  ])
  const begun = await eventually(
    async () => (await engine.docker(['logs', name])) === 'begun\n' || null,
    120_000
  )
  if (begun === null) throw new Error(`the attacker has not begun: ${await engine.docker(['logs', name])}`)
  return name
}

/** While the attacker runs: others start and end, and the daemon reconciles. Then it is killed, and all is as if it had never been. */
function attackedBy(
  fault: string,
  how: string,
  options: readonly string[] = [],
  volume: readonly string[] = []
): FaultCase {
  return {
    fault,
    moment: 'while others start and end',
    async play(stage) {
      const { engine, adminSocket } = stage.rig
      const attacker = await startAttacker(stage, how, options, volume)
      const ending = await stage.runningSubject()
      await ending.stop()
      const subject = await stage.runningSubject()
      await askJson(adminSocket, 'POST', '/reconcile?apply=true')
      await engine.docker(['rm', '--force', '--volumes', attacker])
      return [subject]
    }
  }
}

/** A container that leases its files and changes its root has its copy for as long as it runs. */
const hiddenHolder: FaultCase = {
  fault: 'leases on every file, and another root',
  moment: 'its copy stays as long as it runs',
  async play(stage) {
    const { engine, adminSocket } = stage.rig
    const attacker = await startAttacker(stage, 'lease')
    const pid = (await engine.docker(['inspect', '--format', '{{.State.Pid}}', attacker])).trim()
    const ending = await stage.runningSubject()
    await ending.stop()
    for (let pass = 0; pass < 2; pass++) await askJson(adminSocket, 'POST', '/reconcile?apply=true')
    // The first that it has opened, after the three of every process and the directory.
    const bytes = await readFile(`/proc/${pid}/fd/4`)
    if (bytes.length === 0 || bytes.every(byte => byte === 0)) throw new Error('a live copy was wiped')
    await engine.docker(['rm', '--force', '--volumes', attacker])
    return []
  }
}

/** Mounts that a user of the host makes, who has no right at all: in the name of a copy, `count` of them. */
function mountsOfNobody(count: number): FaultCase {
  return {
    fault: `${count} mounts of a user of the host, in the name of a copy`,
    moment: 'while it starts and ends',
    async play(stage) {
      const { rig } = stage
      const subject = await stage.runningSubject()
      const [copy] = await subject.copies()
      execFileSync('chmod', ['a+x', rig.engine.root])
      const end = await mountAsNobody(
        compiled(rig.engine, 'attacker'),
        `secretbox:${copy?.copy ?? ''}`,
        count
      )
      try {
        await subject.stop()
        const next = await stage.runningSubject()
        await askJson(rig.adminSocket, 'POST', '/reconcile?apply=true')
        // The volume of the container that has ended is nobody's.
        return [next]
      } finally {
        await end()
      }
    }
  }
}

/** A job is killed when it has come to a point: it is done once more, and nobody notices. */
function jobKilled(point: JobPoint): FaultCase {
  return {
    fault: 'job killed',
    moment: `at ${point}`,
    async play(stage) {
      const { orders } = stage.rig
      await orders.give(point, 'kill')
      const subject = await stage.runningSubject()
      await subject.stop()
      await orders.reached(point, Promise.resolve())
      await subject.start()
      return [subject]
    }
  }
}

/** A job hangs until the supervisor's clock ends it; others come and go meanwhile. */
function jobHangs(point: JobPoint): FaultCase {
  return {
    fault: 'job hangs',
    moment: `at ${point}`,
    async play(stage) {
      const { orders } = stage.rig
      const isMount = point.startsWith('make')
      const subject = await (isMount ? stage.subject() : stage.runningSubject())
      await orders.give(point, 'wait')
      const hanging = isMount ? subject.start() : subject.stop()
      await orders.reached(point, hanging)
      const other = await stage.runningSubject()
      await other.stop()
      await settled(hanging)
      return isMount ? [await startedAtLast(stage, subject)] : []
    }
  }
}

const supervisorKilled: Fault = { name: 'supervisor killed', strike: ({ rig }) => rig.killSupervisor() }

/** What a container, a user of the host, or bad luck does to the privileged half. */
export const attackCases: readonly FaultCase[] = [
  attackedBy('leases on every file, and another root', 'lease'),
  hiddenHolder,
  attackedBy('files swapped for FIFOs', 'fifo', [], ['volume-opt=rw=true']),
  attackedBy(
    'sparse, immutable, deep and odd files',
    'oddities',
    ['--cap-add', 'LINUX_IMMUTABLE'],
    ['volume-opt=rw=true']
  ),
  mountsOfNobody(1),
  mountsOfNobody(20_000),
  ...(
    ['make.mounted', 'make.written', 'make.made', 'wipe.begun', 'wipe.overwritten', 'wipe.unmounted'] as const
  ).map(jobKilled),
  jobHangs('wipe.begun'),
  ...(isLong ? [jobHangs('make.written')] : []),
  whileRunning(supervisorKilled),
  inMount('mount.mounted', supervisorKilled),
  inUnmount('unmount.judged', supervisorKilled)
]
