import * as z from 'zod/mini'
import { actions } from '../base/actions.ts'
import { rights } from '../base/rights.ts'
import { errorCodes } from './errors.ts'
import { Digest, Time, wordOf, type Read } from './values.ts'

const Caller = z.lazy(() =>
  z.union([
    z.object({
      kind: z.literal('user'),
      uid: z.int(),
      gid: z.int(),
      pid: z.int(),
      purpose: z.exactOptional(z.literal('completion'))
    }),
    z.object({
      kind: z.literal('container'),
      uid: z.int(),
      gid: z.int(),
      pid: z.int(),
      box: z.string(),
      volume: z.string(),
      mount: z.string()
    }),
    z.object({ kind: wordOf(['engine', 'daemon']) })
  ])
)

/** One decision, as the daemon recorded it; which of the further fields there are depends on the action. */
export const AuditEntry = z.lazy(() =>
  z.object({
    sequence: z.int().check(z.minimum(1)),
    time: Time,
    caller: Caller,
    action: wordOf(actions),
    decision: wordOf(['allowed', 'denied']),
    failed: z.optional(wordOf(errorCodes)),
    box: z.optional(z.string()),
    newName: z.optional(z.string()),
    owner: z.optional(z.int()),
    volume: z.optional(z.string()),
    mount: z.optional(z.string()),
    version: z.optional(z.int()),
    path: z.optional(z.string()),
    container: z.optional(z.string()),
    containerName: z.optional(z.string()),
    image: z.optional(z.string()),
    service: z.optional(z.string()),
    task: z.optional(z.string()),
    count: z.optional(z.int()),
    times: z.optional(z.int()),
    unauthenticated: z.optional(Time),
    audience: z.optional(z.string()),
    token: z.optional(z.string()),
    boxes: z.optional(z.string()),
    subject: z.optional(z.string()),
    rights: z.optional(z.array(wordOf(rights))),
    slot: z.optional(z.string()),
    record: z.optional(z.string()),
    grant: z.optional(z.string()),
    expires: z.optional(Time),
    previous: z.nullable(Digest)
  })
)
export type AuditEntry = Read<typeof AuditEntry>

/** What the command line needs of an entry: the rest it shows as it is. */
const EntryNeeds = z.lazy(() =>
  z.object({
    sequence: z.int(),
    time: z.string(),
    caller: z.object({ kind: z.string() }),
    action: z.string(),
    decision: z.string()
  })
)

/** What is wrong at a place of the audit. */
export const AuditDamage = z.lazy(() =>
  z.object({
    /** The entry that is concerned, or before which something is wrong; null for a record that is of no entry. */
    sequence: z.nullable(z.int()),
    damaged: z.string()
  })
)
export type AuditDamage = Read<typeof AuditDamage>

/** What a reading of the audit looked at, told at the end. */
export const AuditCheck = z.lazy(() =>
  z.object({
    /** How many entries were read and held against each other, whether they were asked for or not. */
    checked: z.int(),
    /** How many damages were told of. */
    damages: z.int(),
    /** The numbers of the first and last entry that were looked at. */
    from: z.int(),
    to: z.int(),
    /** The numbers of the oldest and the newest entry that there must be. */
    oldest: z.int(),
    newest: z.int()
  })
)
export type AuditCheck = Read<typeof AuditCheck>

/** What a reading of the audit gives, line by line. */
export const AuditLine = z.lazy(() => z.union([AuditEntry, AuditDamage, AuditCheck]))
export type AuditLine = Read<typeof AuditLine>

/** What the command line needs of a line. */
export const AuditLineNeeds = z.lazy(() => z.union([EntryNeeds, AuditDamage, AuditCheck]))

/** What it gives as one document, newest first. */
export const AuditDocument = z.lazy(() =>
  z.object({
    entries: z.array(AuditEntry),
    damaged: z.exactOptional(z.array(AuditDamage)),
    check: AuditCheck
  })
)
export type AuditDocument = Read<typeof AuditDocument>
