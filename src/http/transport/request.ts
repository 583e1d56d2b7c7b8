import express, { type Request, type RequestHandler, type Response } from 'express'
import * as z from 'zod/mini'
import type { HeadersOf, Operation, QueryOf } from '../../api/operation.ts'
import { quote, SecretboxError } from '../../base/errors.ts'

type Schema = z.core.$ZodType

/**
 * What the query says, as the operation reads it. Throws `invalid` for a parameter that it does not have, which was not
 * meant to be passed over, and for one that does not say what it should.
 */
export function queryOf<O extends Operation>(operation: O, request: Request): QueryOf<O> {
  const known = Object.keys(operation.query)
  const unknown = Object.keys(request.query).find(name => !known.includes(name))
  if (unknown !== undefined) {
    const [path] = request.originalUrl.split('?')
    throw new SecretboxError(
      'invalid',
      `unknown parameter ${quote(unknown)}: ${request.method} ${quote(path ?? '')} takes ${known.join(', ') || 'none'}`
    )
  }
  return valuesIn(operation.query, name => request.query[name]) as QueryOf<O>
}

/** The conditions on what is there (RFC 9110): what is changed in spite of one that means nothing would be lost. */
const conditions = ['If-Match', 'If-None-Match']
const readingMethods: readonly string[] = ['GET', 'HEAD'] satisfies Operation['method'][]

/** What the headers say of which the operation knows; others mean nothing. Throws `invalid`, also for a condition on a change that has no such. */
export function headersOf<O extends Operation>(operation: O, request: Request): HeadersOf<O> {
  const { method, headers }: Operation = operation
  const unknown = readingMethods.includes(method)
    ? undefined
    : conditions.find(name => headers[name] === undefined && request.get(name) !== undefined)
  if (unknown !== undefined) throw new SecretboxError('invalid', `${method} takes no ${unknown}`)
  return valuesIn(headers, name => request.get(name)) as HeadersOf<O>
}

function valuesIn(
  schemas: Readonly<Record<string, Schema>>,
  given: (name: string) => unknown
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const value = given(name)
      const read = z.safeParse(schema, value)
      if (read.success) return [name, read.data]
      const text = typeof value === 'string' ? value : JSON.stringify(value ?? '')
      throw new SecretboxError(
        'invalid',
        `bad ${name} ${quote(text)}: ${read.error.issues[0]?.message ?? ''}`
      )
    })
  )
}

/** Reads the body as JSON, whatever its type, for `bodyIn`. Throws what the parser throws, which `answerErrors` knows. */
export function takeJson(request: Request, response: Response, maxBytes: number): Promise<void> {
  const parse: RequestHandler = express.json({ limit: maxBytes, type: () => true })
  return new Promise((resolve, reject) => {
    void parse(request, response, (error?: unknown) => {
      if (error instanceof Error) reject(error)
      else resolve()
    })
  })
}

/** What a body of JSON says. Throws `invalid`: `what` it is bad as, and `rule`, what it must be. */
export function bodyIn<S extends Schema>(
  schema: S,
  request: Request,
  what: string,
  rule: string
): z.output<S> {
  // It ends at the first fault: a body of millions would otherwise be told of one by one.
  if (z.validate(schema, request.body)) return z.parse(schema, request.body)
  throw new SecretboxError('invalid', `bad ${what}: it must be ${rule}`)
}
