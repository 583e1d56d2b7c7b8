import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { removeHome, startDaemon, type Daemon } from './daemon-process.ts'
import { ordersIn, type Orders } from './orders.ts'
import { driverAt, type Driver } from './driver.ts'

/** A daemon that takes orders to fail, and its volume driver. */
export interface Started {
  readonly daemon: Daemon
  readonly driver: Driver
  readonly orders: Orders
  /** Ends it by a signal and starts another in its place. */
  again(signal: NodeJS.Signals, settings?: NodeJS.ProcessEnv): Promise<Started>
}

/** Starts a daemon that goes, with all it leaves, when the running test ends. */
export async function start(settings: NodeJS.ProcessEnv = {}): Promise<Started> {
  const home = mkdtempSync(join(tmpdir(), 'secretbox-'))
  onTestFinished(() => removeHome(home))
  return startIn(home, settings)
}

async function startIn(home: string, settings: NodeJS.ProcessEnv): Promise<Started> {
  const faults = join(home, 'faults')
  const orders = await ordersIn(faults)
  const daemon = await startDaemon({ SECRETBOX_FAULTS: faults, ...settings }, home)
  const driver = driverAt(daemon.pluginSocket)
  onTestFinished(async () => {
    driver.close()
    await daemon.kill('SIGKILL')
  })
  return {
    daemon,
    driver,
    orders,
    async again(signal, changed = {}) {
      driver.close()
      await daemon.kill(signal)
      return startIn(home, { ...settings, ...changed })
    }
  }
}
