import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseFilePath } from '../../base/names.ts'
import type { Place } from '../client/address.ts'
import { toFillUnseen } from './box-to-fill.ts'
import { copyTarget, presentAt, unseenTarget } from './copy-target.ts'
import { mergeTar } from './merge-tar.ts'
import type { Cli } from '../declare/cli.ts'
import { decompressed } from '../input/decompressed.ts'
import { withFiles, type Taking } from '../files/operator-files.ts'
import { upload } from '../client/upload.ts'

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
  const present = await presentAt(cli.api, { box, path })
  const isContents = /(^|\/)\.\/?$/.test(source)
  if (present === 'unseen' && !isContents && !intoDirectory && isDirectoryThere(source))
    throw unseenTarget(source, { box, path })
  const copying = { isContents, isDirectory: present === 'directory', intoDirectory }
  const [directory, name] = copyTarget(path, copying, () => ownName(source))
  const operands = [{ source, path: parseFilePath(name) }]
  await withFiles(
    operands,
    { recursive: true, follow },
    error => cli.fail(error),
    files => upload(cli, { box, path: directory }, files)
  )
}

/** What is not there is told of when it is opened. */
function isDirectoryThere(source: string): boolean {
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() === true
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
  await toFillUnseen(to.box, cli.api.versions(to.box))
  await mergeTar(cli, to, count =>
    count(decompressed(cli.stdin as AsyncIterable<Buffer>, 'a tar archive from standard input'))
  )
}
