import { quote, SecretboxError } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'

/** What a URL below `/vault` names: all boxes, a box, or a path in a box. */
export type UrlTarget =
  | { readonly box: null }
  | {
      readonly box: BoxName
      readonly path: FilePath
      /** `/vault/box/` or `/vault/box` itself. */ readonly isBox: boolean
    }

/** Reads `/<box>/<path>` with percent-encoded components. Throws `invalid`. */
export function parseUrlPath(urlPath: string): UrlTarget {
  const components = urlPath.split('/').slice(1).map(decoded)
  const [box = '', ...rest] = components
  if (box === '' && rest.length === 0) return { box: null }
  const written = rest.join('/')
  return { box: parseBoxName(box), path: parseFilePath(written), isBox: written === '' }
}

function decoded(component: string): string {
  try {
    return decodeURIComponent(component)
  } catch {
    throw badComponent(component)
  }
}

/** Of a part of a URL that cannot be decoded. */
export function badComponent(component: string): SecretboxError {
  return new SecretboxError('invalid', `bad URL: ${quote(component)} is not percent-encoded UTF-8`)
}
