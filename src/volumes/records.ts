import { z } from 'zod'
import { quote, SecretboxError } from '../base/errors.ts'
import type { Store, StoredRecord, Write } from '../store/store.ts'
import {
  isMountId,
  parseFilePath,
  parseBoxName,
  parseMountId,
  parseVolumeName,
  type BoxName,
  type FilePath,
  type MountId,
  type VolumeName
} from '../base/names.ts'
import type { OwnershipOptions } from '../copies/ownership.ts'
import { readOptions, type VolumeOptions } from './options.ts'

/** A volume as it is kept, in clear: the Engine asks for it while the vault is sealed. */
export interface Volume {
  readonly name: VolumeName
  readonly options: VolumeOptions
  /** RFC 3339; the Engine cannot read a reply with anything else. */
  readonly created: string
}

/** What is noted about a copy beside the copy itself. The kernel says whether it exists; this only says what it is. */
export interface CopyRecord {
  readonly mount: MountId
  readonly volume: VolumeName
  readonly box: BoxName
  /** Null for the empty copy of a box that is missing. */
  readonly version: number | null
  readonly created: string
  /** Its file system: the `st_dev` of it, and the boot of the machine in which it was made. */
  readonly device: { readonly number: number; readonly boot: string } | null
  readonly container: RecordedContainer | null
  /**
   * The containers for one of which the copy of a closed box was made, by their IDs; null when that one is found, and for any. Another
   * `container` has it that is to be killed.
   */
  readonly madeFor: readonly string[] | null
  /** Absent for the empty copy of a box that is missing. */
  readonly origin?: Origin
}

/** Of which box a copy was made, and how it shows it, by the word of who has the keys (origin.ts). */
export interface Origin extends OwnershipOptions {
  readonly boxId: string
  readonly path: FilePath
  /** 64 hex digits. */
  readonly tag: string
}

/** As many containers as a copy may be made for. */
export const mostMadeFor = 500

/** The container that holds a copy; name and image as they were when it started, null when the Engine could not say. */
export interface RecordedContainer {
  readonly id: string
  readonly name: string | null
  readonly image: string | null
}

const created = z.iso.datetime().regex(/^.{10}T.{8}(\.\d{1,9})?Z$/)
const plainText = z.string().regex(/^[^\p{Cc}]{1,1024}$/u)
const VolumeRecord = z.strictObject({
  name: checkedBy(parseVolumeName),
  options: z.record(z.string(), z.unknown()),
  created
})
const CopySchema = z.strictObject({
  mount: checkedBy(parseMountId),
  volume: checkedBy(parseVolumeName),
  box: checkedBy(parseBoxName),
  version: z.int().min(1).nullable(),
  created,
  device: z.strictObject({ number: z.int().nonnegative(), boot: plainText }).nullable(),
  container: z
    .strictObject({ id: plainText, name: plainText.nullable(), image: plainText.nullable() })
    .nullable(),
  madeFor: z.array(plainText.max(64)).min(1).max(mostMadeFor).nullable(),
  origin: z
    .strictObject({
      boxId: plainText,
      path: z.union([z.literal(''), checkedBy(parseFilePath)]),
      uid: z.int().nonnegative(),
      gid: z.int().nonnegative(),
      mode: z.int().min(0).max(0o7777).nullable(),
      dirmode: z.int().min(0).max(0o7777).nullable(),
      tag: z.string().regex(/^[0-9a-f]{64}$/)
    })
    .exactOptional()
})

/** More than any record of these has. */
const maxRecordBytes = 64 << 10

const volumePrefix = 'volume/'
const copyPrefix = 'copy/'

/** A volume's record; `volume` is null when it is damaged. */
export interface VolumeRow {
  readonly name: VolumeName
  readonly volume: Volume | null
}

/** A copy record as it was found; `record` is null when it is damaged. */
export interface CopyRow {
  readonly volume: VolumeName
  readonly mount: MountId
  readonly record: CopyRecord | null
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
  return record && volumeRow(record)
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

/** Every record of a volume, but for those whose keys are none of ours. */
export async function* volumeRows(store: Store): AsyncGenerator<VolumeRow> {
  for await (const row of readRows(store, volumePrefix, volumeRow)) if (row !== null) yield row
}

/**
 * The volumes that show a box. `isAll` is false when a record is damaged, which may be one of another: whoever would
 * take something away from the box must leave it then.
 */
export async function volumesOf(store: Store, box: BoxName): Promise<{ volumes: Volume[]; isAll: boolean }> {
  const volumes: Volume[] = []
  let isAll = true
  for await (const row of readRows(store, volumePrefix, volumeRow)) {
    if (row?.volume?.options.box === box) volumes.push(row.volume)
    if (!row?.volume) isAll = false
  }
  return { volumes, isAll }
}

/** The versions of a box that volumes ask for by number; null when that cannot be known, since a record is damaged. */
export async function pinnedVersions(store: Store, box: BoxName): Promise<ReadonlySet<number> | null> {
  const { volumes, isAll } = await volumesOf(store, box)
  return isAll ? new Set(volumes.flatMap(({ options }) => options.version ?? [])) : null
}

/** The keys of the records of volumes and copies that are damaged. */
export async function* damagedRecords(store: Store): AsyncGenerator<string> {
  for await (const record of store.list(volumePrefix)) if (!volumeRow(record)?.volume) yield record.key
  for await (const record of store.list(copyPrefix)) if (!copyRow(record)?.record) yield record.key
}

/** The records of one volume's copies, or of all copies, damaged ones too; but for those whose keys are none of ours. */
export async function* copyRows(store: Store, volume: VolumeName | null): AsyncGenerator<CopyRow> {
  const prefix = volume === null ? copyPrefix : `${copyPrefix}${encodeURIComponent(volume)}/`
  for await (const row of readRows(store, prefix, copyRow)) if (row !== null) yield row
}

/** The records of one volume's copies, or of all copies, without those that are damaged: these tell nothing. */
export async function* copyRecordsOf(store: Store, volume: VolumeName | null): AsyncGenerator<CopyRecord> {
  for await (const { record } of copyRows(store, volume)) if (record !== null) yield record
}

/** The record of one copy, or null when there is none. */
export async function findCopyRow(store: Store, volume: VolumeName, mount: MountId): Promise<CopyRow | null> {
  const record = await store.get(copyRecordKey(volume, mount))
  return record && copyRow(record)
}

/** The write that makes a volume. */
export function putVolume(volume: Volume): Write {
  return { put: volumeKey(volume.name), value: jsonBytes(volume), expect: null }
}

/** The write that removes a volume. */
export function removeVolume(name: VolumeName): Write {
  return { remove: volumeKey(name) }
}

/** The write that records a copy, or records it anew. */
export function putCopyRecord(record: CopyRecord): Write {
  return { put: copyRecordKey(record.volume, record.mount), value: jsonBytes(record) }
}

/** The writes that record copies anew, those of which something else is to be said. */
export async function* copiesSaidAnew(
  store: Store,
  say: (record: CopyRecord) => CopyRecord | null
): AsyncGenerator<Write> {
  for await (const stored of store.list(copyPrefix)) {
    const record = copyRow(stored)?.record
    const anew = record && say(record)
    if (anew) yield { put: stored.key, value: jsonBytes(anew), expect: stored.revision }
  }
}

/** The write that removes a copy's record. */
export function removeCopyRecord(volume: VolumeName, mount: MountId): Write {
  return { remove: copyRecordKey(volume, mount) }
}

function volumeKey(name: VolumeName): string {
  return volumePrefix + encodeURIComponent(name)
}

function copyRecordKey(volume: VolumeName, mount: MountId): string {
  return `${copyPrefix}${encodeURIComponent(volume)}/${mount}`
}

function jsonBytes(value: Volume | CopyRecord): Buffer {
  return Buffer.from(JSON.stringify(value))
}

// Nothing here is sealed, so each row is held to what a request would be held to. One that is not of that kind is
// damaged by itself; one whose key is none of ours is of nothing that has a name.

async function* readRows<R>(
  store: Store,
  prefix: string,
  read: (record: StoredRecord) => R
): AsyncGenerator<R> {
  for await (const record of store.list(prefix)) yield read(record)
}

function volumeRow({ key, value }: StoredRecord): VolumeRow | null {
  const name = decoded(key.slice(volumePrefix.length))
  if (name === null || volumeKey(name) !== key) return null
  const record = parsed(VolumeRecord, value)
  const options = record?.name === name ? readOptions(name, record.options) : null
  return { name, volume: record && options && { name, options, created: record.created } }
}

function copyRow({ key, value }: StoredRecord): CopyRow | null {
  const [encoded = '', mount = ''] = key.slice(copyPrefix.length).split('/')
  const volume = decoded(encoded)
  if (volume === null || !isMountId(mount) || copyRecordKey(volume, mount) !== key) return null
  const record = parsed(CopySchema, value) as CopyRecord | null
  return { volume, mount, record: record?.volume === volume && record.mount === mount ? record : null }
}

function decoded(part: string): VolumeName | null {
  try {
    return parseVolumeName(decodeURIComponent(part))
  } catch {
    return null
  }
}

function readable(row: VolumeRow): Volume {
  if (row.volume === null) throw unreadable(row.name)
  return row.volume
}

/** What a record says, or null when it is damaged. */
function parsed<R>(schema: z.ZodType<R>, value: Buffer): R | null {
  if (value.length > maxRecordBytes) return null
  try {
    return schema.parse(JSON.parse(value.toString()))
  } catch {
    return null
  }
}

/** Text that a parser of names leaves as it is. */
function checkedBy(parse: (text: string) => string): z.ZodString {
  return z.string().refine(text => {
    try {
      return parse(text) === text
    } catch {
      return false
    }
  })
}
