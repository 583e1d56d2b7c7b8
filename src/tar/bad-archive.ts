import { SecretboxError } from '../base/errors.ts'

/** The error for what is no tar archive, or not all of one. */
export function badArchive(reason: string, hint?: string): SecretboxError {
  return new SecretboxError('invalid', `bad tar archive: ${reason}`, hint === undefined ? {} : { hint })
}

/** The error for an archive that ends too early. */
export function cutShort(): SecretboxError {
  return badArchive('it ends in the middle', 'it was cut short on its way, or is not finished')
}
