import * as z from 'zod/mini'
import { errorCodes } from './errors.ts'
import { OctalMode, wordOf, type Read } from './values.ts'

/** How a field can be made up. */
export const Generated = z.lazy(() => z.object({ length: z.int(), charset: z.string() }))

/** A file that clients are given. */
export const FileOfType = z.lazy(() => z.object({ path: z.string(), mode: OctalMode }))

/** What there is to say of a field, with a value or without. */
const declared = () => ({
  name: z.string(),
  meaning: z.string(),
  secret: z.boolean(),
  required: z.boolean(),
  /** Whether it may hold a newline. */
  lines: wordOf(['one', 'many']),
  generated: z.exactOptional(Generated)
})

/** A field that a type declares. */
export const FieldOfType = z.lazy(() =>
  z.object({
    ...declared(),
    /** What it must match. */
    pattern: z.exactOptional(z.string()),
    /** What stands for it when it is not set. */
    usual: z.exactOptional(z.string())
  })
)
export type FieldOfType = Read<typeof FieldOfType>

/** A type of credentials. */
export const TypeOfBox = z.lazy(() =>
  z.object({
    name: z.string(),
    title: z.string(),
    origin: wordOf(['shipped', 'own']),
    fields: z.array(FieldOfType),
    /** What further fields are called; absent when there are none. */
    others: z.exactOptional(z.string()),
    /** Of at least one of these groups all fields must be there; absent when there is none. */
    alternatives: z.exactOptional(z.array(z.array(z.string()))),
    files: z.array(FileOfType)
  })
)
export type TypeOfBox = Read<typeof TypeOfBox>

/** A type of the operator's that cannot be read, and why. */
const BadTypeAnswer = z.lazy(() =>
  z.object({
    name: z.string(),
    code: wordOf(errorCodes),
    message: z.string(),
    hint: z.exactOptional(z.string())
  })
)

/** All types, by name. */
export const TypeList = z.lazy(() =>
  z.object({
    types: z.array(TypeOfBox),
    /** Those of the operator's that cannot be read; absent when there is none. */
    bad: z.exactOptional(z.array(BadTypeAnswer))
  })
)
export type TypeList = Read<typeof TypeList>

/** A field of a box, without what is secret. */
export const FieldOfBox = z.lazy(() =>
  z.object({
    ...declared(),
    /** Where its value comes from; absent when it has none. */
    from: z.exactOptional(wordOf(['box', 'scope', 'usual'])),
    /** Of what is no secret, and one line. */
    value: z.exactOptional(z.string())
  })
)
export type FieldOfBox = Read<typeof FieldOfBox>

/** What a box is for: names and values that are no secret. */
export const ScopeOfBox = z.lazy(() => z.record(z.string(), z.string()))
