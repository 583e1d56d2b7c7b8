import { basename } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parentOf, type FilePath } from '../../base/names.ts'
import { addressText, type Place } from '../client/address.ts'
import { toFill } from './box-to-fill.ts'
import type { Cli } from '../declare/cli.ts'
import { directoryModeOf, findInBox } from './cp-out.ts'
import { startProgress } from '../output/progress.ts'
import { tarBelow, tarNamed } from '../files/tar-below.ts'
import { warnOfDangling } from '../client/warn-of-dangling.ts'

/** What is copied of a directory, from which version (undefined: the newest), and whether a directory is meant by the target. */
interface CopyBetween {
  readonly contents: boolean
  readonly version: number | undefined
  readonly intoDirectory: boolean
}

/**
 * Copies a file or directory of a box into a box, also the same one, as one new version; modes and symlinks are kept. By the
 * rules of copies in and out, but that of a box to a box, as wholes, all goes that is in it. What is read is one version:
 * a directory can be copied into itself.
 */
export async function copyBetween(
  cli: Cli,
  from: Place,
  to: Place,
  { contents, version, intoDirectory }: CopyBetween
): Promise<void> {
  const found = await findInBox(cli, from, version)
  const present =
    to.path === '' ? 'directory' : ((await toFill(to.box, cli.api.kindAt(to.box, to.path)))?.kind ?? null)
  await toFill(to.box, cli.api.versions(to.box))
  if (found.kind === 'directory' && present === 'file') {
    const what = `${quote(addressText(from.box, from.path))} to ${quote(addressText(to.box, to.path))}`
    throw new SecretboxError('conflict', `cannot copy ${what}: that is a file, and this a directory`)
  }
  const isContents = found.kind === 'directory' && (contents || (from.path === '' && to.path === ''))
  const [directory, name] = targetOf(from, to.path, {
    isDirectory: present === 'directory',
    isContents,
    intoDirectory
  })
  const mode = name === '' || found.kind === 'file' ? 0 : await directoryModeOf(cli, from, found.version)
  const { body } = await cli.api.read(from.box, from.path, { tree: true, version: found.version })
  const progress = startProgress(cli.stderr, `copying into "${to.box}"`)
  try {
    const counted = progress.count(body)
    const tar =
      found.kind === 'file' ? tarNamed(name, counted) : name === '' ? counted : tarBelow(name, mode, counted)
    const change = await cli.api.addTree({ box: to.box, path: directory }, tar)
    cli.failEach(change.errors)
    warnOfDangling(cli, change, null)
  } finally {
    progress.end()
  }
}

/** The directory that is copied into, through whatever symlinks were typed, and the name in it; '' for none. */
function targetOf(
  from: Place,
  path: FilePath,
  {
    isDirectory,
    isContents,
    intoDirectory
  }: { isDirectory: boolean; isContents: boolean; intoDirectory: boolean }
): [directory: FilePath, name: string] {
  if (isContents && isDirectory) return [path, '']
  if (!isContents && (isDirectory || intoDirectory)) return [path, basename(from.path) || from.box]
  return [parentOf(path) ?? path, basename(path)]
}
