import { Secret } from '../../base/secret.ts'
import { bytesOfText, joined, joinedAndWiped } from '../../base/bytes.ts'
import { formats } from './formats.ts'
import { jsonOf } from './json-document.ts'
import type { CredentialType, FieldValues, FileContents, Piece, TypeLine } from './type.ts'
import { refuseUnwritable, showsAny } from './uses.ts'
import { writtenIn } from './written.ts'

/** A file as clients read it. Whoever holds it wipes it. */
export interface RenderedFile {
  readonly path: string
  readonly mode: number
  readonly bytes: Secret
}

/**
 * The files that a type makes of what a box has. Pure: nothing but the arguments counts, and nothing is kept. Throws `invalid`
 * for a value that a file cannot hold, before anything is made.
 */
export function render(type: CredentialType, values: FieldValues): RenderedFile[] {
  refuseUnwritable(type, values)
  return type.files.flatMap(({ path, mode, contents }) => {
    const bytes = showsAny(contents, values) ? contentsOf(contents, values) : null
    return bytes === null ? [] : [{ path, mode, bytes: new Secret(bytes) }]
  })
}

function contentsOf(contents: FileContents, values: FieldValues): Buffer | null {
  switch (contents.kind) {
    case 'field': {
      const value = values.get(contents.field)
      if (value === undefined) return null
      const isEnded = !contents.ended || value.at(-1) === newline
      return joined(isEnded ? [value] : [value, Buffer.of(newline)])
    }
    case 'lines':
      return linesOf(contents, values)
    case 'json': {
      const document = jsonOf(contents.document, values)
      return document && joinedAndWiped([document, bytesOfText('\n')])
    }
  }
}

const newline = 10

function linesOf({ format, lines }: Extract<FileContents, { kind: 'lines' }>, values: FieldValues): Buffer {
  const written = lines.flatMap(line =>
    line.each
      ? [...values].map(([name, value]) =>
          writtenIn(formats[format], named(line, name), new Map([['value', value]]))
        )
      : [writtenIn(formats[format], line.pieces, values)]
  )
  return joinedAndWiped(written.flatMap(line => (line === null ? [] : [line, bytesOfText('\n')])))
}

/** A line of `each` for one field: its name is text. */
function named({ pieces }: TypeLine, name: string): Piece[] {
  return pieces.map(piece => ('field' in piece && piece.field === 'name' ? { text: name } : piece))
}
