import { randomBytes } from 'node:crypto'
import { open, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openConnection } from './calls.ts'
import { daemonCopies } from './copies.ts'
import { memoryOf, newHome, removeHome, startBuiltDaemon, type Daemon } from './daemon.ts'
import type { Figure } from './figures.ts'
import { startProbe } from './probe.ts'
import { median, timeOf } from './sampling.ts'

const mebibyte = 1 << 20
const rounds = 5
const sizesMiB = { small: 25, large: 100 }
const piece = randomBytes(mebibyte)

/**
 * A box of 100 MiB goes in, out and into a copy: how fast, how long a Get of another volume waits meanwhile, and
 * how much memory the daemon takes at most for it, compared to a quarter of the box.
 */
export async function measureLargeBox(): Promise<Figure[]> {
  const home = await newHome()
  const daemon = await startBuiltDaemon(home)
  try {
    await ask(daemon, 'PUT', '/vault/large/')
    const connection = await openConnection(daemon.pluginSocket)
    await connection.call('VolumeDriver.Create', { Name: 'volume', Opts: { box: 'large' } })
    const copies = daemonCopies(connection, 'volume')
    const steps = {
      put: (mebibytes: number) => ask(daemon, 'PUT', '/vault/large/file', mebibytes),
      get: () => ask(daemon, 'GET', '/vault/large/file'),
      mount: copies.make
    }
    const speeds = { put: [] as number[], get: [] as number[], mount: [] as number[], disk: [] as number[] }
    const waits: number[] = []
    const growth = { small: [] as number[], large: [] as number[] }

    const idleProbe = startProbe(daemon.pluginSocket)
    await new Promise(resolve => setTimeout(resolve, 1000))
    const idleWaits = await idleProbe.stop()

    for (let round = 0; round < rounds; round++) {
      for (const [kind, size] of Object.entries(sizesMiB) as [keyof typeof sizesMiB, number][]) {
        const probe = startProbe(daemon.pluginSocket)
        const before = await forgetPeak(daemon.pid)
        for (const [name, step] of Object.entries(steps)) {
          const ms = await timeOf(() => step(size))
          if (kind === 'large') speeds[name as keyof typeof steps].push((size * mebibyte) / 1000 / ms)
        }
        growth[kind].push((await memoryOf(daemon.pid)).peakMiB - before)
        const seen = await probe.stop()
        if (kind === 'large') waits.push(...seen)
        await copies.wipe()
      }
      speeds.disk.push(
        (sizesMiB.large * mebibyte) / 1000 / (await timeOf(() => writeToDisk(join(home.root, 'plain'))))
      )
    }
    connection.close()
    const speed = (name: string, samples: number[]): Figure => ({
      name,
      value: median(samples),
      unit: 'MB/s',
      atLeast: 150
    })
    return [
      speed('PUT of a file of 100 MiB', speeds.put),
      speed('GET of it', speeds.get),
      speed('Mount of it', speeds.mount),
      { name: 'writing 100 MiB to the disk without encryption', value: median(speeds.disk), unit: 'MB/s' },
      { name: 'Get of a volume meanwhile, median', value: median(waits), unit: 'ms' },
      { name: 'Get of a volume meanwhile, longest', value: Math.max(...waits), unit: 'ms' },
      { name: 'Get of a volume in peace, median', value: median(idleWaits), unit: 'ms' },
      { name: 'Get of a volume in peace, longest', value: Math.max(...idleWaits), unit: 'ms' },
      {
        name: 'memory that a box of 100 MiB takes at most',
        value: median(growth.large),
        unit: 'MiB'
      },
      {
        name: 'the same less what a box of 25 MiB takes',
        value: median(growth.large) - median(growth.small),
        unit: 'MiB',
        atMost: 8
      }
    ]
  } finally {
    await daemon.end()
    await removeHome(home)
  }
}

/** Sends a request with a body of so many mebibytes to the admin API and reads the answer to its end. */
function ask(daemon: Daemon, method: string, path: string, bodyMiB = 0): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: daemon.adminSocket, method, path }, answer => {
      answer.resume()
      answer.once('end', () => {
        if (answer.statusCode !== undefined && answer.statusCode < 300) resolve()
        else reject(new Error(`${method} ${path} was answered with ${answer.statusCode ?? 'nothing'}`))
      })
    })
    asked.once('error', reject)
    Readable.from(pieces(bodyMiB)).pipe(asked)
  })
}

function* pieces(count: number): Generator<Buffer> {
  for (let sent = 0; sent < count; sent++) yield piece
}

async function writeToDisk(path: string): Promise<void> {
  const file = await open(path, 'w')
  for (const bytes of pieces(sizesMiB.large)) await file.write(bytes)
  await file.datasync()
  await file.close()
  await rm(path)
}

/** Makes the kernel count the process's most memory anew; gives what it has now, in MiB. */
async function forgetPeak(pid: number): Promise<number> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
  return (await memoryOf(pid)).nowMiB
}
