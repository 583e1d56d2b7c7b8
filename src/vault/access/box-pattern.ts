import { quote, SecretboxError } from '../../base/errors.ts'
import { asGlob, isEphemeralBox, parseBoxName, type BoxName } from '../../base/names.ts'
import { coversGlob, matchesGlob, type Glob } from './glob.ts'

/** Which boxes a grant is about: one by its name, or all whose names are as a glob says, there already or not. */
export interface BoxPattern extends Glob {
  /** The one way to write it. `*` is any number of characters, `\*` a star, `\\` a backslash. */
  readonly text: string
  /** The box that is named, or null for a glob. */
  readonly name: BoxName | null
}

/** More than any name has, with a backslash before each of its characters. */
const mostPatternCharacters = 1024

/** Reads a name or a glob. A backslash before anything but a star or a backslash is itself. Throws `invalid`. */
export function parseBoxPattern(text: string): BoxPattern {
  if (text.length > mostPatternCharacters)
    throw new SecretboxError(
      'invalid',
      `bad boxes ${quote(text)}: they have more than ${mostPatternCharacters} characters`
    )
  const literals = ['']
  for (const [piece] of text.matchAll(/\\[\\*]|[^]/gu)) {
    if (piece === '*') literals.push('')
    else
      literals.push(
        (literals.pop() ?? '') + (piece.length === 2 && piece.startsWith('\\') ? piece.slice(1) : piece)
      )
  }
  // Two stars say no more than one.
  const needed = literals.filter((literal, i) => literal !== '' || i === 0 || i === literals.length - 1)
  // A name may have a star, so that what is right with a name is right with a glob.
  const name = parseBoxName(needed.join('*'))
  return patternOf(needed, needed.length === 1 ? name : null)
}

/** The pattern that a box's name alone is. */
export function patternOfBox(name: BoxName): BoxPattern {
  return patternOf([name], name)
}

function patternOf(literals: readonly string[], name: BoxName | null): BoxPattern {
  return { literals, name, text: literals.map(asGlob).join('*') }
}

/**
 * Whether a grant of these boxes is about this one. A box that was made for one container is of no glob: nobody had it in mind.
 */
export function includesBox(pattern: BoxPattern, box: BoxName): boolean {
  if (pattern.name !== null) return pattern.name === box
  return !isEphemeralBox(box) && matchesGlob(pattern, box)
}

/** Whether a box of this name is one that such a grant lets somebody make: also one for one container, which then is theirs. */
export function includesNewBox(pattern: BoxPattern, box: BoxName): boolean {
  return includesBox(pattern, box) || (pattern.name === null && matchesGlob(pattern, box))
}

/** Whether a grant of the wide pattern is about all boxes that the narrow one can be about. */
export function coversBoxes(wide: BoxPattern, narrow: BoxPattern): boolean {
  return narrow.name === null ? coversGlob(wide, narrow) : includesBox(wide, narrow.name)
}
