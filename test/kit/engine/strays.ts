import { copyKeyOf } from '../../../src/copies/copy-key.ts'
import type { MountId, VolumeName } from '../../../src/base/names.ts'
import { askJson } from './admin.ts'
import { tracesOf, type CopyMount } from './kernel.ts'
import type { Rig } from './rig.ts'

/** A container that runs. */
export interface Live {
  /** Its copies, as its own mount table shows them. */
  copies(): Promise<readonly CopyMount[]>
}

interface VolumeList {
  readonly volumes: readonly {
    readonly name: VolumeName
    readonly copies: readonly { readonly mount: MountId }[]
  }[]
}

/**
 * What is there of copies beside those that these containers hold, and what should be there of those and is not;
 * empty when all is as it must be. The copies of a container that `mayBeOrphaned` need not be mounted on the host.
 */
export async function straysBeside<L extends Live>(
  rig: Pick<Rig, 'engine' | 'adminSocket'>,
  live: readonly L[],
  mayBeOrphaned: (one: L) => boolean
): Promise<string[]> {
  const held = (
    await Promise.all(live.map(async one => (await one.copies()).map(copy => ({ ...copy, one }))))
  ).flat()
  const devices = new Map(held.map(({ copy, device }) => [copy, device]))
  const traces = await tracesOf(rig.engine)
  const { volumes } = await askJson<VolumeList>(rig.adminSocket, 'GET', '/volumes/')
  const labels: string[] = volumes.flatMap(({ name, copies }) =>
    copies.map(({ mount }) => copyKeyOf(name, mount))
  )
  const strays: string[] = []
  for (const { copy, device } of traces.onHost) {
    if (devices.get(copy) !== device) strays.push(`mounted: ${shortened(copy)} ${device}`)
  }
  for (const [pid, mounts] of traces.inContainers) {
    for (const { copy } of mounts) if (!devices.has(copy)) strays.push(`held by ${pid}: ${shortened(copy)}`)
  }
  for (const name of traces.directories) if (!devices.has(name)) strays.push(`directory: ${shortened(name)}`)
  for (const label of labels) if (!devices.has(label)) strays.push(`label: ${shortened(label)}`)
  for (const { copy, one } of held) {
    if (!labels.includes(copy)) strays.push(`no label: ${shortened(copy)}`)
    if (!mayBeOrphaned(one) && !traces.onHost.some(mount => mount.copy === copy))
      strays.push(`not mounted on the host: ${shortened(copy)}`)
  }
  return strays
}

function shortened(id: string): string {
  return id.slice(0, 12)
}
