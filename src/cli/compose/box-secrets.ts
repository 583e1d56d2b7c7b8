import { quote } from '../../base/errors.ts'
import { normalTarget } from '../inject/injection.ts'
import { readBoxFile, type BoxFile } from './box-file.ts'
import { entriesIn, listIn, mappingIn, textIn, type Mapping } from './model.ts'
import { secretUsed } from './taken-places.ts'
import { UsageError } from '../output/failure.ts'
import { secretKey } from './vault-keys.ts'

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

/**
 * The secrets of a project that come from boxes, by their names: `x-vault: BOX[:FILE]`, or `external: true`, which means the box of
 * that name. Throws `UsageError`.
 */
export function boxSecretsIn(model: Mapping): ReadonlyMap<string, BoxFile> {
  return new Map(
    entriesIn(model['secrets']).flatMap(([name, fields]) => {
      const given = fields[secretKey]
      const isExternal = fields['external'] !== undefined && fields['external'] !== false
      if (given === undefined && !isExternal) return []
      const outer = mappingIn(fields['external'])['name'] ?? fields['name'] ?? name
      return [[name, readBoxFile(given ?? outer, secretKey, `secret ${quote(name)}`)] as const]
    })
  )
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

/** Throws `UsageError` for a secret out of a box that a service is to be built with: compose would give the build nothing. */
export function refuseBuildOfBoxes(model: Mapping): void {
  const ofBoxes = boxSecretsIn(model)
  for (const [service, { build }] of entriesIn(model['services']))
    for (const used of listIn(mappingIn(build)['secrets']))
      if (ofBoxes.has(secretUsed(used)))
        throw new UsageError(
          `cannot build service ${quote(service)} with secret ${quote(secretUsed(used))}: it comes from a box, which compose gives no build`,
          'build the image by: docker vault build --inject BOX'
        )
}

/** YAML makes a number of a mode, which is no octal one any more; text is. Compose's own default is 0444. */
function modeIn(value: unknown): string {
  if (typeof value === 'number') return `0${value.toString(8)}`
  return typeof value === 'string' && value !== '' ? `0${value.replace(/^0o?/, '')}` : '0444'
}
