import * as z from 'zod/mini'
import { rights } from '../base/rights.ts'
import { Id, Time, wordOf, type Read } from './values.ts'

/** A grant: whom it is for, and what it gives on which boxes. */
export const Grant = z.lazy(() =>
  z.object({
    id: Id,
    subject: z.string(),
    rights: z.array(wordOf(rights)),
    /** A name, or a glob. */
    boxes: z.string(),
    note: z.string(),
    /** The uid of who made it. */
    by: z.int(),
    at: Time,
    expires: z.nullable(Time)
  })
)
export type Grant = Read<typeof Grant>

/** Grants, and the keys of records that are of none any more. */
export const GrantList = z.lazy(() =>
  z.object({ grants: z.array(Grant), damaged: z.exactOptional(z.array(z.string())) })
)

const hasFourDigits = (year: number): boolean => year >= 0 && year <= 9999

/** What is to be granted. */
export const GrantWish = z.lazy(() =>
  z.strictObject({
    subject: z.string(),
    rights: z.array(z.enum(rights)).check(z.minLength(1), z.maxLength(rights.length)),
    boxes: z.string(),
    note: z.exactOptional(z.string()),
    // In UTC it is to be of four digits, too: what is kept could not be read again.
    expires: z.exactOptional(
      z.nullable(
        z.iso
          .datetime({ offset: true })
          .check(z.refine(text => hasFourDigits(new Date(text).getUTCFullYear())))
      )
    )
  })
)

export type GrantWish = Read<typeof GrantWish>

/** What a `GrantWish` must be, for messages. */
export const wishRule = `{"subject", "rights": [${rights.join('|')}], "boxes", "note"?, "expires"?: an RFC 3339 time}`

/** What is to be revoked: these rights, or all, of what was granted on exactly these boxes to exactly this subject. */
export const RevokeWish = z.lazy(() =>
  z.strictObject({
    subject: z.string(),
    boxes: z.string(),
    rights: z.exactOptional(z.array(z.enum(rights)).check(z.minLength(1), z.maxLength(rights.length)))
  })
)

export type RevokeWish = Read<typeof RevokeWish>

/** What a `RevokeWish` must be, for messages. */
export const revokeRule = `{"subject", "boxes", "rights"?: [${rights.join('|')}]}`

/** The grants from which something was taken, as they are now. */
export const Revoked = z.lazy(() => z.object({ grants: z.array(Grant) }))

/** The record that was taken away. */
export const DiscardedGrant = z.lazy(() => z.object({ record: z.string() }))

/** Whether somebody has a right on a box, and what says so. */
export const CanAnswer = z.lazy(() =>
  z.object({
    can: z.boolean(),
    because: z.nullable(wordOf(['root', 'owner', 'grant', 'open'])),
    grant: z.nullable(Grant)
  })
)
export type CanAnswer = Read<typeof CanAnswer>
