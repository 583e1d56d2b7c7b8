import type { ErrorRequestHandler } from 'express'
import type { Logger } from 'pino'
import { SecretboxError, type ErrorCode } from '../errors.ts'

/** The HTTP status of each error code. */
export const statusOf: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  denied: 403,
  not_found: 404,
  exists: 409,
  conflict: 409,
  precondition: 412,
  in_use: 409,
  too_large: 413,
  sealed: 503,
  unavailable: 503,
  full: 507,
  damaged: 500,
  internal: 500
}

/**
 * What may leave the process about an error: ours as they are, anything else as "internal error", with the
 * cause in the log, once.
 */
export function publicError(error: unknown, log: Logger): SecretboxError {
  if (error instanceof SecretboxError) {
    if (error.code === 'damaged' || error.code === 'unavailable') log.error({ err: error }, error.message)
    return error
  }
  if (isHttpError(error))
    return new SecretboxError(error.status === 413 ? 'too_large' : 'invalid', error.message)
  log.error({ err: error }, 'internal error')
  return new SecretboxError('internal', 'internal error', { hint: 'the daemon’s log has the cause' })
}

/** Answers errors of the admin API as `{"code","message","hint"?}`. */
export function answerErrors(log: Logger): ErrorRequestHandler {
  return (thrown, _request, response, next) => {
    if (response.headersSent) {
      // The body has begun: breaking the connection is the only way left to say that it is not whole.
      log.warn({ err: thrown as unknown }, 'an answer broke off')
      response.destroy()
      return
    }
    if (response.destroyed) {
      next()
      return
    }
    const { code, message, hint } = publicError(thrown, log)
    response.status(statusOf[code]).json({ code, message, ...(hint === undefined ? {} : { hint }) })
  }
}

/** What Express's own parts throw: a 4xx status and a message about the request. */
function isHttpError(error: unknown): error is { status: number; message: string } {
  return (
    error instanceof Error &&
    'status' in error &&
    typeof error.status === 'number' &&
    error.status >= 400 &&
    error.status < 500
  )
}
