import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { openConnection } from './calls.ts'
import { daemonCopies, repeat } from './copies.ts'
import { memoryOf, newHome, removeHome, startBuiltDaemon } from './daemon.ts'
import type { Figure } from './figures.ts'
import { compare, median } from './sampling.ts'
import { makeBox, openVaultOf } from './vault.ts'

const starts = 11
const settleMs = 3000
const mounts = 300

/** How soon the daemon serves, and what it holds in memory when it has nothing to do: before any work and after some. */
export async function measureProcess(): Promise<Figure[]> {
  const home = await newHome()
  const opened = await openVaultOf(home)
  await makeBox(opened.vault, 'box')
  await opened.close()
  try {
    const startMs: number[] = []
    const nodeMs = await compare(
      { rounds: starts },
      {
        daemon: {
          async work() {
            const daemon = await startBuiltDaemon(home)
            startMs.push(daemon.startMs)
            await daemon.end()
          }
        },
        node: {
          async work() {
            await once(spawn(process.execPath, ['-e', '0']), 'exit')
          }
        }
      }
    )
    const daemon = await startBuiltDaemon(home)
    const connection = await openConnection(daemon.pluginSocket)
    try {
      await delay(settleMs)
      const fresh = await memoryOf(daemon.pid)
      await connection.call('VolumeDriver.Create', { Name: 'volume', Opts: { box: 'box' } })
      const copies = daemonCopies(connection, 'volume')
      await repeat(mounts, copies.make)
      await repeat(mounts, copies.wipe)
      await delay(settleMs)
      const used = await memoryOf(daemon.pid)
      return [
        { name: 'start until it serves', value: median(startMs), unit: 'ms', atMost: 500 },
        { name: 'an empty Node process, start to end', value: nodeMs.node, unit: 'ms' },
        { name: 'idle memory', value: fresh.nowMiB, unit: 'MiB', atMost: 80 },
        {
          name: `idle memory after ${mounts} Mounts and Unmounts`,
          value: used.nowMiB,
          unit: 'MiB',
          atMost: 80
        }
      ]
    } finally {
      connection.close()
      await daemon.end()
    }
  } finally {
    await removeHome(home)
  }
}
