import { quote } from '../../base/errors.ts'
import { maxLength } from '../input/generate.ts'
import { UsageError } from '../output/failure.ts'

/** Reads `--length`. Throws `UsageError`. */
export function parseLength(text: string): number {
  const length = Number(text)
  if (!/^\d+$/.test(text) || length < 1 || length > maxLength) {
    throw new UsageError(`bad length ${quote(text)}: a length is 1 to ${maxLength}`)
  }
  return length
}
