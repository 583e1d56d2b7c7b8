import type { ErrorRequestHandler, Request } from 'express'
import type { Logger } from 'pino'
import { httpStatuses, type ErrorAnswer } from '../../api/errors.ts'
import { badComponent } from './address.ts'
import { internalError, quote, SecretboxError, type ErrorCode } from '../../base/errors.ts'

/** Nothing can be done with this method at this URL: 405, with the methods that it takes in `Allow` (RFC 9110). */
export class MethodError extends SecretboxError {
  readonly allowed: readonly string[]

  constructor({ method, originalUrl }: Pick<Request, 'method' | 'originalUrl'>, allowed: readonly string[]) {
    super('invalid', `cannot ${method} ${quote(originalUrl)}: it takes ${allowed.join(', ')}`)
    this.allowed = allowed
  }
}

/** The status of an error, and the headers that belong to it. */
export function headOf(error: SecretboxError): { status: number; headers: Record<string, string> } {
  if (error instanceof MethodError) return { status: 405, headers: { Allow: error.allowed.join(', ') } }
  return { status: httpStatuses[error.code], headers: {} }
}

/** What is a fault of the host's or of ours. */
const toldInTheLog: ReadonlySet<ErrorCode> = new Set(['damaged', 'unavailable', 'internal'])

/**
 * What may leave the process about an error: ours as they are, anything else as "internal error", with the
 * cause in the log, once.
 */
export function publicError(error: unknown, log: Logger): SecretboxError {
  if (error instanceof SecretboxError) {
    if (toldInTheLog.has(error.code)) log.error({ err: error }, error.message)
    return error
  }
  if (isHttpError(error)) return requestError(error)
  log.error({ err: error }, 'internal error')
  return internalError()
}

/** An error as answers tell of it. */
export function errorJson({ code, message, hint }: SecretboxError): ErrorAnswer {
  return { code, message, ...(hint === undefined ? {} : { hint }) }
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
    const error = publicError(thrown, log)
    const { status, headers } = headOf(error)
    response.status(status).set(headers).json(errorJson(error))
  }
}

/** For a body that is longer than it may be. */
export function bodyTooLarge(maxBytes: number): SecretboxError {
  return new SecretboxError('too_large', `bad request: the body may have at most ${maxBytes} bytes`)
}

/** What Express's own parts throw: a 4xx status and a message about the request. */
interface HttpError extends Error {
  readonly status: number
  /** body-parser's word for what went wrong. */
  readonly type?: string
  /** The bytes that a body may have. */
  readonly limit?: number
}

function isHttpError(error: unknown): error is HttpError {
  return (
    error instanceof Error &&
    'status' in error &&
    typeof error.status === 'number' &&
    error.status >= 400 &&
    error.status < 500
  )
}

// The parser's own message of bad JSON quotes the body.
function requestError({ status, type, limit, message }: HttpError): SecretboxError {
  if (status === 413) {
    return bodyTooLarge(limit ?? 0)
  }
  const [, component] = /^Failed to decode param '(.*)'$/.exec(message) ?? []
  if (component !== undefined) return badComponent(component)
  return new SecretboxError(
    'invalid',
    `bad request: ${type === 'entity.parse.failed' ? 'the body is not JSON' : message}`
  )
}
