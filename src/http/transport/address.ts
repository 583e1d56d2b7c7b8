import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'

/** What a URL below `/vault` names: all boxes, a box, or a path in a box. */
export type UrlTarget =
  | { readonly box: null }
  | {
      readonly box: BoxName
      readonly path: FilePath
      /** `/vault/box/` or `/vault/box` itself. */ readonly isBox: boolean
    }

/** Reads `/<box>/<path>` with percent-encoded components, which Express has decoded once already. Throws `invalid`. */
export function parseUrlPath(urlPath: string): UrlTarget {
  const components = urlPath.split('/').slice(1).map(decodeURIComponent)
  const [box = '', ...rest] = components
  if (box === '' && rest.length === 0) return { box: null }
  const written = rest.join('/')
  return { box: parseBoxName(box), path: parseFilePath(written), isBox: written === '' }
}
