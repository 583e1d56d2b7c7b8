import * as z from 'zod/mini'
import { copyMemories } from '../base/copy-memory.ts'
import { Count, Id, wordOf, type Read } from './values.ts'

const Some = z.lazy(() => z.int().check(z.minimum(1)))

/** The copies of a volume that no container is seen to hold, and that stay all the same. */
const KeptCopies = z.lazy(() =>
  z.object({
    volume: z.nullable(z.string()),
    copies: Some,
    reason: z.string(),
    hint: z.string()
  })
)

/** An option that a volume has otherwise than it was given. */
const OptionDifference = z.lazy(() =>
  z.object({
    option: z.string(),
    given: z.nullable(z.string()),
    has: z.nullable(z.string())
  })
)

/** What the command line needs of it: the rest it shows as it is, so that a daemon of another release can be asked. */
export const StatusNeeds = z.lazy(() => z.object({ sealed: z.boolean() }))

/** How the daemon is. */
export const Status = z.lazy(() =>
  z.object({
    sealed: z.boolean(),
    /** Why it is sealed. */
    reason: z.exactOptional(z.string()),
    version: z.string(),
    store: z.object({ id: Id, directory: z.string() }),
    key: z.object({ directory: z.string() }),
    disk: z.object({ state: wordOf(['has room', 'nearly full', 'full']), freeBytes: Count }),
    boxes: Count,
    volumes: Count,
    damaged: z.exactOptional(z.string()),
    copies: Count,
    memory: wordOf(copyMemories),
    engine: wordOf(['answers', 'does not answer']),
    kept: z.array(KeptCopies),
    otherOptions: z.array(
      z.object({ container: z.string(), volume: z.string(), options: z.array(OptionDifference) })
    ),
    failedStarts: z.array(
      z.object({ container: z.string(), tries: Some, isGivenUp: z.boolean(), error: z.string() })
    ),
    limits: z.object({ maxBoxBytes: Some, maxBoxEntries: Some, maxVersions: Some, maxAuditEntries: Some })
  })
)
export type Status = Read<typeof Status>
