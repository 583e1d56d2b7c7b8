import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { SecretboxError } from '../../base/errors.ts'
import { ageRecipient, slotName } from '../../base/names.ts'
import type { Store, Write } from '../../store/store.ts'
import type { Keyring } from '../keyring.ts'
import { mostMemoryKiB, mostPasses } from './passphrase.ts'

const storeKey = 'store'
const restoring = 'restore the data directory from a backup'
/** Many more than anybody has ways to a vault. */
export const mostSlots = 32

/** More than an age file for one recipient has that holds a key. */
export const mostFileBytes = 2048

const bytesInBase64 = z.base64()
const common = {
  /** Random, 16 hex digits: what is wrapped is bound to it. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string().regex(slotName),
  /** The uid of who made it. */
  by: z.int().min(0).max(0xffff_ffff),
  made: z.iso.datetime(),
  /** When it last opened the vault. */
  opened: z.iso.datetime().nullable(),
  /** The root key, for who has the slot's key; and what puts another root key in its place (slot-lock.ts). */
  wrapped: bytesInBase64,
  public: bytesInBase64.length(44),
  outer: bytesInBase64
}

/** One way to the root key. What a kind needs beside its secret stands with it. */
const Slot = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('key-file'), ...common }),
  z.strictObject({ kind: z.literal('recovery'), ...common }),
  z.strictObject({
    kind: z.literal('recipient'),
    ...common,
    /** Who opens it, by their public key as age writes it. */
    recipient: z.string().regex(ageRecipient),
    /** The slot's key, as an age file for that recipient. */
    file: bytesInBase64.max(mostFileBytes * 2)
  }),
  z.strictObject({
    kind: z.literal('passphrase'),
    ...common,
    salt: bytesInBase64.length(24),
    memoryKiB: z.int().min(8).max(mostMemoryKiB),
    passes: z.int().min(1).max(mostPasses)
  })
])
export type Slot = z.infer<typeof Slot>
export type SlotKind = Slot['kind']

const Fields = z.strictObject({
  format: z.literal(2),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  created: z.iso.datetime(),
  slots: z
    .array(Slot)
    .min(1)
    .max(mostSlots)
    .refine(slots => new Set(slots.map(({ name }) => name)).size === slots.length)
    .refine(slots => new Set(slots.map(({ id }) => id)).size === slots.length)
})
/** Whose the store is, and by what it can be opened. In clear, since it is read first. */
export type Header = z.infer<typeof Fields>

const Stored = z.strictObject({ ...Fields.shape, tag: z.string().regex(/^[0-9a-f]{64}$/) })

/** A header as it lies in the store. Nothing in it is known to be true before `checkHeader`. */
export interface StoredHeader {
  readonly header: Header
  readonly tag: string
  readonly revision: number
}

/** The store's header, or null for a store that was never initialised. Throws `damaged`. */
export async function readHeader(store: Store): Promise<StoredHeader | null> {
  const record = await store.get(storeKey)
  if (record === null) {
    if ((await store.count('')) === 0) return null
    throw lostHeader()
  }
  const stored = Stored.safeParse(jsonOf(record.value))
  if (!stored.success)
    throw new SecretboxError('damaged', 'the store names a format that this release does not know', {
      hint: 'use a release that is as new as the one that wrote it, or restore the data directory from a backup'
    })
  const { tag, ...header } = stored.data
  return { header, tag, revision: record.revision }
}

/** The header of a store that has one. Throws `damaged`. */
export async function getHeader(store: Store): Promise<StoredHeader> {
  const stored = await readHeader(store)
  if (stored === null) throw lostHeader()
  return stored
}

function lostHeader(): SecretboxError {
  return new SecretboxError('damaged', 'the store has records, but not the one that says whose they are', {
    hint: restoring
  })
}

/** Throws `damaged` unless the holder of the root key wrote the header as it is. */
export function checkHeader(keyring: Pick<Keyring, 'tag'>, { header, tag }: StoredHeader): void {
  if (timingSafeEqual(Buffer.from(keyring.tag(textOf(header))), Buffer.from(tag))) return
  throw new SecretboxError('damaged', "the store's header is not what was written", {
    hint: restoring
  })
}

/** The write of a header in the place of one of this revision; null: of none. */
export function putHeader(keyring: Pick<Keyring, 'tag'>, header: Header, expect: number | null): Write {
  const tag = keyring.tag(textOf(header))
  return { put: storeKey, value: Buffer.from(JSON.stringify({ ...header, tag })), expect }
}

/** What the tag is of: the fields in the order of the schema, whatever order they were read in. */
function textOf(header: Header): string {
  return `header ${JSON.stringify(Fields.parse(header))}`
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as unknown
  } catch {
    return null
  }
}
