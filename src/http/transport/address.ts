import type { Request } from 'express'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'

/** What a URL below `/vault` names: all boxes, a box, or a path in a box. */
export type Address =
  | { readonly box: null }
  | {
      readonly box: BoxName
      readonly path: FilePath
      /** `/vault/box/` or `/vault/box` itself. */ readonly isBox: boolean
    }

/** Reads `/<box>/<path>` with percent-encoded components, which Express has decoded once already. Throws `invalid`. */
export function parseAddress(urlPath: string): Address {
  const components = urlPath.split('/').slice(1).map(decodeURIComponent)
  const [box = '', ...rest] = components
  if (box === '' && rest.length === 0) return { box: null }
  const written = rest.join('/')
  return { box: parseBoxName(box), path: parseFilePath(written), isBox: written === '' }
}

/** Throws `invalid` for a query parameter that is not among those that the request may have: it was not meant to be passed over. */
export function takeQuery(request: Request, ...known: readonly string[]): void {
  const unknown = Object.keys(request.query).find(name => !known.includes(name))
  if (unknown === undefined) return
  const [path] = request.originalUrl.split('?')
  throw new SecretboxError(
    'invalid',
    `unknown parameter ${quote(unknown)}: ${request.method} ${quote(path ?? '')} takes ${known.join(', ') || 'none'}`
  )
}

/** The version that `?version=` names, or null for the newest. Throws `invalid`. */
export function versionAsked(request: Request): number | null {
  return numberIn('version', request.query['version'], null)
}

/** The version that `If-Match` expects, or null for any. Throws `invalid`. */
export function versionExpected(request: Request): number | null {
  const header = request.get('If-Match')
  if (header === undefined || header === '*') return null
  const match = /^"(\d{1,15})"$/.exec(header)
  if (match === null) {
    throw new SecretboxError(
      'invalid',
      `bad If-Match ${quote(header)}: it must be a version in quotes, as "3"`
    )
  }
  return Number(match[1])
}

/** True when `If-None-Match: *` asks to put only what is not there yet. Throws `invalid` for any other value. */
export function onlyIfAbsent(request: Request): boolean {
  const header = request.get('If-None-Match')
  if (header !== undefined && header !== '*') {
    throw new SecretboxError('invalid', `bad If-None-Match ${quote(header)}: only * is understood`)
  }
  return header === '*'
}

/** A whole number from the query. Throws `invalid`. */
export function numberIn<T>(name: string, value: unknown, missing: T): number | T {
  if (value === undefined) return missing
  if (typeof value !== 'string' || !/^[1-9]\d{0,14}$/.test(value)) {
    throw new SecretboxError('invalid', `bad ${name} ${quote(textOf(value))}: it must be a number from 1 on`)
  }
  return Number(value)
}

/** Permission bits in octal from the query. Throws `invalid`. */
export function modeIn(value: unknown, missing: number): number {
  if (value === undefined) return missing
  const mode = typeof value === 'string' && /^[0-7]{1,5}$/.test(value) ? Number.parseInt(value, 8) : Infinity
  if (mode > 0o7777) {
    throw new SecretboxError('invalid', `bad mode ${quote(textOf(value))}: it must be octal, 0 to 7777`)
  }
  return mode
}

/** A yes or no from the query: present, `1` and `true` are yes. Throws `invalid`. */
export function flagIn(name: string, value: unknown): boolean {
  if (value === undefined || value === '0' || value === 'false') return false
  if (value === '' || value === '1' || value === 'true') return true
  throw new SecretboxError('invalid', `bad ${name} ${quote(textOf(value))}: it must be 1 or 0`)
}

/** A path in the box from the query; without one, its root. Throws `invalid`. */
export function pathIn(name: string, value: unknown): FilePath {
  if (value !== undefined && typeof value !== 'string') {
    throw new SecretboxError('invalid', `bad ${name} ${quote(textOf(value))}: it must be one path in the box`)
  }
  return parseFilePath(value ?? '')
}

/** A query parameter as messages show it; a repeated one is a list. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
