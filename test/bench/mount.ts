import { fdatasyncSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { bareCopies } from './bare-copies.ts'
import { openConnection } from './calls.ts'
import { daemonCopies, repeat, type Copies } from './copies.ts'
import { newHome, removeHome, startBuiltDaemon, type Home } from './daemon.ts'
import type { Figure } from './figures.ts'
import { compare } from './sampling.ts'
import { fiveFiles, makeBox, openVaultOf } from './vault.ts'

/** In a turn ten copies are made, and then all are wiped, as when a compose file goes up and down. */
const turns = { rounds: 60, times: 10 }

/**
 * Mount and Unmount of a five-file box over the plugin's socket, beside the bare system calls and the decryption of
 * as many bytes in this process. What a Mount has to do beside these is shown too: write its audit entry to the
 * disk, and answer a call.
 */
export async function measureMount(): Promise<Figure[]> {
  const home = await newHome()
  const bare = await prepare(home)
  const daemon = await startBuiltDaemon(home)
  const connection = await openConnection(daemon.pluginSocket)
  const log = await open(join(home.root, 'written'), 'w')
  try {
    await connection.call('VolumeDriver.Create', { Name: 'volume', Opts: { box: 'box' } })
    const copies = daemonCopies(connection, 'volume')
    const [makeMs, wipeMs] = [
      await compare(turns, makingOf(copies, bare)),
      await compare(turns, wipingOf(copies, bare))
    ]
    const pages = Buffer.alloc(3 * 4096, 1)
    const besideMs = await compare(turns, {
      write: {
        work() {
          writeSync(log.fd, pages)
          fdatasyncSync(log.fd)
        }
      },
      call: { work: () => connection.call('VolumeDriver.Capabilities', {}) }
    })
    return [
      {
        name: 'Mount ÷ bare system calls and decryption',
        value: makeMs.daemon / makeMs.bare,
        unit: 'x',
        atMost: 3
      },
      { name: 'Mount', value: makeMs.daemon, unit: 'ms' },
      { name: 'bare system calls and decryption', value: makeMs.bare, unit: 'ms' },
      { name: 'a write of three pages to the disk', value: besideMs.write, unit: 'ms' },
      { name: 'a call that does nothing', value: besideMs.call, unit: 'ms' },
      { name: 'Unmount', value: wipeMs.daemon, unit: 'ms' },
      { name: 'bare system calls of an Unmount', value: wipeMs.bare, unit: 'ms' }
    ]
  } finally {
    await log.close()
    connection.close()
    await daemon.end()
    await removeHome(home)
  }
}

function makingOf(daemon: Copies, bare: Copies): Parameters<typeof compare<'daemon' | 'bare'>>[1] {
  return {
    daemon: { work: daemon.make, after: () => repeat(turns.times, daemon.wipe) },
    bare: { work: bare.make, after: () => repeat(turns.times, bare.wipe) }
  }
}

function wipingOf(daemon: Copies, bare: Copies): Parameters<typeof compare<'daemon' | 'bare'>>[1] {
  return {
    daemon: { before: () => repeat(turns.times, daemon.make), work: daemon.wipe },
    bare: { before: () => repeat(turns.times, bare.make), work: bare.wipe }
  }
}

/** Makes the box, and bare copies that open records as long as the box's own. */
async function prepare(home: Home): Promise<Copies> {
  const opened = await openVaultOf(home)
  await makeBox(opened.vault, 'box')
  const recordBytes: number[] = []
  for (const prefix of ['box/', 'manifest/']) {
    for await (const { value } of opened.store.list(prefix, { reverse: true, limit: 1 }))
      recordBytes.push(value.length)
  }
  await opened.close()
  return bareCopies(join(home.root, 'bare'), fiveFiles, opened.keyslotParts.envelope, recordBytes)
}
