import { quote } from '../../base/errors.ts'
import { UsageError } from '../output/failure.ts'

/** Why a secret has no place in an argument; what to do instead follows. */
export const argumentsAreSeen = 'everybody can read arguments'

/** What a text is that is contents and no name, in words; null for what may be a name. */
function contentsIn(text: string): string | null {
  const [, variable, value = ''] = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)=(.*)$/s.exec(text) ?? []
  // What ends so may be base64 as a whole.
  if (variable !== undefined)
    return /^=?$/.test(value) ? 'contents' : `the variable ${quote(variable)} itself`
  // Names may begin with a bracket, too.
  if (/^\s*(\{|\[\s*[[{"])/.test(text)) return 'JSON itself'
  return /-----BEGIN |[\r\n]/.test(text) ? 'contents' : null
}

/**
 * The error for contents where the name of something is wanted, null for what may be one: `takes` says of what, as in "--secrets takes a file".
 * Arguments can be read by everybody on the host: a secret has no place there, and of what it is the message tells nothing. `hint`: how to give it.
 */
export function contentsInstead(text: string, takes: string, hint: string): UsageError | null {
  const found = contentsIn(text)
  return found === null ? null : new UsageError(`${takes}, not ${found}`, hint)
}

/** Throws what `contentsInstead` gives. */
export function refuseContents(text: string, takes: string, hint: string): void {
  const refusal = contentsInstead(text, takes, hint)
  if (refusal !== null) throw refusal
}
