import { bytesOfText, joined, joinedAndWiped } from '../../base/bytes.ts'
import { escapedIn, type Format } from './formats.ts'
import type { FieldValues, Piece } from './type.ts'

/**
 * A template with its fields, each as the format writes it; the text of the template stands as it is. The caller zeroes it. Null
 * when the box has not all the fields that it names. Of values that the format can hold (`refuseUnwritable`).
 */
export function writtenIn(format: Format, pieces: readonly Piece[], values: FieldValues): Buffer | null {
  const isComplete = pieces.every(
    piece => 'text' in piece || piece.fallback !== null || values.has(piece.field)
  )
  if (!isComplete) return null
  return joinedAndWiped(
    pieces.map(piece => {
      if ('text' in piece) return bytesOfText(piece.text)
      const value = values.get(piece.field)
      if (value === undefined) return bytesOfText(piece.fallback ?? '')
      if (piece.asIs) return joined([value])
      const quotes = format.quotes(value)
      return joinedAndWiped([bytesOfText(quotes), escapedIn(format, value), bytesOfText(quotes)])
    })
  )
}
