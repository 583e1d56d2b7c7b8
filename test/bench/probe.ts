import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { openConnection } from './calls.ts'
import { timeOf } from './sampling.ts'

/** A loop of Get calls, in a thread of its own so that nothing but the daemon makes them wait. */
export interface Probe {
  /** Ends the loop; gives how long each call took, in milliseconds. */
  stop(): Promise<number[]>
}

/** Asks the plugin's socket for the volume `volume` every few milliseconds. */
export function startProbe(pluginSocket: string): Probe {
  const worker = new Worker(new URL(import.meta.url), { workerData: pluginSocket })
  return {
    async stop() {
      worker.postMessage('stop')
      const [waits] = (await once(worker, 'message')) as [number[]]
      return waits
    }
  }
}

async function askAgainAndAgain(pluginSocket: string): Promise<void> {
  const connection = await openConnection(pluginSocket)
  const waits: number[] = []
  let stopped = false
  parentPort?.once('message', () => (stopped = true))
  const isStopped = (): boolean => stopped
  while (!isStopped()) {
    waits.push(await timeOf(() => connection.call('VolumeDriver.Get', { Name: 'volume' })))
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  connection.close()
  parentPort?.postMessage(waits)
}

if (!isMainThread) await askAgainAndAgain(workerData as string)
