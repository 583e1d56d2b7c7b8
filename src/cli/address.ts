import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../vault/names.ts'

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

/** The address as text again. */
export function addressText(box: string, path: string): string {
  return `${box}:${path}`
}
