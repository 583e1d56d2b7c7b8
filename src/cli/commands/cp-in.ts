import { basename } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parentOf, parseFilePath, type FilePath } from '../../base/names.ts'
import type { Place } from '../client/address.ts'
import { toFill } from './box-to-fill.ts'
import type { Cli } from '../declare/cli.ts'
import { decompressed } from '../input/decompressed.ts'
import { withFiles, type Taking } from '../files/operator-files.ts'
import { startProgress } from '../output/progress.ts'
import { upload } from '../client/upload.ts'
import { warnOfDangling } from '../client/warn-of-dangling.ts'

/**
 * Copies a file or directory of the operator's into a box, as one new version. Into a directory that exists, or
 * when `intoDirectory` says that one is meant, under its own name; otherwise under the name given.
 */
export async function copyIn(
  cli: Cli,
  source: string,
  { box, path }: Place,
  { intoDirectory, follow }: { intoDirectory: boolean; follow: Taking['follow'] }
): Promise<void> {
  const present = path === '' ? 'directory' : (await toFill(box, cli.api.kindAt(box, path)))?.kind
  await toFill(box, cli.api.versions(box))
  const [directory, name] = targetOf(source, path, present === 'directory', intoDirectory)
  const operands = [{ source, path: name }]
  await withFiles(
    operands,
    { recursive: true, follow },
    error => cli.fail(error),
    files => upload(cli, { box, path: directory }, files)
  )
}

/** The directory of the box that is copied into, through whatever symlinks were typed, and the name in it; '' for none. */
function targetOf(
  source: string,
  path: FilePath,
  isDirectory: boolean,
  intoDirectory: boolean
): [directory: FilePath, name: FilePath] {
  const isContents = /(^|\/)\.\/?$/.test(source)
  if (isContents && isDirectory) return [path, parseFilePath('')]
  if (!isContents && (isDirectory || intoDirectory)) return [path, parseFilePath(ownName(source))]
  return [parentOf(path) ?? path, parseFilePath(basename(path))]
}

function ownName(source: string): string {
  const name = basename(source)
  if (name === '' || name === '..') {
    throw new SecretboxError('invalid', `cannot copy ${quote(source)}: it has no name to be copied under`, {
      hint: 'end it with "/." to copy what is in it'
    })
  }
  return name
}

/** Merges the tar archive on stdin into a directory of a box, as one new version. */
export async function copyTarIn(cli: Cli, to: Place): Promise<void> {
  await toFill(to.box, cli.api.versions(to.box))
  const progress = startProgress(cli.stderr, `copying into "${to.box}"`)
  try {
    const archive = decompressed(cli.stdin as AsyncIterable<Buffer>, 'a tar archive from standard input')
    const change = await cli.api.addTree(to, progress.count(archive))
    cli.failEach(change.errors)
    warnOfDangling(cli, change, null)
  } finally {
    progress.end()
  }
}
