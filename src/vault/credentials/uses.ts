import { isUtf8 } from 'node:buffer'
import { quote, SecretboxError } from '../../base/errors.ts'
import { formats, type FormatName } from './formats.ts'
import type { JsonNode } from './json-document.ts'
import { fieldsIn } from './template.ts'
import type { CredentialType, FieldValues, FileContents, Piece } from './type.ts'

/** That a file shows a field, null for each that there is, and in which format. */
interface Use {
  readonly field: string | null
  readonly format: FormatName
}

/** The fields that a file shows. */
export function usesIn(contents: FileContents): Use[] {
  switch (contents.kind) {
    case 'field':
      return [{ field: contents.field, format: 'raw' }]
    case 'json':
      return usesInJson(contents.document)
    case 'lines':
      return contents.lines.flatMap(({ each, pieces }) =>
        each ? [{ field: null, format: contents.format }] : usesOf(pieces, contents.format)
      )
  }
}

function usesOf(pieces: readonly Piece[], format: FormatName): Use[] {
  return fieldsIn(pieces).map(({ field, asIs }) => ({ field, format: asIs ? 'raw' : format }))
}

function usesInJson(node: JsonNode): Use[] {
  switch (node.kind) {
    case 'literal':
      return []
    case 'fields':
      return [{ field: null, format: 'json' }]
    case 'text':
      return usesOf(node.pieces, 'json')
    case 'base64':
      return usesOf(node.pieces, 'raw')
    case 'list':
      return node.items.flatMap(usesInJson)
    case 'object':
      return node.members.flatMap(({ key, value }) => [...usesOf(key, 'json'), ...usesInJson(value)])
  }
}

/** Whether a file has anything to show of these values; one without fields always has. */
export function showsAny(contents: FileContents, values: FieldValues): boolean {
  const uses = usesIn(contents)
  if (uses.length === 0) return true
  return uses.some(({ field }) => (field === null ? values.size > 0 : values.has(field)))
}

/**
 * Throws `invalid` for a value that a file of the type cannot hold, and says which and why. What is shown without escapes must be
 * what its field must be, whenever that was said: a type may have been another when the value was set.
 */
export function refuseUnwritable(type: CredentialType, values: FieldValues): void {
  for (const { path, contents } of type.files) {
    for (const { field } of asIsIn(contents)) {
      const value = values.get(field)
      if (value === undefined || isFitAsIs(type, field, value)) continue
      throw new SecretboxError(
        'invalid',
        `field ${quote(field)} is not what it must be: ${quote(path)} cannot hold that`,
        hintOf(value)
      )
    }
    for (const { field, format } of usesIn(contents)) {
      for (const name of field === null ? values.keys() : [field]) {
        const value = values.get(name)
        const reason = value && formats[format].refuse(value)
        if (value === undefined || reason === undefined || reason === null) continue
        throw new SecretboxError(
          'invalid',
          `field ${quote(name)} ${reason}: ${quote(path)} cannot hold that`,
          hintOf(value)
        )
      }
    }
  }
}

function isFitAsIs({ fields }: CredentialType, name: string, value: Uint8Array): boolean {
  const pattern = fields.find(field => field.name === name)?.pattern
  if (pattern === undefined || pattern === null || !isUtf8(value)) return false
  return !value.some(byte => byte < 32 || byte === 127) && pattern.test(Buffer.from(value).toString())
}

/** Of a value that is not taken: what to do when a newline at its end is what is wrong. */
export function hintOf(value: Uint8Array): { hint?: string } {
  return value.at(-1) === 10
    ? { hint: 'it ends with a newline, as echo adds one; --strip-newline leaves that out' }
    : {}
}

/** The fields that a file shows without escapes. */
export function asIsIn(contents: FileContents): Extract<Piece, { field: string }>[] {
  const pieces =
    contents.kind === 'lines'
      ? contents.lines.flatMap(line => line.pieces)
      : contents.kind === 'json'
        ? piecesInJson(contents.document)
        : []
  return fieldsIn(pieces).filter(({ asIs }) => asIs)
}

function piecesInJson(node: JsonNode): readonly Piece[] {
  if (node.kind === 'text' || node.kind === 'base64') return node.pieces
  if (node.kind === 'list') return node.items.flatMap(piecesInJson)
  if (node.kind === 'object')
    return node.members.flatMap(({ key, value }) => [...key, ...piecesInJson(value)])
  return []
}
