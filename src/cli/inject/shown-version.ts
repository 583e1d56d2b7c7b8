import type { BoxListing } from '../../api/boxes.ts'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { didYouMean, nameAFile } from '../../base/messages.ts'
import { parseFilePath, type FilePath } from '../../base/names.ts'
import { nearest } from '../../base/nearest.ts'
import type { Cli } from '../declare/cli.ts'
import type { BoxTarget } from './ephemeral.ts'
import { isOn } from './inject-options.ts'

/**
 * Which version of a box a container or build that began now would be shown; undefined for a box that is missing and may be. Throws `not_found` for the box, its version, or the path in it,
 * `invalid` for a directory where a file by itself is asked for.
 */
export async function versionShown(
  cli: Pick<Cli, 'api'>,
  { box, options }: Pick<BoxTarget, 'box' | 'options'>
): Promise<number | undefined> {
  const newest = await newestVersion(cli, { box, options })
  if (newest === undefined || (options['version'] === undefined && options['path'] === undefined))
    return newest
  const listing = await cli.api.box(box, Number(options['version'] ?? newest))
  const path = parseFilePath(options['path'] ?? '')
  if (isOn(options['file']) && isDirectoryIn(listing, path))
    throw new SecretboxError(
      'invalid',
      `${quote(path)} of box ${quote(box)} is a directory, and no file to show`,
      {
        hint: nameAFile
      }
    )
  if (path === '' || mayBeIn(listing, path)) return listing.version
  const meant = nearest(path, pathsShown(listing))
  throw new SecretboxError('not_found', `box ${quote(box)} has no ${quote(path)} to show`, {
    ...(meant === null ? {} : { hint: didYouMean(meant) })
  })
}

async function newestVersion(
  { api }: Pick<Cli, 'api'>,
  { box, options }: Pick<BoxTarget, 'box' | 'options'>
): Promise<number | undefined> {
  try {
    return (await api.versions(box)).at(-1)?.version
  } catch (error) {
    if (isOn(options['optional']) && isSecretboxError(error, 'not_found')) return undefined
    throw error
  }
}

/** What a container is shown of a box: of a credential what is made of its fields. */
export function pathsShown({ files, rendered }: Pick<BoxListing, 'files' | 'rendered'>): readonly string[] {
  return (rendered ?? files).map(({ path }) => path)
}

function isDirectoryIn({ files, rendered }: BoxListing, path: FilePath): boolean {
  return rendered === undefined
    ? files.some(entry => entry.path === path && entry.type === 'directory')
    : rendered.some(entry => entry.path.startsWith(`${path}/`))
}

/** Where a symlink leads on the way, only the daemon can tell. */
function mayBeIn({ files, rendered }: BoxListing, path: FilePath): boolean {
  if (rendered !== undefined) return rendered.some(entry => `${entry.path}/`.startsWith(`${path}/`))
  return files.some(
    entry => entry.path === path || (entry.type === 'symlink' && path.startsWith(`${entry.path}/`))
  )
}
