import * as z from 'zod/mini'
import { maxId } from '../base/user-ids.ts'
import { ItemError } from './errors.ts'
import { Count, VersionNumber, wordOf, type Read } from './values.ts'

/** A change that made a new version, unless nothing of it could be done. */
export const Change = z.lazy(() =>
  z.object({
    version: VersionNumber,
    /** How many items were done. */
    applied: Count,
    errors: z.array(ItemError),
    /** Symlinks of a tree that were put and show no file of the box in a container; absent when there are none. */
    dangling: z.exactOptional(
      z.array(z.object({ path: z.string(), target: z.string(), leads: wordOf(['nowhere', 'outside']) }))
    )
  })
)
export type Change = Read<typeof Change>

/** A change of a box that is asked for in JSON: one of several. */
export const Patch = z.lazy(() =>
  z.union([
    z.strictObject({
      remove: z
        .array(z.strictObject({ path: z.string(), recursive: z._default(z.boolean(), false) }))
        .check(z.minLength(1))
    }),
    z.strictObject({ rollback: VersionNumber }),
    z.strictObject({ rename: z.string() }),
    z.strictObject({ owner: z.int().check(z.minimum(0), z.maximum(maxId)) })
  ])
)
export type Patch = Read<typeof Patch>

/** What a `Patch` must be, for messages. */
export const patchRule =
  '{"remove": [{"path", "recursive"}]}, {"rollback": version}, {"rename": name} or {"owner": uid}'
