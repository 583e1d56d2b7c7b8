import type * as z from 'zod/mini'
import type { jsonType } from './media-types.ts'
import { Words } from './parameters.ts'
import type { Read } from './values.ts'

type Schema = z.core.$ZodType
/** What bodies there can be, by media type; null for bytes that no schema describes. */
type Bodies = Readonly<Record<string, Schema | null>>

/** One method of one path: what may be asked and answered. */
export interface Operation {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** With `{box}`, and `{path}` in the box, in braces. */
  readonly path: string
  readonly query: Readonly<Record<string, Schema>>
  /** Beside those that every operation takes, `commonHeaders`. */
  readonly headers: Readonly<Record<string, Schema>>
  readonly bodies: Bodies
  /** By status. */
  readonly answers: Readonly<Record<number, Bodies>>
  /** The headers of these answers that mean something. */
  readonly answerHeaders: Readonly<Record<string, Schema>>
  /** The statuses of errors, beside those that every operation may answer, `commonRefusals`. */
  readonly refusals: readonly number[]
}

/** What an operation has that takes and tells nothing beside its answer. */
export const none = { query: {}, headers: {}, bodies: {}, answerHeaders: {}, refusals: [] } as const

/** By it a request says what for, when nobody asked for what is read, as when a shell completes names. */
export const purposeHeader = 'Secretbox-Purpose'

/** The headers of every operation. */
export const commonHeaders = { [purposeHeader]: Words } as const

/** Denied, asked too often, a fault, sealed, a full disk. */
export const commonRefusals: readonly number[] = [403, 429, 500, 503, 507]

/** What the query of an operation says, read. */
export type QueryOf<O extends Operation> = {
  readonly [Name in keyof O['query']]: z.output<O['query'][Name]>
}

/** What the headers of a request say that are the operation's own, read. */
export type HeadersOf<O extends Operation> = {
  readonly [Name in keyof O['headers']]: z.output<O['headers'][Name]>
}

/** The JSON that an operation answers with a status. */
export type AnswerOf<O extends Operation, Status extends number = 200> = O['answers'][Status] extends {
  readonly [jsonType]: infer S extends Schema
}
  ? Read<S>
  : never
