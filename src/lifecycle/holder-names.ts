import type { Logger } from 'pino'
import { copyKeyOf } from '../copies/copy-key.ts'
import type { Holder, Holders } from '../copies/holders.ts'
import type { FindContainer } from './container-of-copy.ts'
import { isAstray, type Withdraw } from './withdraw.ts'
import { coalesce } from '../base/coalesce.ts'
import type { Container, Engine } from '../engine/engine.ts'
import { isSecretboxError } from '../base/errors.ts'
import type { Store } from '../store/store.ts'
import type { Gate } from '../vault/action/gate.ts'
import { commitPrepared } from '../vault/action/overtaken.ts'
import { recordedDevice } from '../volumes/device.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import {
  findCopyRow,
  copyRecordsOf,
  putCopyRecord,
  type RecordedContainer,
  type CopyRecord
} from '../volumes/records.ts'

export interface AttachParts {
  readonly store: Store
  readonly gate: Gate
  readonly holders: Holders
  readonly locks: KeyedMutex
  readonly engine: Engine
  readonly withdraw: Pick<Withdraw, 'from'>
  readonly findContainer: FindContainer
  readonly log: Logger
}

/**
 * Notes on the records of copies which container holds them, and records it. Mount does not say for whom it is
 * (Engine fact 8), so this comes after the start: the kernel tells the container's id, the Engine its name and image. A copy
 * that came to one that it is not for is withdrawn. False when it must be tried again: something that was found could not be
 * recorded since the vault is sealed, or it is not known for certain who has a copy that is not for all.
 */
export function createAttach(parts: AttachParts): () => Promise<boolean> {
  return coalesce(async () => {
    const waiting: CopyRecord[] = []
    const begun: Promise<void>[] = []
    for await (const record of copyRecordsOf(parts.store, null)) {
      // A daemon that found it did not get to the end of it, or its holder has not ended yet.
      if (record.container !== null && isAstray(record, record.container))
        begun.push(parts.withdraw.from(record, record.container))
      else if (isNameless(record)) waiting.push(record)
    }
    if (waiting.length === 0) return Promise.all(begun).then(() => true)
    const held = await holdersOf(parts.holders, waiting)
    const known = await containersById(parts.engine)
    const settled = await Promise.all(
      waiting.map(async record => {
        const apparent = decideAttach(record, held.get(record) ?? [], known)
        if (apparent === null) return true
        const container = await certainly(parts, record, apparent, known)
        // Of a box that is open it is told to nobody. Who has one that is not for all must be found.
        if (container === null) return record.madeFor === null
        if (isAstray(record, container)) await parts.withdraw.from(record, container)
        else
          return parts.locks.run(copyKeyOf(record.volume, record.mount), () =>
            attachOne(parts, record, container)
          )
        return true
      })
    )
    await Promise.all(begun)
    return !settled.includes(false)
  })
}

/**
 * The container that has a copy, of which its mounts tell `apparent`: those of one that shares the network of another are the
 * other's (Engine fact 19). That one is asked for, by the Engine's word and the kernel's, when it has no such volume, and wherever
 * something hangs on it; null when it is not known.
 */
async function certainly(
  { findContainer }: AttachParts,
  record: CopyRecord,
  apparent: RecordedContainer,
  known: ReadonlyMap<string, Container>
): Promise<RecordedContainer | null> {
  const hasVolume = known.get(apparent.id)?.volumes.includes(record.volume) ?? true
  if (record.madeFor === null && hasVolume) return apparent
  try {
    const { id, name, image } = await findContainer(record)
    return { id, name, image }
  } catch {
    return null
  }
}

function isNameless({ container }: CopyRecord): boolean {
  return !container?.name
}

/** What is to be noted on a record, or null: nothing that it does not say already. */
export function decideAttach(
  record: Pick<CopyRecord, 'container'>,
  held: readonly Holder[],
  known: ReadonlyMap<string, Container>
): RecordedContainer | null {
  const container = containerOf(held, known)
  // The Engine may not have said the name when the container was found, and may say it now.
  return container !== null && (record.container === null || container.name !== null) ? container : null
}

/** False when the vault is sealed. */
async function attachOne(
  { store, gate, log }: AttachParts,
  seen: CopyRecord,
  container: RecordedContainer
): Promise<boolean> {
  const { mount, volume, box } = seen
  try {
    // Wiped, or wiped and made anew, while the container was looked for.
    const record = (await findCopyRow(store, volume, mount))?.record
    if (record?.created !== seen.created) return true
    const { version } = record
    const { id, name, image } = container
    const held = {
      container: id,
      ...(version === null ? {} : { version }),
      ...(name === null ? {} : { containerName: name }),
      ...(image === null ? {} : { image })
    }
    await gate.run({ kind: 'daemon' }, 'copy.attach', { mount, volume, box }, permit =>
      commitPrepared(permit, async () => {
        const now = (await findCopyRow(store, volume, mount))?.record ?? record
        return {
          answer: undefined,
          details: held,
          writes: [putCopyRecord({ ...now, container, madeFor: null })]
        }
      })
    )
    return true
  } catch (err) {
    // A sealed vault is tried again and again.
    const isSealed = isSecretboxError(err, 'sealed')
    log[isSealed ? 'debug' : 'warn']({ err, mount, volume }, 'cannot record which container holds a copy')
    return !isSealed
  }
}

/** Who holds each of these copies, also where it cannot be reached any more. */
export async function holdersOf(
  holders: Holders,
  records: readonly CopyRecord[]
): Promise<ReadonlyMap<CopyRecord, readonly Holder[]>> {
  const devices = records.flatMap(record => {
    const device = recordedDevice(record)
    return device === null ? [] : [{ record, device, key: copyKeyOf(record.volume, record.mount) }]
  })
  const sight = await holders.of(devices)
  return new Map(devices.map(one => [one.record, sight.of(one)]))
}

/** All containers by id; none when the Engine does not answer. */
export async function containersById(engine: Engine): Promise<ReadonlyMap<string, Container>> {
  try {
    return new Map((await engine.containers()).map(container => [container.id, container]))
  } catch {
    return new Map()
  }
}

/** The container among a copy's holders, or null; what its mounts say of it, and what the Engine knows of it. */
export function containerOf(
  held: readonly Holder[],
  known: ReadonlyMap<string, Container>
): RecordedContainer | null {
  const id = held.find(({ containerId }) => containerId !== null)?.containerId
  if (id === null || id === undefined) return null
  const container = known.get(id)
  return { id, name: container?.name ?? null, image: container?.image ?? null }
}
