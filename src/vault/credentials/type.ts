import type { CheckName } from './checks.ts'
import type { FormatName } from './formats.ts'
import type { JsonNode } from './json-document.ts'
import type { Pattern } from './pattern.ts'

/** What a kind of credential consists of, and which files clients are given of it. */
export interface CredentialType {
  readonly name: string
  readonly title: string
  readonly origin: 'shipped' | 'own'
  /** In the order in which they are shown. */
  readonly fields: readonly TypeField[]
  /** Which further fields a box may have; all of them secret. */
  readonly others: OtherFields | null
  /** Of at least one of these groups all fields must be there. Empty: nothing but what is required. */
  readonly alternatives: readonly (readonly string[])[]
  /** A private key, and the certificate that it must fit. */
  readonly pair: { readonly key: string; readonly certificate: string } | null
  readonly files: readonly TypeFile[]
}

/** A field of a credential: in a version, the file of that name. */
export interface TypeField {
  readonly name: string
  readonly meaning: string
  /** Never shown, never a JavaScript string. */
  readonly secret: boolean
  /** Without it nothing is mounted. */
  readonly required: boolean
  /** Whether it may hold a newline. */
  readonly lines: 'one' | 'many'
  /** What all of it must match; only of a field that is shown. */
  readonly pattern: Pattern | null
  /** The characters that it may have, each of which must match; for secrets, too. */
  readonly characters: Pattern | null
  readonly minBytes: number
  readonly maxBytes: number
  /** What stands for it when neither the box nor its scope has it. */
  readonly usual: string | null
  /** How it is made up; null for what nobody can make up. */
  readonly generated: { readonly length: number; readonly charset: string } | null
  readonly check: CheckName | null
}

/** What a further field must be called. */
export interface OtherFields {
  readonly pattern: Pattern
  readonly rule: string
}

/** A file that is made of fields. It is left out when the box has none of the fields that it shows. */
export interface TypeFile {
  readonly path: string
  readonly mode: number
  readonly contents: FileContents
}

export type FileContents =
  /** A field as it is; `ended`: with a newline at its end, added where there is none. */
  | { readonly kind: 'field'; readonly field: string; readonly ended: boolean }
  /**
   * Lines with fields in them, written as the format wants it. A line that names a field which the box does not have is left
   * out. A line of `each` stands for every field, with `{name}` and `{value}`.
   */
  | { readonly kind: 'lines'; readonly format: FormatName; readonly lines: readonly TypeLine[] }
  | { readonly kind: 'json'; readonly document: JsonNode }

export interface TypeLine {
  readonly each: boolean
  readonly pieces: readonly Piece[]
}

/** A part of a template: text as it stands, or a field, with the text that stands for it when it is not there. */
export type Piece =
  | { readonly text: string }
  /** `asIs`: without escapes, which is for what is shown and has a pattern. */
  | { readonly field: string; readonly fallback: string | null; readonly asIs: boolean }

/** What a box has: the bytes of its fields, by name. They are the caller's. */
export type FieldValues = ReadonlyMap<string, Uint8Array>
