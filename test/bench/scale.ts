import type { Write } from '../../src/store/store.ts'
import { newBox } from '../../src/vault/boxes/version-records.ts'
import { parseBoxName, parseVolumeName } from '../../src/base/names.ts'
import { parseVolumeOptions } from '../../src/volumes/options.ts'
import { putVolume } from '../../src/volumes/records.ts'
import { openConnection, type Connection } from './calls.ts'
import { daemonCopies, repeat, type Copies } from './copies.ts'
import { newHome, removeHome, startBuiltDaemon, type Daemon, type Home } from './daemon.ts'
import type { Figure } from './figures.ts'
import { compare, type Way } from './sampling.ts'
import { makeBox, openVaultOf } from './vault.ts'
import type { OpenedVault } from '../../src/vault/open.ts'

const turns = { rounds: 40, times: 10 }
const writesPerCommit = 2000

/** What fills a store, or a daemon, beside the one box and the one volume that are mounted. */
interface Filling {
  readonly store?: (opened: OpenedVault) => Promise<void>
  readonly copies?: number
}

const fillings = {
  empty: {},
  boxes: { store: (opened: OpenedVault) => commitAll(opened, boxWrites(opened, 100_000)) },
  volumes: { store: (opened: OpenedVault) => commitAll(opened, volumeWrites(10_000)) },
  copies: { copies: 1000 }
} satisfies Record<string, Filling>

type Name = keyof typeof fillings
const names = Object.keys(fillings) as Name[]

/** Mount in four daemons side by side: a store with one box, many boxes, many volumes, and many live copies. */
export async function measureScale(): Promise<Figure[]> {
  const sites = await Promise.all(names.map(name => openSite(fillings[name])))
  try {
    const ways = Object.fromEntries(names.map((name, at) => [name, mounting(sites[at]?.copies)]))
    const mountMs = await compare(turns, ways as Record<Name, Way>)
    const ratio = (name: Name, what: string): Figure => ({
      name: `Mount with ${what} ÷ with an empty store`,
      value: mountMs[name] / mountMs.empty,
      unit: 'x',
      atMost: 1.2
    })
    return [
      ratio('boxes', '100,000 boxes'),
      ratio('volumes', '10,000 volumes'),
      ratio('copies', '1,000 live copies'),
      { name: 'Mount with an empty store', value: mountMs.empty, unit: 'ms' }
    ]
  } finally {
    for (const site of sites) await closeSite(site)
  }
}

/** A daemon that runs on a filled store. */
interface Site {
  readonly home: Home
  readonly daemon: Daemon
  readonly connection: Connection
  readonly copies: Copies
  readonly live: number
}

async function openSite(filling: Filling): Promise<Site> {
  const home = await newHome()
  const opened = await openVaultOf(home)
  await makeBox(opened.vault, 'box')
  await filling.store?.(opened)
  await opened.close()
  const daemon = await startBuiltDaemon(home)
  const connection = await openConnection(daemon.pluginSocket)
  await connection.call('VolumeDriver.Create', { Name: 'volume', Opts: { box: 'box' } })
  const copies = daemonCopies(connection, 'volume')
  const live = filling.copies ?? 0
  await repeat(live, copies.make)
  return { home, daemon, connection, copies, live }
}

async function closeSite({ home, daemon, connection, copies, live }: Site): Promise<void> {
  await repeat(live, copies.wipe)
  connection.close()
  await daemon.end()
  await removeHome(home)
}

function mounting(copies: Copies | undefined): Way {
  if (copies === undefined) throw new Error('there is no such daemon')
  return { work: copies.make, after: () => repeat(turns.times, copies.wipe) }
}

async function* boxWrites({ sealing }: OpenedVault, count: number): AsyncGenerator<Write> {
  const keyring = await sealing.keyring()
  for (let at = 0; at < count; at++)
    yield* newBox(keyring, {
      ...{ name: parseBoxName(`box-${at}`), kind: null, owner: 0, isNeverRevealed: false, isClosed: false }
    }).writes
}

function* volumeWrites(count: number): Generator<Write> {
  for (let at = 0; at < count; at++) {
    const name = parseVolumeName(`volume-${at}`)
    const options = parseVolumeOptions(name, { box: 'box' })
    yield putVolume({ name, options, created: new Date().toISOString() })
  }
}

async function commitAll(
  { store }: OpenedVault,
  writes: AsyncIterable<Write> | Iterable<Write>
): Promise<void> {
  let pending: Write[] = []
  for await (const write of writes) {
    pending.push(write)
    if (pending.length < writesPerCommit) continue
    await store.commit(pending)
    pending = []
  }
  await store.commit(pending)
}
