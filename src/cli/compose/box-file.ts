import { isSecretboxError, quote } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { refuseContents } from '../input/refuse-contents.ts'
import { splitAt } from '../input/split-at.ts'
import { UsageError } from '../output/failure.ts'
import { meantText } from './model.ts'

/** A file of a box; null: the only one that the box has. */
export interface BoxFile {
  readonly box: BoxName
  readonly path: FilePath | null
}

/** How it is written. */
export const boxFileForm = 'write it as BOX or BOX:FILE'

/** Reads `BOX` or `BOX:FILE`, the value of `key` of something. Throws `UsageError`. */
export function readBoxFile(value: unknown, key: string, of: string): BoxFile {
  const refuse = (reason: string): never => {
    throw new UsageError(`bad ${key} of ${of}: ${reason}`, boxFileForm)
  }
  if (typeof value !== 'string') return refuse('it is no text')
  const text = meantText(value)
  refuseContents(
    text,
    `${key} of ${of} takes a box`,
    `put it into a file of a box (docker vault put BOX:FILE), and ${boxFileForm}`
  )
  const colon = text.indexOf(':')
  const [box, file] = colon === -1 ? [text, null] : splitAt(text, colon)
  try {
    const path = file === null ? null : parseFilePath(file)
    if (path === '') refuse(`${quote(text)} names no file`)
    return { box: parseBoxName(box), path }
  } catch (error) {
    if (isSecretboxError(error, 'invalid') && !(error instanceof UsageError)) refuse(error.message)
    throw error
  }
}
