import { quote } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'

/**
 * Reads an option that is given once for each `KEY=VALUE`, for commander: it hands what was read so far. Throws `UsageError` for what is
 * no pair, and for a key that is given twice.
 */
export function readPair(
  text: string,
  before: Readonly<Record<string, string>> = {}
): Readonly<Record<string, string>> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`bad pair ${quote(text)}: it is written as KEY=VALUE`)
  const key = text.slice(0, equals)
  if (Object.hasOwn(before, key)) throw new UsageError(`${quote(key)} is given twice`)
  return { ...before, [key]: text.slice(equals + 1) }
}
