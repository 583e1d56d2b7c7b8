import { quote } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'

/** Reads a box's version as a user writes it: a whole number from 1 on. Throws `UsageError`. */
export function parseVersion(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new UsageError(`bad version ${quote(text)}: a version is a whole number from 1 on`)
  return Number(text)
}
