import * as z from 'zod/mini'
import { quote } from '../../base/errors.ts'

/**
 * What a text of JSON says, if it fits the schema; what that does not name stays in it, as a newer server may tell more.
 * Throws what `unfit` makes of a reason, which shows nothing of the text: it may be anything.
 */
export function fitting<Schema extends z.core.$ZodType>(
  schema: Schema,
  text: string,
  unfit: (reason: string) => Error
): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw unfit('it is not JSON')
  }
  const read = z.safeParse(schema, value)
  if (read.success) return value as z.output<Schema>
  const field = read.error.issues[0]?.path.join('.') ?? ''
  throw unfit(field === '' ? 'it is something else' : `${quote(field)} is missing, or something else`)
}
