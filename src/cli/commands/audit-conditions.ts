import { actions } from '../../base/actions.ts'
import { isSecretboxError, quote } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import { containerName } from '../../base/names.ts'
import { nearest } from '../../base/nearest.ts'
import { uidOf } from '../input/people.ts'
import { UsageError } from '../output/failure.ts'

/* How what is asked of entries is written. All of this throws `UsageError` for what is not. */

/** How many entries; all is more than there can be. */
export function parseLast(text: string): number {
  if (text === 'all') return 999_999_999_999_999
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new UsageError(`bad number ${quote(text)}: it must be a whole number from 1 on, or "all"`)
  return Number(text)
}

export function parseAction(text: string): string {
  if (actions.some(action => action === text)) return text
  const known = `actions are ${actions.join(', ')}`
  const ofWhole = actions.filter(action => action.endsWith(`.${text}`))
  const meant = (ofWhole.length === 1 ? ofWhole[0] : null) ?? nearest(text, actions)
  throw new UsageError(
    `unknown action ${quote(text)}`,
    meant === null ? known : `${didYouMean(meant)} ${known}`
  )
}

export function parseContainer(text: string): string {
  // As docker inspect writes a name.
  const name = text.replace(/^\//, '')
  if (containerName.test(name)) return name
  throw new UsageError(`bad container ${quote(text)}: it must be a name or an ID, as docker ps shows them`)
}

const kinds = ['engine', 'daemon', 'container']

/** A user by name or number (a name that means something else with `user:` before it), or a kind of caller that is none. */
export async function callerNamed(text: string): Promise<string> {
  if (kinds.includes(text)) return text
  try {
    return String(await uidOf(text.replace(/^user:/, '')))
  } catch (error) {
    if (!isSecretboxError(error)) throw error
    const meant = nearest(text, kinds)
    const known = `a caller is a user by name or number, or ${kinds.join(', ')}`
    throw new UsageError(error.message, meant === null ? known : `${didYouMean(meant)} ${known}`)
  }
}
