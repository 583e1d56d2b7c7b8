import type { Command } from 'commander'
import * as z from 'zod/mini'
import type { VolumeUse } from '../../api/volumes.ts'
import { isSecretboxError } from '../../base/errors.ts'
import { ownLabels, type DockerLabels } from '../../base/own-labels.ts'
import { variablesDirectory } from '../../base/variables.ts'
import { askEngine, findEngineSocket, pathOfImage } from '../client/engine.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { idField, shortIdLength } from '../output/fields.ts'
import { listFormat, printerFor, quietIds, type Fields } from '../output/format.ts'
import { digestLabel, injectedIn, type InjectedPlace } from './labels.ts'

/** What the Engine says of containers (`GET /containers/json`), as far as it is read here. */
const Listed = z.array(z.object({ Id: z.string(), Labels: z.nullish(z.record(z.string(), z.string())) }))

/** And of one (`GET /containers/{id}/json`). */
const Container = z.object({
  Name: z.string(),
  Image: z.optional(z.string()),
  // Since API 1.48: of an image's manifests, the one that the container is of.
  ImageManifestDescriptor: z.nullish(z.object({ platform: z.nullish(z.record(z.string(), z.unknown())) })),
  Config: z.object({ Image: z.string() }),
  State: z.object({ Status: z.string() }),
  Mounts: z.nullish(
    z.array(z.object({ Type: z.string(), Name: z.optional(z.string()), Destination: z.string() }))
  )
})
type Container = z.output<typeof Container>

const Image = z.object({
  Config: z.nullish(z.object({ Labels: z.nullish(z.record(z.string(), z.string())) }))
})

const fields: Fields = {
  Container: { heading: 'CONTAINER' },
  ContainerID: idField('CONTAINER ID', true),
  State: { heading: 'STATE' },
  Why: { heading: 'WHY' },
  Boxes: { heading: 'BOXES', show: (boxes: readonly string[]) => boxes.join(', ') },
  Image: { heading: 'IMAGE' }
}
const columns = ['Container', 'ContainerID', 'State', 'Why', 'Boxes']

/** A container that would be given something else today. */
interface StaleRow extends Record<string, unknown> {
  readonly ContainerID: string
  readonly Why: 'changed' | 'missing' | 'unusable'
}

interface StaleOptions {
  readonly format?: string
  readonly quiet?: boolean
  readonly trunc: boolean
}

/** `stale`: which containers were given something else than they would be today. */
export function stale(cli: Cli): Command {
  return command(
    cli,
    'stale',
    'List the containers, running and stopped, that were given other secrets when they were made than they would be ' +
      'today: what docker vault run, create-container and compose gave them, files and variables. A container that was ' +
      'restarted since then has the new ones, and is listed until it is made again.',
    ['$ stale', 'docker rm -f $($ stale --quiet)']
  )
    .summary('List the containers that would be given other secrets today')
    .option(...listFormat)
    .option(...quietIds)
    .option('--no-trunc', 'show IDs in full')
    .action(async ({ format, quiet, trunc }: StaleOptions) => {
      const shown = trunc ? fields : { ...fields, ContainerID: idField('CONTAINER ID', false) }
      const print = printerFor(cli, format ?? 'table', shown, columns)
      const rows = await staleRows(cli)
      if (quiet !== true || format !== undefined) print(rows)
      else for (const { ContainerID: id } of rows) cli.print(trunc ? id.slice(0, shortIdLength) : id)
    })
}

async function staleRows(cli: Cli): Promise<StaleRow[]> {
  const socket = await findEngineSocket(cli.env, cli.docker)
  const filters = encodeURIComponent(JSON.stringify({ label: [digestLabel] }))
  const listed = (await askEngine(socket, `/containers/json?all=true&filters=${filters}`, Listed)) ?? []
  if (listed.length === 0) return []
  const volumes = new Map((await cli.api.volumes()).map(({ name, options }) => [name, options]))
  const boxes = new Set<string>((await cli.api.boxes()).map(({ name }) => name))
  const rows: StaleRow[] = []
  await cli.each(listed, async ({ Id, Labels }) => {
    const container = await askEngine(socket, `/containers/${encodeURIComponent(Id)}/json`, Container)
    // Gone meanwhile.
    if (container === null) return
    const labels = Labels ?? {}
    if (!(await isOwnDigest(socket, container, labels))) return
    const given = givenTo(container, injectedIn(labels), volumes)
    // An image that was committed from a container has its labels, and gives what is made of it nothing.
    if (given.files.length === 0 && given.environment.length === 0) return
    const files = given.files.filter(({ box, wasThere }) => wasThere || boxes.has(box))
    const why = await whyStale(cli, labels[digestLabel], {
      files: files.map(({ box, version, path, target }) => ({ box, version, path, target })),
      environment: given.environment
    })
    if (why === null) return
    const names = new Set([...given.files, ...given.environment].map(({ box }) => box))
    rows.push({
      Container: container.Name.replace(/^\//, ''),
      ContainerID: Id,
      State: container.State.Status,
      Why: why,
      Boxes: [...names].sort(),
      Image: container.Config.Image
    })
  })
  return rows
}

/**
 * Whether a container was given its label when it was made, and so what lies beside that: any image can have labels that look like
 * ours, as one has that was committed from a container. Of an image that is gone nobody knows; then they count.
 */
async function isOwnDigest(socket: string, container: Container, labels: DockerLabels): Promise<boolean> {
  const { Image: id, ImageManifestDescriptor: manifest } = container
  if (id === undefined) return true
  const platform = manifest?.platform
    ? `?platform=${encodeURIComponent(JSON.stringify(manifest.platform))}`
    : ''
  const image = await askEngine(socket, `${pathOfImage(id)}/json${platform}`, Image)
  return image === null || digestLabel in ownLabels(labels, image.Config?.Labels ?? {})
}

type Asked = Parameters<Cli['api']['injected']>[0]

/** What is different today, or that it cannot be given any more; null: nothing. */
async function whyStale(cli: Cli, digest: string | undefined, asked: Asked): Promise<StaleRow['Why'] | null> {
  try {
    return (await cli.api.injected(asked)).digest === digest ? null : 'changed'
  } catch (error) {
    if (isSecretboxError(error, 'not_found')) return 'missing'
    if (isSecretboxError(error, 'invalid')) return 'unusable'
    throw error
  }
}

interface GivenFiles {
  readonly box: string
  readonly version: number | null
  readonly path: string
  readonly target: string
  /** There was such a box when the container was made. */
  readonly wasThere: boolean
}

/** What the container's mounts would show today. */
function givenTo(
  { Mounts }: Container,
  places: readonly InjectedPlace[],
  volumes: ReadonlyMap<string, VolumeUse['options']>
): { files: GivenFiles[]; environment: Asked['environment'] } {
  const files: GivenFiles[] = []
  const environment: Asked['environment'][number][] = []
  for (const { Name, Destination: target } of Mounts ?? []) {
    const options = volumes.get(Name ?? '')
    if (options === undefined) continue
    const { box, version, path } = options
    const place = places.find(each => each.target === target)
    if (target.startsWith(`${variablesDirectory}/`)) environment.push({ box, version, path })
    else if (place !== undefined) {
      files.push({ box, version, path, target, wasThere: place.version !== undefined })
    }
  }
  return { files, environment }
}
