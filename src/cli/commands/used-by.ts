import type { Command } from 'commander'
import type { BoxName } from '../../base/names.ts'
import type { VolumeUse } from '../../api/volumes.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { ageField, idField, shortIdLength, volumeField } from '../output/fields.ts'
import { listFormat, printerFor, quietIds, type Fields } from '../output/format.ts'
import { boxOperand } from '../declare/operand.ts'

const orDash = (value: string | number | null): string => String(value ?? '-')

const fields: Fields = {
  Box: { heading: 'BOX' },
  Version: { heading: 'VERSION', show: orDash },
  Newest: { heading: 'NEWEST', show: orDash },
  // To restart a container whose volume says which version it shows is of no use.
  Behind: {
    heading: 'BEHIND',
    show: (behind: boolean, { Pinned }) => (!behind ? '' : Pinned ? 'pinned' : 'yes')
  },
  Pinned: { heading: 'PINNED', show: (pinned: boolean) => (pinned ? 'yes' : '') },
  ContainerID: idField('CONTAINER ID', true),
  Container: {
    heading: 'CONTAINER',
    // One whose name the Engine did not tell is known by its ID.
    show: (name: string | null, { ContainerID: id }) =>
      name ?? (id as string | null)?.slice(0, shortIdLength) ?? '-'
  },
  Image: { heading: 'IMAGE', show: orDash },
  State: { heading: 'STATE' },
  Volume: volumeField(true),
  Mount: idField('MOUNT', true),
  Since: ageField('SINCE')
}
// What fits into 80 columns with names of usual length; templates have the rest.
const columns = ['Box', 'Container', 'Version', 'Newest', 'Behind', 'State', 'Image']

interface UsedByOptions {
  readonly behind?: boolean
  readonly format?: string
  readonly quiet?: boolean
  readonly trunc: boolean
}

/** `used-by [BOX…]`: which containers, running and stopped, use which version of a box, and which are behind. */
export function usedBy(cli: Cli): Command {
  const boxes = boxOperand('names of boxes').several().argOptional()
  return command(
    cli,
    'used-by',
    'List the containers, running and stopped, that use boxes; of all boxes if none is named. A running container ' +
      'keeps the version it started with: it is behind when there is a newer one, and pinned to it when its volume says ' +
      'which version it shows. A stopped one has none.',
    [
      '$ used-by db',
      "$ used-by --format '{{.Container}} {{.Version}} {{.Volume}}' db",
      'docker restart $($ used-by --behind --quiet db)'
    ]
  )
    .summary('List the containers that use boxes')
    .addArgument(boxes)
    .option('--behind', 'list only those that a restart would give a newer version')
    .option(...listFormat)
    .option(...quietIds)
    .option('--no-trunc', 'show IDs and the names of anonymous volumes in full')
    .action(async (names: string[], { behind, format, quiet, trunc }: UsedByOptions) => {
      const shown = trunc
        ? fields
        : {
            ...fields,
            ContainerID: idField('CONTAINER ID', false),
            Volume: volumeField(false),
            Mount: idField('MOUNT', false)
          }
      const print = printerFor(cli, format ?? 'table', shown, columns)
      const newest = new Map((await cli.api.boxes()).map(({ name, version }) => [name, version]))
      const rows = (await cli.api.volumes()).flatMap(volume => usesOf(volume, newest))
      const named = names.length === 0 ? rows : await onlyOf(cli, names, boxes.parse, rows, newest)
      const wanted = behind === true ? named.filter(({ Behind, Pinned }) => Behind && !Pinned) : named
      if (quiet === true && format === undefined) printIds(cli, wanted, trunc)
      else print(wanted)
    })
}

async function onlyOf(
  cli: Cli,
  names: readonly string[],
  parse: (name: string) => BoxName,
  rows: readonly UsedByRow[],
  newest: ReadonlyMap<string, number>
): Promise<UsedByRow[]> {
  const wanted = new Set<string>()
  await cli.each(names, async name => {
    const box = parse(name)
    // A box that was destroyed may still be in use; one that is neither there nor in use is a mistake.
    if (!newest.has(box) && !rows.some(row => row.Box === box)) await cli.api.versions(box)
    wanted.add(box)
  })
  return rows.filter(row => wanted.has(row.Box))
}

function printIds(cli: Cli, rows: readonly UsedByRow[], trunc: boolean): void {
  const ids = new Set(rows.flatMap(({ ContainerID: id }) => (id === null ? [] : id)))
  for (const id of ids) cli.print(trunc ? id.slice(0, shortIdLength) : id)
}

/** A container's, or an unknown holder's, use of a box; the fields are those of the table. */
export interface UsedByRow extends Record<string, unknown> {
  readonly Box: string
  readonly Behind: boolean
  readonly Pinned: boolean
  readonly ContainerID: string | null
}

/** One row for each copy of a volume's box, then one for each container that has none. `newest` knows the boxes' versions. */
export function usesOf(volume: VolumeUse, newest: ReadonlyMap<string, number>): UsedByRow[] {
  const holders = new Set(volume.copies.map(({ container }) => container?.id))
  const isPinned = volume.options.version !== null
  const states = new Map(volume.containers.map(({ id, state }) => [id, state]))
  const running = volume.copies.map(({ box, version, mount, created, container }): UsedByRow => {
    const latest = newest.get(box) ?? null
    return {
      Box: box,
      Version: version,
      Newest: latest,
      Behind: version !== latest,
      Pinned: isPinned,
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
        Pinned: isPinned,
        ContainerID: id,
        Container: name,
        Image: image,
        State: state,
        Volume: volume.name
      }
    })
  ]
}
