import * as z from 'zod/mini'
import { FieldOfBox, FileOfType, ScopeOfBox } from './types.ts'
import { Count, Digest, Id, OctalMode, Time, Uuid, VersionNumber, wordOf, type Read } from './values.ts'

/** A box as the list of boxes shows it; `bytes` is the sum of its files. */
export const BoxSummary = z.lazy(() =>
  z.object({
    name: z.string(),
    uuid: Uuid,
    /** The uid of who made it. */
    owner: Count,
    version: VersionNumber,
    files: Count,
    bytes: Count,
    created: Time,
    changed: Time,
    /** Of a credential. */
    type: z.exactOptional(z.string()),
    scope: z.exactOptional(ScopeOfBox),
    /** What of its fields is no secret, by name, where that was asked for. */
    shown: z.exactOptional(z.record(z.string(), z.string()))
  })
)
export type BoxSummary = Read<typeof BoxSummary>

/** All boxes, and the keys of records that are of none any more. */
export const BoxList = z.lazy(() =>
  z.object({
    boxes: z.array(BoxSummary),
    damaged: z.exactOptional(z.array(z.string()))
  })
)
export type BoxList = Read<typeof BoxList>

/** One entry of a box. */
export const BoxEntry = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({
      path: z.string(),
      type: z.literal('file'),
      mode: OctalMode,
      size: Count,
      digest: z.exactOptional(Digest)
    }),
    z.object({ path: z.string(), type: z.literal('directory'), mode: OctalMode }),
    z.object({ path: z.string(), type: z.literal('symlink'), target: z.string() })
  ])
)
export type BoxEntry = Read<typeof BoxEntry>

/** One version of a box with all its entries, parents first. */
export const BoxListing = z.lazy(() =>
  z.object({
    name: z.string(),
    id: Id,
    uuid: Uuid,
    owner: Count,
    /** Where this API has it. */
    path: z.string(),
    version: VersionNumber,
    created: Time,
    changed: Time,
    bytes: Count,
    reveal: wordOf(['granted', 'never']),
    /** It is for those containers alone that a grant is for. */
    closed: z.boolean(),
    files: z.array(BoxEntry),
    /** Of a credential; what follows is absent when its type is not there any more. */
    type: z.exactOptional(z.string()),
    scope: z.exactOptional(ScopeOfBox),
    fields: z.exactOptional(z.array(FieldOfBox)),
    /** What is known of them, as `certificate.notAfter`. */
    facts: z.exactOptional(z.record(z.string(), z.string())),
    /** What further fields are called; absent when there are none. */
    others: z.exactOptional(z.string()),
    /** What must be set before it can be mounted, in words. */
    missing: z.exactOptional(z.array(z.string())),
    /** The files that clients are given. */
    rendered: z.exactOptional(z.array(FileOfType))
  })
)
export type BoxListing = Read<typeof BoxListing>

/** One version of a box, as the list of versions shows it. */
export const BoxVersion = z.lazy(() =>
  z.object({
    version: VersionNumber,
    created: Time,
    files: Count,
    bytes: Count
  })
)
export type BoxVersion = Read<typeof BoxVersion>

/** The versions of a box that are kept, oldest first. */
export const BoxVersions = z.lazy(() =>
  z.object({
    name: z.string(),
    versions: z.array(BoxVersion).check(z.minLength(1))
  })
)

/** A box that was made. */
export const CreatedBox = z.lazy(() => z.object({ name: z.string(), version: z.literal(1) }))
export type CreatedBox = Read<typeof CreatedBox>

/** A box that is gone. */
export const DestroyedBox = z.lazy(() => z.object({ name: z.string() }))
export type DestroyedBox = Read<typeof DestroyedBox>
