import { quote } from '../../base/errors.ts'
import { parseBoxName, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { normalTarget } from '../inject/injection.ts'
import { UsageError } from '../output/failure.ts'
import { splitAt } from '../input/split-at.ts'

/*
 * The model of a project, as compose itself puts it together out of all files (`config`). Text in it has `$$` for `$`.
 */

/** An object of the model, of which compose has seen to the form. */
export type Mapping = Readonly<Record<string, unknown>>

/** A file of a box; null: the only one that the box has. */
export interface BoxFile {
  readonly box: BoxName
  readonly path: FilePath | null
}

/** A secret of a box that a service is to have. */
export interface PlacedSecret extends BoxFile {
  readonly service: string
  /** The secret's name in the project. */
  readonly secret: string
  /** Where the service finds it. */
  readonly target: string
  /** As they are given; null: as whom the service runs. */
  readonly uid: string | null
  readonly gid: string | null
  /** Octal, with a leading zero. */
  readonly mode: string
}

export function mappingIn(value: unknown): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : {}
}

/** The members of an object that are objects, too. */
export function entriesIn(value: unknown): [string, Mapping][] {
  return Object.entries(mappingIn(value)).map(([name, fields]) => [name, mappingIn(fields)])
}

/** What names a box for a secret: its own key, or that it comes from elsewhere. */
const boxKey = 'x-vault'

/**
 * The secrets of a project that come from boxes, by their names: `x-vault: BOX[:FILE]`, or `external: true`, which means the box of
 * that name. Throws `UsageError`.
 */
export function boxSecretsIn(model: Mapping): ReadonlyMap<string, BoxFile> {
  return new Map(
    entriesIn(model['secrets']).flatMap(([name, fields]) => {
      const given = fields[boxKey]
      const isExternal = fields['external'] !== undefined && fields['external'] !== false
      if (given === undefined && !isExternal) return []
      const outer = mappingIn(fields['external'])['name'] ?? fields['name'] ?? name
      return [[name, boxFile(given ?? outer, `secret ${quote(name)}`)] as const]
    })
  )
}

/** Reads `BOX` or `BOX:FILE`. */
function boxFile(value: unknown, of: string): BoxFile {
  if (typeof value !== 'string')
    throw new UsageError(`bad ${boxKey} of ${of}: it is no text`, 'write it as BOX or BOX:FILE')
  const [box, path] = splitAt(plain(value), plain(value).indexOf(':'))
  return { box: parseBoxName(box), path: path === '' ? null : parseFilePath(path) }
}

/** Which of these secrets each service is to have, and where. */
export function placedSecretsIn(model: Mapping, secrets: ReadonlyMap<string, BoxFile>): PlacedSecret[] {
  return entriesIn(model['services']).flatMap(([service, { secrets: used }]) =>
    listIn(used).flatMap(each => {
      const fields: Mapping = typeof each === 'string' ? { source: each } : mappingIn(each)
      const secret = textIn(fields['source']) ?? ''
      const file = secrets.get(secret)
      if (file === undefined) return []
      const target = textIn(fields['target']) ?? secret
      return {
        ...file,
        service,
        secret,
        target: normalTarget(target.startsWith('/') ? target : `/run/secrets/${target}`),
        uid: textIn(fields['uid']),
        gid: textIn(fields['gid']),
        mode: modeIn(fields['mode'])
      }
    })
  )
}

export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** A text, or a number as text; null for all else. */
export function textIn(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? plain(value) : null
}

/** A text as it is meant. */
function plain(text: string): string {
  return text.replaceAll('$$', '$')
}

/** YAML makes a number of a mode, which is no octal one any more; text is. Compose's own default is 0444. */
function modeIn(value: unknown): string {
  if (typeof value === 'number') return `0${value.toString(8)}`
  return typeof value === 'string' && value !== '' ? `0${value.replace(/^0o?/, '')}` : '0444'
}
