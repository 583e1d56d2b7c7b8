import type { Piece } from './type.ts'

const part = /\{\{|\}\}|\{([^{}|]*)(?:\|([^{}]*))?\}|[{}]/g

/**
 * Reads a template: `{field}`, `{=field}` for one without escapes, `{field|text}` with what stands there without the field; `{{` and `}}` are braces. Null
 * for one with a brace of which nobody can say what it means.
 */
export function piecesIn(template: string): readonly Piece[] | null {
  const pieces: Piece[] = []
  let text = ''
  let end = 0
  const flush = (): void => {
    if (text !== '') pieces.push({ text })
    text = ''
  }
  for (const match of template.matchAll(part)) {
    const [all, field, fallback] = match
    text += template.slice(end, match.index)
    end = match.index + all.length
    if (all === '{{' || all === '}}') text += all.slice(1)
    else if (field === undefined || field === '') return null
    else {
      flush()
      const asIs = field.startsWith('=')
      pieces.push({ field: asIs ? field.slice(1) : field, fallback: fallback ?? null, asIs })
    }
  }
  text += template.slice(end)
  flush()
  return pieces
}

/** The fields that a template names. */
export function fieldsIn(pieces: readonly Piece[]): Extract<Piece, { field: string }>[] {
  return pieces.flatMap(piece => ('field' in piece ? [piece] : []))
}
