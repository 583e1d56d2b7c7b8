import { z } from 'zod'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseFilePath } from '../../base/names.ts'
import { checks, type CheckName } from './checks.ts'
import { formats, type FormatName } from './formats.ts'
import type { JsonNode } from './json-document.ts'
import { BadPattern, readCharacters, readPattern, type Pattern } from './pattern.ts'
import { piecesIn } from './template.ts'
import type { CredentialType, FileContents, Piece, TypeField, TypeFile, TypeLine } from './type.ts'
import { asIsIn, usesIn } from './uses.ts'

/*
 * A type as it is written: by us in `shipped-*.ts`, by operators as JSON. What is not known is refused.
 */

const mostFieldBytes = 64 << 10
/** What is shown is kept short, for listings and for patterns. */
const mostShownBytes = 1024
const mostFields = 64
const mostFiles = 64

const fieldName = /^[a-z][a-z0-9-]{0,62}$/
/** What a type is called. */
export const typeNameRule = 'a name is small letters, digits and "-", a letter first'
const typeName = /^[a-z][a-z0-9-]{0,62}$/

const text = z.string().min(1).max(200)
const Generated = z.strictObject({
  length: z.int().min(1).max(1024),
  charset: z.enum(['alphanumeric', 'letters', 'digits', 'hex', 'base64url', 'printable'])
})
const checkNames = Object.keys(checks) as [CheckName, ...CheckName[]]
const FieldForm = z.strictObject({
  meaning: text,
  secret: z.boolean().default(false),
  required: z.boolean().default(false),
  lines: z.enum(['one', 'many']).default('one'),
  pattern: text.optional(),
  characters: text.optional(),
  minBytes: z.int().min(0).max(mostFieldBytes).default(1),
  maxBytes: z.int().min(1).max(mostFieldBytes).optional(),
  usual: z.string().max(mostShownBytes).optional(),
  generated: Generated.optional(),
  check: z.enum(checkNames).optional()
})
const mode = z.string().regex(/^0[0-7]{3}$/, 'it must be octal, 0000 to 0777')
const template = z.string().max(4096)

type JsonForm = string | boolean | number | readonly JsonForm[] | { readonly [key: string]: JsonForm }
const JsonForm: z.ZodType<JsonForm> = z.lazy(() =>
  z.union([
    template,
    z.boolean(),
    z.number(),
    z.array(JsonForm).readonly(),
    z.record(z.string(), JsonForm).readonly()
  ])
)

const formatNames = Object.keys(formats) as [FormatName, ...FormatName[]]
const FileForm = z.union(
  [
    z.strictObject({
      mode: mode.optional(),
      field: text,
      /** With a newline at its end, added where there is none. */
      ended: z.boolean().default(false)
    }),
    z.strictObject({
      mode: mode.optional(),
      format: z.enum(formatNames),
      lines: z
        .array(z.union([template, z.strictObject({ each: template })]))
        .min(1)
        .max(256)
    }),
    z.strictObject({ mode: mode.optional(), json: JsonForm })
  ],
  'it must have "field", or "format" with "lines", or "json", and no more than "mode" beside'
)

const Form = z.strictObject({
  title: text,
  fields: z
    .record(z.string().regex(fieldName, 'a name is small letters, digits and "-"'), FieldForm)
    .default({}),
  others: z.strictObject({ pattern: text, rule: text }).optional(),
  alternatives: z.array(z.array(z.string()).min(1)).default([]),
  pair: z.strictObject({ key: z.string(), certificate: z.string() }).optional(),
  files: z.record(z.string(), FileForm)
})

/** A type as it is written. */
export type TypeForm = z.input<typeof Form>

/** Reads a type. Throws `invalid` that says where in it something is wrong, and what. */
export function readType(name: string, origin: CredentialType['origin'], written: unknown): CredentialType {
  const refuse = (where: string, what: string): never => {
    throw new SecretboxError('invalid', `bad type ${quote(name)}: ${where === '' ? '' : `${where}: `}${what}`)
  }
  if (!typeName.test(name)) refuse('', typeNameRule)
  const read = Form.safeParse(written)
  if (!read.success) {
    const issue = read.error.issues[0]
    return refuse(issue?.path.join('.') ?? '', issue?.message ?? '')
  }
  const { title, fields, others, alternatives, pair = null, files } = read.data
  if (Object.keys(fields).length > mostFields) refuse('fields', `there are at most ${mostFields}`)
  if (Object.keys(files).length > mostFiles) refuse('files', `there are at most ${mostFiles}`)
  if (Object.keys(files).length === 0) refuse('files', 'there is none')
  const type: CredentialType = {
    ...{ name, title, origin },
    fields: Object.entries(fields).map(([field, form]) =>
      readField(field, form, what => refuse(`fields.${field}`, what))
    ),
    others:
      others === undefined
        ? null
        : { pattern: expression(others.pattern, what => refuse('others', what)), rule: others.rule },
    alternatives,
    pair,
    files: Object.entries(files).map(([path, form]) =>
      readFile(path, form, what => refuse(`files.${path}`, what))
    )
  }
  refuseUnknown(type, refuse)
  return type
}

type Refuse = (what: string) => never

function readField(name: string, form: z.output<typeof FieldForm>, refuse: Refuse): TypeField {
  const { pattern, characters, usual = null, generated = null, check = null, maxBytes, ...rest } = form
  if (form.secret && pattern !== undefined)
    refuse('a secret has no "pattern", which would make a text of it: take "characters"')
  if (form.secret && usual !== null) refuse('a secret has no "usual" value: it would be in this file')
  const shortest = form.secret || form.lines === 'many' ? mostFieldBytes : mostShownBytes
  const field: TypeField = {
    ...rest,
    ...{ name, usual, generated, check },
    pattern: pattern === undefined ? null : expression(pattern, refuse),
    characters: characters === undefined ? null : expression(characters, refuse, readCharacters),
    maxBytes: Math.min(maxBytes ?? shortest, shortest)
  }
  if (field.minBytes > field.maxBytes) refuse('"minBytes" is more than "maxBytes"')
  return field
}

function expression(source: string, refuse: Refuse, read = readPattern): Pattern {
  try {
    return read(source)
  } catch (error) {
    if (error instanceof BadPattern) return refuse(error.message)
    throw error
  }
}

function readFile(path: string, form: z.output<typeof FileForm>, refuse: Refuse): TypeFile {
  if (path === '' || parseFilePath(path) !== path)
    refuse('it must be a path, without "..", "." or "/" around it')
  return { path, mode: Number.parseInt(form.mode ?? '0600', 8), contents: readContents(form, refuse) }
}

function readContents(form: z.output<typeof FileForm>, refuse: Refuse): FileContents {
  if ('field' in form) return { kind: 'field', field: form.field, ended: form.ended }
  if ('json' in form) return { kind: 'json', document: readNode(form.json, refuse) }
  const lines = form.lines.map((line): TypeLine => {
    const each = typeof line !== 'string'
    const pieces = readPieces(each ? line.each : line, refuse)
    if (each && pieces.some(piece => 'field' in piece && !['name', 'value'].includes(piece.field)))
      refuse('a line of "each" has {name} and {value}')
    if (pieces.some(piece => 'text' in piece && /[\r\n]/.test(piece.text))) refuse('a line has no newline')
    return { each, pieces }
  })
  return { kind: 'lines', format: form.format, lines }
}

function readPieces(template: string, refuse: Refuse): readonly Piece[] {
  return piecesIn(template) ?? refuse(`${quote(template)} has a brace that is none: {{ and }} are braces`)
}

function readNode(form: JsonForm, refuse: Refuse): JsonNode {
  if (typeof form === 'string') return { kind: 'text', pieces: readPieces(form, refuse) }
  if (typeof form === 'boolean' || typeof form === 'number') return { kind: 'literal', value: form }
  if (Array.isArray(form))
    return { kind: 'list', items: (form as readonly JsonForm[]).map(item => readNode(item, refuse)) }
  const members = Object.entries(form)
  const [special] = members
  if (special !== undefined && special[0].startsWith('$')) {
    const [key, value] = special
    if (members.length === 1 && key === '$base64' && typeof value === 'string')
      return { kind: 'base64', pieces: readPieces(value, refuse) }
    if (members.length === 1 && key === '$fields' && value === 'all') return { kind: 'fields' }
    return refuse(`${quote(key)} is not known: there are {"$base64": text} and {"$fields": "all"}`)
  }
  return {
    kind: 'object',
    members: members.map(([key, value]) => ({ key: readPieces(key, refuse), value: readNode(value, refuse) }))
  }
}

/** What a type names in one place must be there in another, and a secret is no part of a file's name. */
function refuseUnknown(
  { fields, others, alternatives, pair, files }: CredentialType,
  refuse: (where: string, what: string) => never
): void {
  const named = new Map(fields.map(field => [field.name, field]))
  const names = new Set(named.keys())
  if (names.size === 0 && others === null) refuse('fields', 'there is none')
  for (const name of alternatives.flat())
    if (!names.has(name)) refuse('alternatives', `there is no field ${quote(name)}`)
  for (const [field, check] of pair === null
    ? []
    : ([
        [pair.key, 'private-key'],
        [pair.certificate, 'certificate-chain']
      ] as const))
    if (named.get(field)?.check !== check)
      refuse('pair', `${quote(field)} is no field with the check ${quote(check)}`)
  for (const { path, contents } of files) {
    for (const { field } of usesIn(contents))
      if (field !== null && !names.has(field)) refuse(`files.${path}`, `there is no field ${quote(field)}`)
    for (const { field } of asIsIn(contents)) {
      const declared = named.get(field)
      if (declared?.secret !== false || declared.pattern === null || declared.lines === 'many')
        refuse(`files.${path}`, `{=${field}} is for a field of one line that is no secret and has a pattern`)
    }
    if (files.some(other => other.path.startsWith(`${path}/`)))
      refuse(`files.${path}`, 'it is a directory of another file')
  }
}
