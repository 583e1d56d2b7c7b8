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
  rw: z.boolean(),
  size: z.number().nullable(),
  optional: z.boolean(),
  // Volumes that were made before there was such an option have none.
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

/** The volume, or null. Throws `damaged` when its record is not one. */
export async function findVolume(store: Store, name: VolumeName): Promise<Volume | null> {
  const record = await store.get(volumeKey(name))
  return record === null ? null : parseVolume(record)
}

/** As `findVolume`, throwing `not_found`. */
export async function getVolume(store: Store, name: VolumeName): Promise<Volume> {
  const volume = await findVolume(store, name)
  if (volume === null) throw new SecretboxError('not_found', `no such volume ${quote(name)}`)
  return volume
}

/** Every volume. Throws `damaged` when a record is not one: whoever asks for all must not overlook what it says. */
export async function* allVolumes(store: Store): AsyncGenerator<Volume> {
  for await (const record of store.list(volumePrefix)) yield parseVolume(record)
}

/** What can be told of every volume, even of one whose record is damaged. */
export async function* volumeNames(
  store: Store
): AsyncGenerator<{ name: VolumeName; created: string | null }> {
  for await (const { key, value } of store.list(volumePrefix)) {
    const parsed = VolumeRecord.safeParse(jsonOf(value))
    // The brand holds because keys are made of checked names.
    const name = decodeURIComponent(key.slice(volumePrefix.length)) as VolumeName
    yield { name, created: parsed.success ? parsed.data.created : null }
  }
}

/** The labels of one volume's copies, or of all copies; a damaged one is none. */
export async function* labelsOf(store: Store, volume: VolumeName | null): AsyncGenerator<CopyLabel> {
  const prefix = volume === null ? labelPrefix : `${labelPrefix}${encodeURIComponent(volume)}/`
  for await (const { value } of store.list(prefix)) {
    const label = parseLabel(value)
    if (label !== null) yield label
  }
}

/** The label of one copy, or null when there is none, or a damaged one. */
export async function findLabel(store: Store, volume: VolumeName, mount: MountId): Promise<CopyLabel | null> {
  const record = await store.get(labelKey(volume, mount))
  return record === null ? null : parseLabel(record.value)
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

// These records are not sealed, so they are checked when they are read. The brands hold because only checked names are stored.
function parseVolume({ key, value }: StoredRecord): Volume {
  const parsed = VolumeRecord.safeParse(jsonOf(value))
  if (parsed.success) return parsed.data as unknown as Volume
  const name = decodeURIComponent(key.slice(volumePrefix.length))
  throw new SecretboxError('damaged', `the record of volume ${quote(name)} is not what this release writes`, {
    hint: 'remove the volume and create it again, or use the release that made it'
  })
}

function parseLabel(value: Buffer): CopyLabel | null {
  const parsed = LabelRecord.safeParse(jsonOf(value))
  return parsed.success ? (parsed.data as unknown as CopyLabel) : null
}

function jsonOf(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString())
  } catch {
    return null
  }
}
