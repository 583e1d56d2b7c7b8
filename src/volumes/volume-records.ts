import { z } from 'zod'
import { quote, SecretboxError } from '../errors.ts'
import type { Change, Store, StoredRecord } from '../store/store.ts'
import type { BoxName, MountId, VolumeName } from '../vault/names.ts'
import type { VolumeOptions } from './options.ts'

/** A volume as it is kept, in clear: the Engine asks for it while the vault is sealed. */
export interface Volume {
  readonly name: VolumeName
  readonly options: VolumeOptions
  /** RFC 3339; the Engine cannot read a reply with anything else. */
  readonly created: string
}

/** What is noted about a copy beside the copy itself. The kernel says whether it exists; this only says what it is. */
export interface CopyLabel {
  readonly mount: MountId
  readonly volume: VolumeName
  readonly box: BoxName
  /** Null for the empty copy of a box that is missing. */
  readonly version: number | null
  readonly created: string
  readonly container: ContainerLabel | null
}

/** The container that holds a copy; name and image as they were when it started, null when the Engine could not say. */
export interface ContainerLabel {
  readonly id: string
  readonly name: string | null
  readonly image: string | null
}

const OptionsRecord = z.strictObject({
  box: z.string(),
  version: z.number().nullable(),
  path: z.string(),
  uid: z.number(),
  gid: z.number(),
  mode: z.number().nullable(),
  // Volumes that were made before there were such options have none.
  dirmode: z.number().nullable().default(null),
  rw: z.boolean(),
  size: z.number().nullable(),
  optional: z.boolean(),
  ephemeral: z.boolean().default(false)
})
const VolumeRecord = z.strictObject({ name: z.string(), options: OptionsRecord, created: z.string() })
const LabelRecord = z.strictObject({
  mount: z.string(),
  volume: z.string(),
  box: z.string(),
  version: z.number().nullable(),
  created: z.string(),
  container: z
    .strictObject({ id: z.string(), name: z.string().nullable(), image: z.string().nullable() })
    .nullable()
})

const volumePrefix = 'volume/'
const labelPrefix = 'copy/'

/** A volume's record; `volume` is null when it is damaged. */
export interface VolumeRow {
  readonly name: VolumeName
  readonly volume: Volume | null
}

/** A label's record; `label` is null when it is damaged. */
export interface LabelRow {
  readonly volume: VolumeName
  readonly mount: MountId
  readonly label: CopyLabel | null
}

/** What is wrong with a volume whose record is damaged. */
export function unreadable(name: VolumeName): SecretboxError {
  return new SecretboxError(
    'damaged',
    `the record of volume ${quote(name)} is not what this release writes`,
    {
      hint: 'remove the volume and create it again, or use the release that made it'
    }
  )
}

/** The record of a volume, or null when there is none. */
export async function findVolumeRow(store: Store, name: VolumeName): Promise<VolumeRow | null> {
  const record = await store.get(volumeKey(name))
  return record === null ? null : volumeRow(record)
}

/** As `findVolumeRow`, throwing `not_found`. */
export async function getVolumeRow(store: Store, name: VolumeName): Promise<VolumeRow> {
  const row = await findVolumeRow(store, name)
  if (row === null) throw new SecretboxError('not_found', `no such volume ${quote(name)}`)
  return row
}

/** The volume. Throws `not_found`, or `damaged` when its record is not one. */
export async function getVolume(store: Store, name: VolumeName): Promise<Volume> {
  return readable(await getVolumeRow(store, name))
}

/** Every record of a volume. */
export async function* volumeRows(store: Store): AsyncGenerator<VolumeRow> {
  for await (const record of store.list(volumePrefix)) yield volumeRow(record)
}

/** Every volume. Throws `damaged` when a record is not one: whoever asks for all must not overlook what it says. */
export async function* allVolumes(store: Store): AsyncGenerator<Volume> {
  for await (const row of volumeRows(store)) yield readable(row)
}

/** The versions of a box that volumes ask for by number. */
export async function pinnedVersions(store: Store, box: BoxName): Promise<Set<number>> {
  const pinned = new Set<number>()
  for await (const { options } of allVolumes(store)) {
    if (options.box === box && options.version !== null) pinned.add(options.version)
  }
  return pinned
}

/** The records of labels of one volume's copies, or of all copies. */
export async function* labelRows(store: Store, volume: VolumeName | null): AsyncGenerator<LabelRow> {
  const prefix = volume === null ? labelPrefix : `${labelPrefix}${encodeURIComponent(volume)}/`
  for await (const record of store.list(prefix)) yield labelRow(record)
}

/** The labels of one volume's copies, or of all copies, without those that are damaged: these tell nothing. */
export async function* labelsOf(store: Store, volume: VolumeName | null): AsyncGenerator<CopyLabel> {
  for await (const { label } of labelRows(store, volume)) if (label !== null) yield label
}

/** The record of one copy's label, or null when there is none. */
export async function findLabelRow(
  store: Store,
  volume: VolumeName,
  mount: MountId
): Promise<LabelRow | null> {
  const record = await store.get(labelKey(volume, mount))
  return record === null ? null : labelRow(record)
}

/** The change that makes a volume. */
export function putVolume(volume: Volume): Change {
  return { put: volumeKey(volume.name), value: jsonBytes(volume), expect: null }
}

/** The change that removes a volume. */
export function removeVolume(name: VolumeName): Change {
  return { remove: volumeKey(name) }
}

/** The change that labels a copy, or labels it anew. */
export function putLabel(label: CopyLabel): Change {
  return { put: labelKey(label.volume, label.mount), value: jsonBytes(label) }
}

/** The change that removes a copy's label. */
export function removeLabel(volume: VolumeName, mount: MountId): Change {
  return { remove: labelKey(volume, mount) }
}

function volumeKey(name: VolumeName): string {
  return volumePrefix + encodeURIComponent(name)
}

function labelKey(volume: VolumeName, mount: MountId): string {
  return `${labelPrefix}${encodeURIComponent(volume)}/${mount}`
}

function jsonBytes(value: Volume | CopyLabel): Buffer {
  return Buffer.from(JSON.stringify(value))
}

// These records are not sealed, so they are checked when they are read. The brands hold because only checked names are
// stored: the names in keys, too.

function volumeRow({ key, value }: StoredRecord): VolumeRow {
  const name = decodeURIComponent(key.slice(volumePrefix.length)) as VolumeName
  return { name, volume: parsed(VolumeRecord, value) as Volume | null }
}

function labelRow({ key, value }: StoredRecord): LabelRow {
  const [volume = '', mount = ''] = key.slice(labelPrefix.length).split('/')
  return {
    volume: decodeURIComponent(volume) as VolumeName,
    mount: mount as MountId,
    label: parsed(LabelRecord, value) as CopyLabel | null
  }
}

function readable(row: VolumeRow): Volume {
  if (row.volume === null) throw unreadable(row.name)
  return row.volume
}

/** What a record says, or null when it is damaged. */
function parsed<R>(schema: z.ZodType<R>, value: Buffer): R | null {
  try {
    return schema.parse(JSON.parse(value.toString()))
  } catch {
    return null
  }
}
