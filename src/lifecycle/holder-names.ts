import type { Logger } from 'pino'
import { copyKeyOf } from '../copies/copy-key.ts'
import type { Holder, Holders } from '../copies/holders.ts'
import { sharingRuns } from '../base/coalesce.ts'
import type { Container, Engine } from '../engine/engine.ts'
import { isSecretboxError } from '../base/errors.ts'
import type { Store } from '../store/store.ts'
import type { Gate } from '../vault/action/gate.ts'
import { recordedDevice } from '../volumes/device.ts'
import type { Locks } from '../base/keyed-mutex.ts'
import { findLabelRow, labelsOf, putLabel, type ContainerLabel, type CopyLabel } from '../volumes/records.ts'

export interface AttachParts {
  readonly store: Store
  readonly gate: Gate
  readonly holders: Holders
  readonly locks: Locks
  readonly engine: Engine
  readonly log: Logger
}

/**
 * Notes on the labels of copies which container holds them, and records it. Mount does not say for whom it is
 * (Engine fact 8), so this comes after the start: the kernel tells the container's id, the Engine its name and image.
 */
export function createAttach(parts: AttachParts): () => Promise<void> {
  const { store, gate, log } = parts

  const attachOne = async (seen: CopyLabel, container: ContainerLabel): Promise<void> => {
    const { mount, volume, box } = seen
    try {
      // Wiped, or wiped and made anew, while the container was looked for.
      const label = (await findLabelRow(store, volume, mount))?.label
      if (label?.created !== seen.created) return
      const { version } = label
      const { id, name, image } = container
      const held = {
        container: id,
        ...(version === null ? {} : { version }),
        ...(name === null ? {} : { containerName: name }),
        ...(image === null ? {} : { image })
      }
      await gate.run({ kind: 'daemon' }, 'copy.attach', { mount, volume, box }, permit =>
        permit.commit(held, [putLabel({ ...label, container })])
      )
    } catch (err) {
      // A sealed vault is tried again and again.
      const level = isSecretboxError(err, 'sealed') ? 'debug' : 'warn'
      log[level]({ err, mount, volume }, 'cannot record which container holds a copy')
    }
  }

  return sharingRuns(async () => {
    const waiting: CopyLabel[] = []
    for await (const label of labelsOf(store, null)) if (!label.container?.name) waiting.push(label)
    if (waiting.length === 0) return
    const held = await holdersOf(parts.holders, waiting)
    const known = await containersById(parts.engine)
    for (const label of waiting) {
      const container = containerOf(held.get(label) ?? [], known)
      // The Engine may not have said the name when the container was found, and may say it now.
      const isNews = container !== null && (label.container === null || container.name !== null)
      if (isNews) {
        const key = copyKeyOf(label.volume, label.mount)
        await parts.locks.run(key, () => attachOne(label, container))
      }
    }
  })
}

/** Who holds each of these copies, also where it cannot be reached any more. */
export async function holdersOf(
  holders: Holders,
  labels: readonly CopyLabel[]
): Promise<ReadonlyMap<CopyLabel, readonly Holder[]>> {
  const devices = labels.flatMap(label => {
    const device = recordedDevice(label)
    return device === null ? [] : [{ label, device, key: copyKeyOf(label.volume, label.mount) }]
  })
  const sight = await holders.of(devices)
  return new Map(devices.map(one => [one.label, sight.of(one)]))
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
): ContainerLabel | null {
  const id = held.find(({ containerId }) => containerId !== null)?.containerId
  if (id === null || id === undefined) return null
  const container = known.get(id)
  return { id, name: container?.name ?? null, image: container?.image ?? null }
}
