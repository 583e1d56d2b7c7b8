import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { FaultPoint } from '../../../src/base/fault-points.ts'
import { ask, askJson } from '../../kit/engine/admin.ts'
import { fillBox } from '../../kit/engine/boxes.ts'
import { onlyLong } from '../../kit/length.ts'
import {
  afterUnmount,
  beforeUnmount,
  betweenMounts,
  inMount,
  inUnmount,
  settled,
  whileRunning,
  type Fault
} from './moments.ts'
import type { FaultCase, Stage } from './stage.ts'
import type { Watcher } from './watcher.ts'

/** `docker cp` of one file out of a container's copy; throws unless the bytes are the box's. */
async function copyOut({ rig, files }: Stage, from: Watcher): Promise<void> {
  const target = join(rig.engine.root, `copied-${from.name}`)
  await rig.engine.docker(['cp', `${from.name}:/secrets/keytab`, target])
  const wanted = files.get('keytab')
  if (wanted === undefined || !(await readFile(target)).equals(wanted))
    throw new Error('docker cp gave other bytes')
}

/** `docker cp` waits at a point while something happens to the container it copies from. */
const copyingWhile = (
  point: FaultPoint,
  what: string,
  meanwhile: (stage: Stage, subject: Watcher) => Promise<unknown>,
  lives: boolean
): FaultCase => ({
  fault: `docker cp, at ${point}`,
  moment: what,
  async play(stage) {
    const { orders } = stage.rig
    const subject = await stage.runningSubject()
    await orders.give(point, 'wait')
    const copying = copyOut(stage, subject)
    await orders.reached(point, copying)
    const happening = meanwhile(stage, subject)
    await orders.release(point)
    await Promise.all([settled(copying), happening])
    return lives ? [subject] : []
  }
})

const copyCases: readonly FaultCase[] = [
  {
    fault: 'docker cp',
    moment: 'three at once while running',
    async play(stage) {
      const subject = await stage.runningSubject()
      await Promise.all([copyOut(stage, stage.witness()), copyOut(stage, subject), copyOut(stage, subject)])
      return [subject]
    }
  },
  {
    fault: 'docker cp',
    moment: 'from a container that was not started',
    async play(stage) {
      await copyOut(stage, await stage.subject())
      return []
    }
  },
  {
    fault: 'docker cp',
    moment: 'while running, and then it ends',
    async play(stage) {
      const subject = await stage.runningSubject()
      await copyOut(stage, subject)
      await subject.stop()
      return []
    }
  },
  {
    fault: 'docker cp',
    moment: 'right after a restart of the plugin',
    async play(stage) {
      const subject = await stage.runningSubject()
      await stage.rig.killPlugin()
      await copyOut(stage, subject)
      await copyOut(stage, stage.witness())
      return [subject]
    }
  },
  {
    fault: 'docker cp',
    moment: 'right after a restart of the plugin, and then it ends',
    async play(stage) {
      const subject = await stage.runningSubject()
      await stage.rig.killPlugin()
      await copyOut(stage, subject)
      await subject.stop()
      return []
    }
  },
  {
    fault: 'docker cp',
    moment: 'after the plugin was disabled by force and enabled',
    async play(stage) {
      const subject = await stage.runningSubject()
      stage.orphansCopies()
      await stage.rig.disablePlugin()
      await stage.rig.enablePlugin()
      await copyOut(stage, subject)
      await copyOut(stage, stage.witness())
      return [subject]
    }
  },
  copyingWhile('mount.shared', 'the plugin is killed', ({ rig }) => rig.killPlugin(), true),
  copyingWhile('unmount.begun', 'the plugin is killed', ({ rig }) => rig.killPlugin(), true),
  copyingWhile('mount.shared', 'the container ends', (_stage, subject) => subject.stop(), false),
  copyingWhile('unmount.begun', 'the container ends', (_stage, subject) => subject.stop(), false)
]

const paused = (fault: Fault): FaultCase => ({
  fault: `docker pause, ${fault.name}`,
  moment: 'idle',
  async play(stage) {
    const subject = await stage.runningSubject()
    await stage.rig.engine.docker(['pause', subject.name])
    await fault.strike(stage)
    await reconcile(stage)
    await stage.rig.engine.docker(['unpause', subject.name])
    return [subject]
  }
})

const pluginKilled: Fault = {
  name: 'plugin killed',
  async strike({ rig }) {
    await rig.killPlugin()
    await rig.pluginIsUp()
  }
}

const reconciled: Fault = {
  name: 'reconciliation on demand',
  async strike(stage) {
    const { orders } = stage.rig
    await orders.give('reconcile.judged', 'wait')
    const reconciling = reconcile(stage)
    await orders.reached('reconcile.judged', reconciling)
    await orders.release('reconcile.judged')
    // It may have to wait for the very call that this case holds up.
    void settled(reconciling)
  }
}

async function reconcile({ rig }: Stage): Promise<void> {
  await askJson(rig.adminSocket, 'POST', '/reconcile?apply=1')
}

const boxDestroyed: Fault = {
  name: 'box destroyed',
  async strike({ rig, box }) {
    await ask(rig.adminSocket, 'DELETE', `/vault/${box}/?force=1`)
  }
}

/** Makes a case that may destroy the box put it back at its end. */
const withBoxAgain = (one: FaultCase): FaultCase => ({
  ...one,
  async play(stage) {
    const live = await one.play({
      ...stage,
      // What could not start for want of the box can start with it.
      rig: {
        ...stage.rig,
        async pluginIsUp() {
          await stage.rig.pluginIsUp()
          await fillBox(stage.rig.adminSocket, stage.box, stage.files)
        }
      }
    })
    await fillBox(stage.rig.adminSocket, stage.box, stage.files)
    return live
  }
})

/** The plugin is killed and finds no key when it is up again; afterwards the key is put back. */
const withoutKey = (
  moment: string,
  play: (stage: Stage, subject: Watcher) => Promise<readonly Watcher[]>
): FaultCase => ({
  fault: 'vault without its key',
  moment,
  async play(stage) {
    const { rig } = stage
    const key = join(rig.engine.pluginKey, 'key')
    const subject = await stage.runningSubject()
    await rename(key, `${key}.away`)
    try {
      await rig.killPlugin()
      await rig.pluginIsUp()
      return await play(stage, subject)
    } finally {
      await rename(`${key}.away`, key)
      await unsealed(rig.adminSocket)
    }
  }
})

/** The first call that needs the key opens the vault. */
async function unsealed(adminSocket: string): Promise<void> {
  await askJson(adminSocket, 'GET', '/volumes/')
}

const keyCases: readonly FaultCase[] = [
  withoutKey('idle', (_stage, subject) => Promise.resolve([subject])),
  withoutKey('before Mount', async (stage, subject) => {
    const refusal = await (await stage.subject()).start().then(
      () => 'it started',
      (error: unknown) => String(error)
    )
    if (!refusal.includes('the vault is sealed')) throw new Error(`the cause is not named: ${refusal}`)
    return [subject]
  }),
  withoutKey('before Unmount', async (_stage, subject) => {
    await subject.stop()
    return []
  }),
  withoutKey('docker cp', async (stage, subject) => {
    await copyOut(stage, subject)
    return [subject]
  })
]

/** An upgrade needs the plugin disabled, by force when containers run. */
const upgraded: Fault = {
  name: 'plugin upgraded',
  async strike(stage) {
    stage.orphansCopies()
    await stage.rig.disablePlugin()
    await stage.rig.upgradePlugin()
    await stage.rig.enablePlugin()
  }
}

/** What operators do, and what Docker does on their behalf. */
export const operatorCases: readonly FaultCase[] = [
  ...copyCases,
  paused(pluginKilled),
  paused(reconciled),
  inMount('mount.mounted', reconciled),
  inMount('mount.done', reconciled),
  betweenMounts(reconciled),
  whileRunning(reconciled),
  inUnmount('unmount.judged', reconciled),
  afterUnmount(reconciled),
  ...[
    inMount('mount.begun', boxDestroyed),
    inMount('mount.recorded', boxDestroyed),
    inMount('mount.mounted', boxDestroyed),
    whileRunning(boxDestroyed),
    beforeUnmount(boxDestroyed)
  ].map(withBoxAgain),
  ...keyCases,
  whileRunning(upgraded),
  ...onlyLong([beforeUnmount(upgraded)])
]
