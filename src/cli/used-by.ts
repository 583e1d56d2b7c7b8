import type { Command } from 'commander'
import { parseBoxName, type BoxName } from '../vault/names.ts'
import type { VolumeUse } from './api.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { ageField } from './fields.ts'
import { listFormat, printerFor, type Field, type Fields } from './format.ts'

const shortId: Field = { heading: 'CONTAINER ID', show: (id?: string) => id?.slice(0, 12) ?? '' }
const orDash = (value: string | number | null): string => String(value ?? '-')

const fields: Fields = {
  Box: { heading: 'BOX' },
  Version: { heading: 'VERSION', show: orDash },
  Newest: { heading: 'NEWEST', show: orDash },
  Behind: { heading: 'BEHIND', show: (behind: boolean) => (behind ? 'yes' : '') },
  ContainerID: { heading: 'CONTAINER ID' },
  Container: { heading: 'CONTAINER', show: orDash },
  Image: { heading: 'IMAGE', show: orDash },
  State: { heading: 'STATE' },
  Volume: { heading: 'VOLUME' },
  Mount: { heading: 'MOUNT' },
  Since: ageField('SINCE')
}
const columns = ['Box', 'Version', 'Newest', 'Behind', 'ContainerID', 'Container', 'Image', 'State', 'Volume']

interface UsedByOptions {
  readonly format?: string
  readonly quiet?: boolean
  readonly trunc: boolean
}

/** `used-by [<box>…]`: which containers, running and stopped, use which version of a box, and which are behind. */
export function usedBy(cli: Cli): Command {
  return command(
    cli,
    'used-by',
    'List the containers, running and stopped, that use boxes; of all boxes if none is named. A running container ' +
      'keeps the version it started with: it is behind when there is a newer one. A stopped one has none.',
    ['$ used-by db', "$ used-by --format '{{.Container}} {{.Version}} {{.Behind}}' db"]
  )
    .summary('List the containers that use boxes')
    .argument('[box...]', 'names of boxes')
    .option(...listFormat)
    .option('-q, --quiet', 'print container IDs alone')
    .option('--no-trunc', 'show container IDs in full')
    .action(async (names: string[], { format, quiet, trunc }: UsedByOptions) => {
      const shown = trunc
        ? { ...fields, ContainerID: shortId }
        : { ...fields, ContainerID: { ...shortId, show: orDash } }
      const print = printerFor(cli, format ?? (quiet ? '{{.ContainerID}}' : 'table'), shown, columns)
      const newest = new Map((await cli.api.boxes()).map(({ name, version }) => [name, version]))
      const rows = (await cli.api.volumes()).flatMap(volume => rowsOf(volume, newest))
      if (names.length === 0) {
        print(rows)
        return
      }
      const wanted = new Set<string>()
      await cli.each(names, async name => {
        const box: BoxName = parseBoxName(name)
        // A box that was destroyed may still be in use; one that is neither there nor in use is a mistake.
        if (!newest.has(box) && !rows.some(row => row.Box === box)) await cli.api.versions(box)
        wanted.add(box)
      })
      print(rows.filter(row => wanted.has(row.Box)))
    })
}

interface UsedByRow extends Record<string, unknown> {
  readonly Box: string
}

function rowsOf(volume: VolumeUse, newest: ReadonlyMap<string, number>): UsedByRow[] {
  const holders = new Set(volume.copies.map(({ container }) => container?.id))
  const states = new Map(volume.containers.map(({ id, state }) => [id, state]))
  const running = volume.copies.map(({ box, version, mount, created, container }): UsedByRow => {
    const latest = newest.get(box) ?? null
    return {
      Box: box,
      Version: version,
      Newest: latest,
      Behind: version !== latest,
      ContainerID: container?.id ?? null,
      Container: container?.name ?? null,
      Image: container?.image ?? null,
      State: states.get(container?.id ?? '') ?? 'running',
      Volume: volume.name,
      Mount: mount,
      Since: created
    }
  })
  const idle = volume.containers.filter(({ id }) => !holders.has(id))
  return [
    ...running,
    ...idle.map(({ id, name, image, state }): UsedByRow => {
      const box = volume.options.box
      return {
        Box: box,
        Version: null,
        Newest: newest.get(box) ?? null,
        Behind: false,
        ContainerID: id,
        Container: name,
        Image: image,
        State: state,
        Volume: volume.name
      }
    })
  ]
}
