import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import { createHint } from '../../base/messages.ts'
import type { BoxName } from '../../base/names.ts'
import { nullIfDenied } from '../inject/may-use.ts'

/** As `toFill`; null for who may not look, and may yet be allowed to put something there: the daemon decides that. */
export async function toFillUnseen<T>(box: BoxName, asked: Promise<T>): Promise<T | null> {
  return toFill(box, asked).catch(nullIfDenied)
}

/**
 * What was asked about a box that something is to be put into. Throws what asking does, `not_found` with how to make
 * the box: the daemon does not know what it is for.
 */
export async function toFill<T>(box: BoxName, asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!isSecretboxError(error, 'not_found')) throw error
    const create = createHint(box)
    const isGuess = error.hint?.startsWith('did you mean') === true
    throw new SecretboxError(error.code, error.message, {
      hint: isGuess ? `${error.hint} if not, ${create}` : create
    })
  }
}
