import { basename, join } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { didYouMean, noFileInBox } from '../../base/messages.ts'
import { nearestPath } from '../../base/nearest.ts'
import { addressText, type Place } from '../client/address.ts'
import type { Cli } from '../declare/cli.ts'
import { cannotWrite, openDestination, notADirectory } from '../files/destination.ts'
import { UsageError } from '../output/failure.ts'
import { startProgress } from '../output/progress.ts'
import { sendOut } from '../output/send-out.ts'
import { tarBelow } from '../files/tar-below.ts'
import { writeFiles } from '../files/tar-to-files.ts'

/**
 * How to copy out: `contents` of a directory instead of itself; a version, or undefined for the newest; to files, with
 * or without set-user-ID and set-group-ID bits.
 */
export interface CopyOut {
  readonly contents: boolean
  readonly version: number | undefined
  readonly keepSetId: boolean
}

/**
 * Copies a file or directory of a box to the operator's files. Into a directory that exists under its own name (a
 * box's root: the box's name), or with `contents` what is in it; otherwise under the name given.
 */
export async function copyOut(
  cli: Cli,
  { box, path }: Place,
  to: string,
  { contents, version, keepSetId }: CopyOut
): Promise<void> {
  const what = addressText(box, path)
  const found = await findInBox(cli, { box, path }, version)
  const directoryMode =
    found.kind === 'file' ? null : await directoryModeOf(cli, { box, path }, found.version)
  const { held, name, present } = await openDestination(to)
  const progress = startProgress(cli.stderr, `copying ${quote(what)}`)
  const withoutSetId: string[] = []
  try {
    if (found.kind === 'directory' && present === 'file') throw cannotWrite(to, notADirectory)
    if (found.kind === 'file' && present === null && to.endsWith('/'))
      throw cannotWrite(to, 'no such directory')
    const into = present === 'directory' && !(contents && found.kind === 'directory')
    const ownName = basename(path) || box
    const target = into ? { name: ownName, shown: join(to, ownName) } : { name, shown: to }
    const { body } = await cli.api.read(box, path, { tree: true, version: found.version })
    await writeFiles(
      progress.count(body),
      { held, ...target, directoryMode, keepSetId },
      {
        refuse: error => cli.fail(error),
        setIdLeftOut: shown => withoutSetId.push(shown)
      }
    )
  } finally {
    progress.end()
    held.close()
    warnOfSetId(cli, withoutSetId)
  }
}

// A program that runs as its owner, here mostly root, is more than a secret.
function warnOfSetId(cli: Cli, paths: readonly string[]): void {
  for (const path of paths.slice(0, mostNames)) {
    cli.note(`warning: ${quote(path)} was copied without its set-user-ID or set-group-ID bit`)
  }
  if (paths.length > mostNames) cli.note(`warning: and ${paths.length - mostNames} more such files`)
  if (paths.length > 0) cli.note('hint: --keep-set-id keeps it')
}

const mostNames = 20

/** What a place names, symlinks followed, and in which version. Throws `not_found` that reminds of the path that was meant. */
export async function findInBox(
  cli: Cli,
  { box, path }: Place,
  version: number | undefined
): Promise<{ kind: 'file' | 'directory'; version: number }> {
  const found = await cli.api.kindAt(box, path, version)
  if (found !== null) return found
  const { files } = await cli.api.box(box, version)
  const meant = nearestPath(
    path,
    files.map(entry => entry.path)
  )
  const what = addressText(box, path)
  throw new SecretboxError(
    'not_found',
    noFileInBox(`cannot copy ${quote(what)}`),
    meant === null ? {} : { hint: didYouMean(addressText(box, meant)) }
  )
}

/** The mode of a directory. The root of a box has none, and where a path leads through symlinks it is not looked for: better too narrow. */
export async function directoryModeOf(cli: Cli, { box, path }: Place, version: number): Promise<number> {
  const entry = (await cli.api.box(box, version)).files.find(each => each.path === path)
  return entry?.type === 'directory' ? Number.parseInt(entry.mode, 8) : 0o700
}

/**
 * Writes a file or directory of a box to stdout as a tar archive, under its own name; of a box's root, and with
 * `contents`, only what is in it.
 */
export async function copyTarOut(cli: Cli, place: Place, { contents, version }: CopyOut): Promise<void> {
  if (cli.stdout.isTTY === true) throw new UsageError('a tar archive is not written to a terminal')
  const { box, path } = place
  const { kind, version: found } = await findInBox(cli, place, version)
  const { body } = await cli.api.read(box, path, { tree: true, version: found })
  const isBare = contents || path === '' || kind === 'file'
  const tar = isBare ? body : tarBelow(basename(path), await directoryModeOf(cli, place, found), body)
  await sendOut(cli, `copying ${quote(addressText(box, path))}`, tar)
}
