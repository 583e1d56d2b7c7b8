import * as z from 'zod/mini'
import { ErrorAnswer } from './errors.ts'
import { Count, Time, VersionNumber, wordOf, type Read } from './values.ts'

/** A container, as far as the Engine told the daemon. */
const containerFields = () => ({
  id: z.string(),
  name: z.nullable(z.string()),
  image: z.nullable(z.string())
})

/** How a volume shows its box. */
const VolumeOptions = z.lazy(() =>
  z.object({
    box: z.string(),
    /** Null: the newest at each start. */
    version: z.nullable(VersionNumber),
    path: z.string(),
    file: z.boolean(),
    uid: Count,
    gid: Count,
    mode: z.nullable(Count),
    dirmode: z.nullable(Count),
    rw: z.boolean(),
    size: z.nullable(Count),
    optional: z.boolean(),
    ephemeral: z.boolean(),
    transient: z.boolean(),
    api: z.boolean()
  })
)

/** A copy that was made of a box. */
const Copy = z.lazy(() =>
  z.object({
    mount: z.string(),
    box: z.string(),
    /** Null for the empty copy of a box that is missing. */
    version: z.nullable(VersionNumber),
    created: Time,
    container: z.nullable(z.object(containerFields()))
  })
)

/** Who has a volume: the copies that were made of its box, and the containers that mount it, running or not. */
const userFields = () => ({
  copies: z.array(Copy),
  containers: z.array(z.object({ ...containerFields(), state: z.string() }))
})

/** A volume and who has it. */
export const VolumeUse = z.lazy(() =>
  z.object({
    name: z.string(),
    options: VolumeOptions,
    created: Time,
    ...userFields()
  })
)
export type VolumeUse = Read<typeof VolumeUse>

export const VolumeList = z.lazy(() => z.object({ volumes: z.array(VolumeUse) }))

/** What the command line needs of it: a daemon of another release has fewer options, or more. */
export const VolumeListNeeds = z.lazy(() =>
  z.object({
    volumes: z.array(
      z.object({
        name: z.string(),
        options: z.object({
          box: z.string(),
          version: z.nullable(VersionNumber),
          path: z.string(),
          rw: z.boolean()
        }),
        ...userFields()
      })
    )
  })
)

/** What is of no use to anybody: volumes that no container has, and boxes that were to go with such. */
export const Unused = z.lazy(() =>
  z.object({
    volumes: z.array(z.object({ name: z.string(), box: z.string(), created: Time })),
    boxes: z.array(z.object({ name: z.string(), created: Time }))
  })
)
export type Unused = Read<typeof Unused>

/** The names of what is to be removed. */
export const Prune = z.lazy(() =>
  z.strictObject({ volumes: z.array(z.string()), boxes: z.array(z.string()) })
)

/** What a `Prune` must be, for messages. */
export const pruneRule = '{"volumes": [name], "boxes": [name]}'

/** What was removed, and of the others why not. */
export const Pruned = z.lazy(() =>
  z.object({
    volumes: z.array(z.string()),
    boxes: z.array(z.string()),
    errors: z.array(ErrorAnswer)
  })
)
export type Pruned = Read<typeof Pruned>

/** What reconciliation does with a copy, or would do, and why. */
export const Finding = z.lazy(() =>
  z.object({
    mount: z.string(),
    volume: z.nullable(z.string()),
    action: wordOf(['keep', 'wipe', 'forget']),
    reason: z.string()
  })
)
export type Finding = Read<typeof Finding>

export const Reconciled = z.lazy(() => z.object({ actions: z.array(Finding) }))
