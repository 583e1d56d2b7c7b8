import {
  afterUnmount,
  beforeMount,
  beforeUnmount,
  betweenMounts,
  inMount,
  inUnmount,
  mountPoints,
  often,
  unmountPoints,
  whileRunning,
  type Fault
} from './moments.ts'
import type { FaultCase } from './stage.ts'

const killed: Fault = { name: 'plugin killed', strike: ({ rig }) => rig.killPlugin() }

/** Killed, and killed again while its first reconciliation has judged and done nothing yet. */
const killedAsItReconciles: Fault = {
  name: 'plugin killed, and again as it reconciles',
  async strike({ rig }) {
    await rig.orders.give('reconcile.judged', 'wait')
    await rig.killPlugin()
    await rig.orders.reached('reconcile.judged')
    await rig.pluginIsAccepted()
    await rig.killPlugin()
  }
}

const disabled: Fault = {
  name: 'plugin disabled by force and enabled',
  async strike(stage) {
    stage.orphansCopies()
    await stage.rig.disablePlugin()
    await stage.rig.enablePlugin()
  }
}

const stoppedWhileDisabled: FaultCase = {
  fault: disabled.name,
  moment: 'Unmount meanwhile',
  async play(stage) {
    const ending = await stage.runningSubject()
    stage.orphansCopies()
    await stage.rig.disablePlugin()
    // Not `docker stop`: the Engine would try to reach the plugin for half a minute.
    process.kill((await ending.pid()) ?? 0, 'SIGKILL')
    await stage.rig.enablePlugin()
    return []
  }
}

/** The plugin is killed, or taken away for a while. */
export const pluginCases: readonly FaultCase[] = [
  beforeMount(killed),
  ...often(mountPoints).map(point => inMount(point, killed)),
  betweenMounts(killed),
  whileRunning(killed),
  beforeUnmount(killed),
  ...often(unmountPoints).map(point => inUnmount(point, killed)),
  afterUnmount(killed),
  whileRunning(killedAsItReconciles),
  beforeUnmount(killedAsItReconciles),
  beforeMount(disabled),
  inMount('mount.mounted', disabled),
  betweenMounts(disabled),
  whileRunning(disabled),
  beforeUnmount(disabled),
  inUnmount('unmount.judged', disabled),
  afterUnmount(disabled),
  stoppedWhileDisabled
]
