import { setTimeout as delay } from 'node:timers/promises'
import type { FaultPoint } from '../../src/base/fault-points.ts'
import { mountPoints, unmountPoints } from '../engine/faults/moments.ts'
import type { Order } from '../kit/orders.ts'
import type { Site } from './deed.ts'
import { noteMiscount, runningIn } from './model.ts'

/** Something that goes wrong while deeds are done. */
export interface Fault {
  readonly weight: number
  /** What it is, now chosen in all detail, and how to let it happen. */
  plan(site: Site): Strike
}

export interface Strike {
  /** For people. */
  readonly what: string
  /** Resolves when it has happened and what it took away is there again, or coming. */
  happen(): Promise<void>
  /** Writes into the model what it means for the containers that run. */
  note?(): void
}

const points: readonly FaultPoint[] = [
  ...mountPoints,
  'mount.shared',
  ...unmountPoints,
  'reconcile.judged',
  'change.staged',
  'change.committed'
]
/** Longer than most deeds take, so that any moment of one may be hit. */
const longestWaitMs = 1500

const killed: Fault = {
  weight: 8,
  plan({ rig, random }) {
    const afterMs = random.below(longestWaitMs)
    return {
      what: `plugin killed after ${afterMs} ms`,
      async happen() {
        await delay(afterMs)
        await rig.killPlugin()
      }
    }
  }
}

/** Nothing happens when nothing comes to that point. */
const ordered = (order: Order, words: string, weight: number): Fault => ({
  weight,
  plan({ rig, random }) {
    const point = random.oneOf(points) ?? 'mount.begun'
    return { what: `${words} at ${point}`, happen: () => rig.orders.give(point, order) }
  }
})

const disabled: Fault = {
  weight: 4,
  plan({ rig, model, random }) {
    const afterMs = random.below(longestWaitMs)
    return {
      what: `plugin disabled by force after ${afterMs} ms, and enabled`,
      async happen() {
        await delay(afterMs)
        await rig.disablePlugin()
        await rig.enablePlugin()
      },
      note() {
        for (const { running } of runningIn(model)) running.orphaned = true
      }
    }
  }
}

const engineKilled: Fault = {
  weight: 2,
  plan({ rig, model, random }) {
    const afterMs = random.below(longestWaitMs)
    return {
      what: `dockerd killed after ${afterMs} ms, and started`,
      async happen() {
        await delay(afterMs)
        await rig.engine.killDockerd()
        await rig.engine.startDockerd()
        // The plugin of the earlier one still serves, and ends soon for that (Engine fact 13).
        await rig.pluginReachesEngine()
      },
      note() {
        for (const { name } of runningIn(model)) noteMiscount(model, name)
      }
    }
  }
}

/** All of them. The Engine has live-restore, so containers outlive each. */
export const faults: readonly Fault[] = [
  killed,
  ordered('kill', 'plugin crashes', 8),
  ordered('throw', 'call fails', 4),
  disabled,
  engineKilled
]
