import * as z from 'zod/mini'
import { SecretboxError, type ErrorCode } from '../base/errors.ts'
import { wordOf, type Read } from './values.ts'

/** The HTTP status of each error code. */
export const httpStatuses: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  denied: 403,
  not_found: 404,
  exists: 409,
  conflict: 409,
  precondition: 412,
  in_use: 409,
  too_large: 413,
  too_many: 429,
  sealed: 503,
  unavailable: 503,
  full: 507,
  damaged: 500,
  internal: 500
}

/** The codes of errors that this release knows. */
export const errorCodes = Object.keys(httpStatuses) as ErrorCode[]

/** Why a request was refused, or a part of it. */
export const ErrorAnswer = z.lazy(() =>
  z.object({
    code: wordOf(errorCodes),
    message: z.string(),
    hint: z.exactOptional(z.string())
  })
)
export type ErrorAnswer = Read<typeof ErrorAnswer>

/** An item that the daemon did not take, of a request whose other items it did. */
export const ItemError = z.lazy(() =>
  z.object({
    path: z.string(),
    code: wordOf(errorCodes),
    message: z.string(),
    hint: z.exactOptional(z.string())
  })
)

/** The error that an answer tells of; a code of a later release is a fault of which no more is known. */
export function errorOf({ code, message, hint }: ErrorAnswer): SecretboxError {
  const known = errorCodes.find(each => each === code) ?? 'internal'
  return new SecretboxError(known, message, hint === undefined ? {} : { hint })
}
