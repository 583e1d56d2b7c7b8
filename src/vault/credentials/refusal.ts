import { SecretboxError } from '../../base/errors.ts'

/** Why a value is not what its field must be: what follows `field "x"`. It shows nothing of the value. */
export class Unfit extends Error {
  readonly hint: string | undefined

  constructor(reason: string, hint?: string) {
    super(reason)
    this.hint = hint
  }
}

/** What a check gives or throws, with the field named. Throws `invalid` for `Unfit`. */
export function about<T>(named: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    throw new SecretboxError(
      'invalid',
      `${named} ${error.message}`,
      error.hint === undefined ? {} : { hint: error.hint }
    )
  }
}
