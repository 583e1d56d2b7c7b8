import { base64 } from '../../base/base64.ts'
import { bytesOfText, joinedAndWiped } from '../../base/bytes.ts'
import { escapedIn, formats, type Format } from './formats.ts'
import type { FieldValues, Piece } from './type.ts'
import { writtenIn } from './written.ts'

/** A document of JSON with fields in it. What shows a field that the box does not have is left out. */
export type JsonNode =
  | { readonly kind: 'literal'; readonly value: boolean | number }
  | { readonly kind: 'text'; readonly pieces: readonly Piece[] }
  /** The text in base64. */
  | { readonly kind: 'base64'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'list'; readonly items: readonly JsonNode[] }
  | {
      readonly kind: 'object'
      readonly members: readonly { readonly key: readonly Piece[]; readonly value: JsonNode }[]
    }
  /** An object with all fields, by their names. */
  | { readonly kind: 'fields' }

/** The document as bytes of UTF-8, which the caller zeroes; null when nothing is left of it. */
export function jsonOf(node: JsonNode, values: FieldValues): Buffer | null {
  switch (node.kind) {
    case 'literal':
      return bytesOfText(JSON.stringify(node.value))
    case 'text':
      return inQuotes(node.pieces, values)
    case 'base64':
      return encoded(node.pieces, values)
    case 'list': {
      const items = node.items.flatMap(item => jsonOf(item, values) ?? [])
      return items.length === 0 && node.items.length > 0 ? null : between('[', items, ']')
    }
    case 'object': {
      const members = node.members.flatMap(({ key, value }) => {
        const [name, shown] = [inQuotes(key, values), jsonOf(value, values)]
        if (name !== null && shown !== null) return [joinedAndWiped([name, bytesOfText(':'), shown])]
        name?.fill(0)
        shown?.fill(0)
        return []
      })
      return members.length === 0 && node.members.length > 0 ? null : between('{', members, '}')
    }
    case 'fields': {
      const members = [...values.keys()].map(field => {
        const name = bytesOfText(`${JSON.stringify(field)}:`)
        const shown = inQuotes([{ field, fallback: null, asIs: false }], values)
        return joinedAndWiped([name, shown ?? bytesOfText('null')])
      })
      return between('{', members, '}')
    }
  }
}

const insideQuotes: Format = { ...formats.json, quotes: () => '' }

function inQuotes(pieces: readonly Piece[], values: FieldValues): Buffer | null {
  const inside = writtenIn(insideQuotes, escapedText(pieces), values)
  return inside && joinedAndWiped([bytesOfText('"'), inside, bytesOfText('"')])
}

/** The text of a template as it stands between the quotes of a string. */
function escapedText(pieces: readonly Piece[]): Piece[] {
  return pieces.map(piece =>
    'text' in piece ? { text: escapedIn(formats.json, Buffer.from(piece.text)).toString() } : piece
  )
}

function encoded(pieces: readonly Piece[], values: FieldValues): Buffer | null {
  const plain = writtenIn(formats.raw, pieces, values)
  if (plain === null) return null
  const shown = base64(plain)
  plain.fill(0)
  return joinedAndWiped([bytesOfText('"'), shown, bytesOfText('"')])
}

function between(opening: string, items: readonly Buffer[], closing: string): Buffer {
  const parts = items.flatMap((item, at) => (at === 0 ? [item] : [bytesOfText(','), item]))
  return joinedAndWiped([bytesOfText(opening), ...parts, bytesOfText(closing)])
}
