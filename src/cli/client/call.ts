import type * as z from 'zod/mini'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { jsonType } from '../../api/media-types.ts'
import { purposeHeader, type AnswerOf, type Operation } from '../../api/operation.ts'
import { SecretboxError } from '../../base/errors.ts'
import type { BoxName, FilePath } from '../../base/names.ts'
import type { Body } from '../output/body.ts'
import { fitting } from './fitting.ts'
import { exchange, readAll, errorOfAnswer } from './http.ts'
import type { AdminSocket } from './socket.ts'

// Listings are text about files, not files: the daemon's own limit of entries keeps them far below this.
const maxAnswerBytes = 256 * 1024 * 1024
/** Of the daemon's API, docs/openapi.yaml. */
const apiVersion = '/v1'

/** What a call says, beside what its operation is. */
export interface Given<O extends Operation> {
  readonly box?: BoxName
  readonly path?: FilePath
  readonly query?: { readonly [Name in keyof O['query']]?: string | number | readonly string[] | undefined }
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Body
}

/** Speaks with the daemon. */
export interface Calls {
  /** The head of the answer, whatever its status; the caller reads the body. */
  readonly send: <O extends Operation>(operation: O, given: Given<O>) => Promise<IncomingMessage>
  /** As `send`; throws the daemon's own error. */
  readonly ask: <O extends Operation>(operation: O, given: Given<O>) => Promise<IncomingMessage>
  /**
   * As `ask`, with the JSON of the answer. Throws `unavailable` when it is not what the operation answers with the status; with
   * `needs`, when it has not what that names.
   */
  readonly askJson: <O extends Operation, Status extends number = 200>(
    operation: O,
    given: Given<O>,
    status?: Status,
    needs?: z.core.$ZodType
  ) => Promise<AnswerOf<O, Status>>
}

/**
 * Calls of the daemon at the socket that `findSocket` finds; it is asked at the first call, once. `purpose`: what for,
 * when nobody asked for what is read, as when a shell completes names.
 */
export function callsTo(findSocket: () => Promise<AdminSocket>, purpose?: 'completion'): Calls {
  let found: Promise<AdminSocket> | undefined

  const send: Calls['send'] = async (operation, given) => {
    found ??= findSocket()
    const { path: socketPath, hint } = await found
    const server = { name: 'the secretbox daemon', socketPath, hint }
    const { body, headers = {} } = given
    return exchange(server, {
      method: operation.method,
      path: apiVersion + urlOf(operation, given),
      headers: { ...headers, ...(purpose === undefined ? {} : { [purposeHeader]: purpose }) },
      ...(body === undefined ? {} : { body })
    })
  }
  const ask: Calls['ask'] = async (operation, given) => {
    const answer = await send(operation, given)
    if ((answer.statusCode ?? 500) >= 400) throw await errorOfAnswer(answer)
    return answer
  }
  const askJson: Calls['askJson'] = async <O extends Operation, Status extends number>(
    operation: O,
    given: Given<O>,
    status = 200 as Status,
    needs?: z.core.$ZodType
  ) => {
    const answer = await ask(operation, given)
    const text = (await readAll(answer, maxAnswerBytes)).toString()
    const { answers }: Operation = operation
    const schema = answers[status as number]?.[jsonType]
    if (schema === undefined || schema === null || answer.statusCode !== status)
      throw unfit(operation, `its status is ${answer.statusCode ?? 0}`)
    return fitting(needs ?? schema, text, reason => unfit(operation, reason)) as AnswerOf<O, Status>
  }
  return { send, ask, askJson }
}

/** A body of JSON, and the header that says so. */
export function json(value: unknown): { body: Body; headers: OutgoingHttpHeaders } {
  return { body: [Buffer.from(JSON.stringify(value))], headers: { 'Content-Type': jsonType } }
}

/** The error for an answer that is none to the operation. */
export function unfit({ method, path }: Operation, reason: string): SecretboxError {
  return new SecretboxError(
    'unavailable',
    `cannot read the daemon's answer to ${method} ${path}: ${reason}`,
    {
      hint: 'perhaps the daemon and this program are of different releases: make install brings both'
    }
  )
}

function urlOf<O extends Operation>({ path }: O, { box, path: inBox, query = {} }: Given<O>): string {
  const inUrl = path
    .replace('{box}', () => encodeURIComponent(box ?? ''))
    .replace('{path}', () => (inBox ?? '').split('/').map(encodeURIComponent).join('/'))
  const given = Object.entries<string | number | readonly string[] | undefined>(query).flatMap(
    ([name, value]) =>
      value === undefined ? [] : [value].flat().map(each => `${name}=${encodeURIComponent(each)}`)
  )
  return given.length === 0 ? inUrl : `${inUrl}?${given.join('&')}`
}
