import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { namesBoxItself } from '../../base/messages.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { shellWord } from '../../base/shell-word.ts'
import { UsageError } from '../output/failure.ts'

/** A box, or a path in it, as users write them: `db`, `db:certs/key.pem`. */
export interface Address {
  readonly box: BoxName
  /** Null when nothing follows the name: the box itself. */
  readonly path: FilePath | null
}

/** A path in a box; `''` is the box's root. */
export interface Place {
  readonly box: BoxName
  readonly path: FilePath
}

/** Reads `box` or `box:path`; a box's name has no colon, so the first one ends it. Throws `invalid`. */
export function parseAddress(text: string): Address {
  const colon = text.indexOf(':')
  if (colon === -1) return { box: parseBoxName(text), path: null }
  return { box: parseBoxName(text.slice(0, colon)), path: parseFilePath(text.slice(colon + 1)) }
}

/**
 * Reads the name of a box where nothing in it can be meant. Throws `invalid`; of `box:path` it says what may have been
 * wanted: `ofFile`, words that go before it, or the box alone.
 */
export function parseBoxAlone(text: string, ofFile?: string): BoxName {
  const colon = text.indexOf(':')
  if (colon === -1) return parseBoxName(text)
  throw new SecretboxError('invalid', `bad box name ${quote(text)}: it contains ":"`, {
    hint:
      ofFile === undefined
        ? `write the box alone: ${quote(text.slice(0, colon))}`
        : `${ofFile} ${shellWord(text)}`
  })
}

/** The file that `BOX PATH` or `BOX:PATH` names. Throws `UsageError` when it names none. */
export function placeOf(first: string, second?: string): Place {
  const { box, path } =
    second === undefined ? parseAddress(first) : { box: parseBoxName(first), path: parseFilePath(second) }
  if (path === null) throw new UsageError(`${quote(first)} names no file`, `write "${box}:PATH"`)
  if (path === '') throw new UsageError(`bad path ${quote(second ?? '')}: ${namesBoxItself}`)
  return { box, path }
}

/** As `placeOf`, for something to be stored there: also throws what `refuseAbove` does. */
export function placeToStore(first: string, second?: string): Place {
  refuseAbove(second === undefined ? first : `:${second}`)
  return placeOf(first, second)
}

/**
 * Does `act` for `word`, one of several `BOX[:PATH]`. When there is no such box, and the word before names one, then
 * `BOX PATH` may have been meant: the hint says so.
 */
export async function asOneWord<T>(
  words: readonly string[],
  word: string,
  act: () => Promise<T>
): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const before = words[words.indexOf(word) - 1]
    const isBoxAlone = !word.includes(':') && before !== undefined && !before.includes(':')
    if (!isBoxAlone || !isSecretboxError(error, 'not_found')) throw error
    throw new SecretboxError(error.code, error.message, {
      hint: `each word is a box, or a file in one; to name a file: ${quote(addressText(before, word))}`
    })
  }
}

/** Whether a path is `top` or lies below it; below `''` lies all of a box. */
export function isAtOrBelow(path: string, top: string): boolean {
  return top === '' || path === top || path.startsWith(`${top}/`)
}

/** The address as text again. */
export function addressText(box: string, path: string): string {
  return `${box}:${path}`
}

/**
 * Throws `invalid` for a path, or an address, to store something at, when its ".." lead out of the box: what is read
 * or removed as `../a` is `a`, but nobody who writes it there means to keep it under that name.
 */
export function refuseAbove(written: string): void {
  const path = written.slice(written.indexOf(':') + 1)
  let depth = 0
  for (const component of path.split('/')) {
    if (component === '..') depth--
    else if (component !== '' && component !== '.') depth++
    if (depth < 0) {
      throw new SecretboxError('invalid', `bad path ${quote(path)}: ".." leads out of the box`, {
        hint: `in the box it would be ${quote(parseFilePath(path))}`
      })
    }
  }
}
