import { statfs } from 'node:fs/promises'
import type { Status } from '../../api/status.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import type { Config } from '../../config.ts'
import type { Copies } from '../../copies/copies.ts'
import type { Holders } from '../../copies/holders.ts'
import type { Container, Engine } from '../../engine/engine.ts'
import { quote } from '../../base/errors.ts'
import { hostPath } from '../../base/host-paths.ts'
import type { BoxName, VolumeName } from '../../base/names.ts'
import { reserveBytes } from '../../store/sqlite.ts'
import type { Store } from '../../store/store.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Gate } from '../../vault/action/gate.ts'
import type { Sealing } from '../../crypto/keyslots/sealing.ts'
import { containerOf, containersById, holdersOf } from '../../lifecycle/holder-names.ts'
import type { FailedStarts } from '../../controller/failed-starts.ts'
import { describeKept, type Kept } from '../../lifecycle/kept.ts'
import { findOtherOptions } from '../../volumes/other-options.ts'
import {
  damagedRecords,
  copyRecordsOf,
  volumeRows,
  type CopyRecord,
  type Volume
} from '../../volumes/records.ts'

/** How the daemon is: for `docker vault status`. It answers while the vault is sealed, but only to root. */
export function describeStatus(parts: {
  config: Config
  store: Store
  storeId: string
  gate: Gate
  sealing: Sealing
  copies: Copies
  kept: Kept
  engine: Engine
  failedStarts: Pick<FailedStarts, 'all'>
}): (caller: Caller) => Promise<Status> {
  const { config, store, sealing } = parts
  return async caller => {
    const { unrecorded } = await parts.gate.allow(caller, 'status')
    const reason = sealing.reason()
    const volumes = (await Array.fromAsync(volumeRows(store))).flatMap(({ volume }) => volume ?? [])
    const containers = await parts.engine.containers().catch(() => null)
    return {
      sealed: reason !== null,
      ...(reason === null ? {} : { reason }),
      version: packageJson.version,
      store: { id: parts.storeId, directory: hostPath(config.dataDir) },
      key: { directory: hostPath(config.keyDir) },
      disk: await diskOf(config.dataDir, unrecorded === 'full'),
      boxes: await store.count('box/'),
      volumes: await store.count('volume/'),
      ...(await damagedIn(store)),
      copies: (await parts.copies.list()).length,
      memory: parts.copies.memory,
      kept: describeKept(parts.kept.all(), containers),
      engine: containers === null ? 'does not answer' : 'answers',
      otherOptions: await findOtherOptions(parts.engine, containers ?? [], volumes),
      failedStarts: parts.failedStarts.all(),
      limits: config.limits
    }
  }
}

/** The records in clear that are damaged; nothing when there is none. The boxes' can only be told when they are listed. */
async function damagedIn(store: Store): Promise<{ damaged?: string }> {
  const keys: string[] = []
  let more = 0
  for await (const key of damagedRecords(store))
    if (keys.length < mostNamed) keys.push(quote(key))
    else more++
  if (keys.length === 0) return {}
  return { damaged: keys.join(', ') + (more === 0 ? '' : ` and ${more} more`) }
}

const mostNamed = 5

/** How much room the store has. What it refuses tells more than figures, which know of no quota. */
async function diskOf(directory: string, isFull: boolean): Promise<Status['disk']> {
  const { bavail, bsize } = await statfs(directory)
  // Some file systems over a network tell of more than a number can hold.
  const freeBytes = Math.min(bavail * bsize, Number.MAX_SAFE_INTEGER)
  const state = isFull || freeBytes === 0 ? 'full' : freeBytes < reserveBytes ? 'nearly full' : 'has room'
  return { state, freeBytes }
}

/** A volume as `GET /volumes/` tells of it. */
export interface DescribedVolume extends Volume {
  readonly copies: readonly Pick<CopyRecord, 'mount' | 'box' | 'version' | 'created' | 'container'>[]
  readonly containers: readonly Pick<Container, 'id' | 'name' | 'image' | 'state'>[]
}

/** Gives all volumes, with their copies and the containers that hold them, as the kernel says it now: for the daemon itself. */
export function lookAtVolumes(parts: {
  store: Store
  holders: Holders
  engine: Engine
}): () => Promise<DescribedVolume[]> {
  return async () => {
    const records = await Array.fromAsync(copyRecordsOf(parts.store, null))
    const held = await holdersOf(parts.holders, records)
    const known = await containersById(parts.engine)
    const copies = new Map<string, CopyRecord[]>()
    for (const record of records) {
      // What was recorded with a name was found for certain; a copy's mounts may tell of another container.
      const noted = record.container
      const container = noted?.name ? noted : (containerOf(held.get(record) ?? [], known) ?? noted)
      copies.set(record.volume, [...(copies.get(record.volume) ?? []), { ...record, container }])
    }
    const described: DescribedVolume[] = []
    for await (const { volume } of volumeRows(parts.store)) {
      // There is nothing to tell of one whose record is damaged.
      if (volume === null) continue
      const containers = [...known.values()].filter(({ volumes }) => volumes.includes(volume.name))
      described.push({
        ...volume,
        copies: (copies.get(volume.name) ?? []).map(({ mount, box, version, created, container }) => {
          return { mount, box, version, created, container }
        }),
        containers: containers.map(({ id, name, image, state }) => ({ id, name, image, state }))
      })
    }
    return described
  }
}

/** The same, of those that the caller may know of. */
export function describeVolumes(parts: {
  gate: Gate
  all: () => Promise<DescribedVolume[]>
}): (caller: Caller) => Promise<DescribedVolume[]> {
  return async caller => {
    const { may } = await parts.gate.allow(caller, 'volume.list')
    const maySee = (volume: VolumeName, box: BoxName): boolean => may('volume.list', { volume, box })
    return (await parts.all())
      .filter(({ name, options }) => maySee(name, options.box))
      .map(volume => ({ ...volume, copies: volume.copies.filter(({ box }) => maySee(volume.name, box)) }))
  }
}
