import * as z from 'zod/mini'
import { Count, Digest, Id, OctalMode, Time, VersionNumber, type Read } from './values.ts'

/** A box as the list of boxes shows it; `bytes` is the sum of its files. */
export const BoxSummary = z.lazy(() =>
  z.object({
    name: z.string(),
    version: VersionNumber,
    files: Count,
    bytes: Count,
    created: Time,
    changed: Time
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
    version: VersionNumber,
    created: Time,
    changed: Time,
    bytes: Count,
    files: z.array(BoxEntry)
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
