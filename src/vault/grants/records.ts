import { z } from 'zod'
import { isSecretboxError } from '../../base/errors.ts'
import { rights } from '../../base/rights.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, StoredRecord, Write } from '../../store/store.ts'
import { parseBoxPattern } from '../access/box-pattern.ts'
import type { Grant } from '../access/grants.ts'
import { parseSubject, printSubject } from '../access/subjects.ts'

export const grantPrefix = 'grant/'

/** More than any record of these has. */
const maxRecordBytes = 16 << 10

const time = z.iso.datetime()
/** What a note may be, here and where it comes in. */
export const noteRule = 'a note is at most 1000 characters without control characters'
export const isNote = (text: string): boolean => /^[^\p{Cc}]{0,1000}$/u.test(text) && text.isWellFormed()

/** A grant as it lies in the store. */
const GrantRecord = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  subject: z.string(),
  rights: z
    .array(z.enum(rights))
    .min(1)
    .refine(all => new Set(all).size === all.length),
  boxes: z.string(),
  note: z.string().refine(isNote),
  by: z.int().min(0).max(0xffff_ffff),
  at: time,
  expires: time.nullable()
})

/** The write that stores a grant. */
export function putGrant(keyring: Keyring, grant: Grant): Write {
  const key = grantKey(grant)
  const { subject, boxes, ...others } = grant
  const fields: z.input<typeof GrantRecord> = {
    ...others,
    rights: [...grant.rights],
    subject: printSubject(subject),
    boxes: boxes.text
  }
  return { put: key, value: keyring.encrypt(key, Buffer.from(JSON.stringify(fields))) }
}

/** The write that takes a grant away. */
export function removeGrant(grant: Pick<Grant, 'id'>): Write {
  return { remove: grantKey(grant) }
}

/** The grant that a row holds, or null when it is damaged. */
export function grantIn(keyring: Keyring, { key, value }: Pick<StoredRecord, 'key' | 'value'>): Grant | null {
  if (value.length > maxRecordBytes) return null
  try {
    const fields = GrantRecord.parse(JSON.parse(keyring.decrypt(key, value).toString()))
    if (grantKey(fields) !== key) return null
    return { ...fields, subject: parseSubject(fields.subject), boxes: parseBoxPattern(fields.boxes) }
  } catch (error) {
    // What this release does not write it does not understand: it gives nothing.
    if (error instanceof z.ZodError || error instanceof SyntaxError) return null
    if (isSecretboxError(error, 'damaged') || isSecretboxError(error, 'invalid')) return null
    throw error
  }
}

/** All grants, and the keys of rows that are none. */
export async function readGrants(
  store: Store,
  keyring: Keyring
): Promise<{ grants: Map<string, Grant>; damaged: string[] }> {
  const grants = new Map<string, Grant>()
  const damaged: string[] = []
  for await (const row of store.list(grantPrefix)) {
    const grant = grantIn(keyring, row)
    if (grant === null) damaged.push(row.key)
    else grants.set(row.key, grant)
  }
  return { grants, damaged }
}

/** Under which key a grant lies in the store. */
export function grantKey({ id }: Pick<Grant, 'id'>): string {
  return grantPrefix + id
}
