import type { FieldOfBox, FieldOfType, TypeOfBox } from '../../api/types.ts'
import type { ErrorAnswer } from '../../api/errors.ts'
import type { BadType } from '../../vault/credentials/types.ts'
import { errorJson } from '../transport/answers.ts'
import type { ShownCredential, ShownField } from '../../vault/credentials/shown.ts'
import type { CredentialType, TypeField, TypeFile } from '../../vault/credentials/type.ts'

/** A type as it is told. */
export function describeType(type: CredentialType): TypeOfBox {
  const { name, title, origin, fields, others, alternatives, files } = type
  return {
    ...{ name, title, origin },
    fields: fields.map(describeField),
    ...(others === null ? {} : { others: others.rule }),
    ...(alternatives.length === 0 ? {} : { alternatives }),
    files: files.map(describeFile)
  }
}

/** A type that cannot be read, as it is told. */
export function describeBad({ name, error }: BadType): ErrorAnswer & { name: string } {
  return { name, ...errorJson(error) }
}

function describeField({ pattern, usual, generated, ...field }: TypeField): FieldOfType {
  const { name, meaning, secret, required, lines } = field
  return {
    ...{ name, meaning, secret, required, lines },
    ...(pattern === null ? {} : { pattern: `^(?:${pattern.source})$` }),
    ...(usual === null ? {} : { usual }),
    ...(generated === null ? {} : { generated })
  }
}

function describeFile({ path, mode }: Pick<TypeFile, 'path' | 'mode'>): { path: string; mode: string } {
  return { path, mode: mode.toString(8).padStart(4, '0') }
}

/** What of a box's fields is no secret. */
export function describeCredential({ fields, facts, others, missing, files }: ShownCredential): {
  fields: FieldOfBox[]
  facts: Readonly<Record<string, string>>
  others?: string
  missing: readonly string[]
  rendered: { path: string; mode: string }[]
} {
  return {
    fields: fields.map(describeShown),
    facts,
    ...(others === null ? {} : { others }),
    missing,
    rendered: files.map(describeFile)
  }
}

function describeShown({ generated, from, value, ...field }: ShownField): FieldOfBox {
  return {
    ...field,
    ...(generated === null ? {} : { generated }),
    ...(from === null ? {} : { from }),
    ...(value === null ? {} : { value })
  }
}
