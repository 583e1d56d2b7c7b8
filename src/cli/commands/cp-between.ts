import { basename } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { addressText, type Place } from '../client/address.ts'
import { copyTarget, presentAt, unseenTarget } from './copy-target.ts'
import { mergeTar } from './merge-tar.ts'
import type { Cli } from '../declare/cli.ts'
import { directoryModeOf, findInBox } from './cp-out.ts'
import { tarBelow, tarNamed } from '../files/tar-below.ts'

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
  const present = await presentAt(cli.api, to)
  if (found.kind === 'directory' && present === 'file') {
    const what = `${quote(addressText(from.box, from.path))} to ${quote(addressText(to.box, to.path))}`
    throw new SecretboxError('conflict', `cannot copy ${what}: that is a file, and this a directory`)
  }
  const isContents = found.kind === 'directory' && (contents || (from.path === '' && to.path === ''))
  if (present === 'unseen' && found.kind === 'directory' && !isContents && !intoDirectory)
    throw unseenTarget(addressText(from.box, from.path), to)
  const copying = { isContents, isDirectory: present === 'directory', intoDirectory }
  const [directory, name] = copyTarget(to.path, copying, () => basename(from.path) || from.box)
  const mode = name === '' || found.kind === 'file' ? 0 : await directoryModeOf(cli, from, found.version)
  const { body } = await cli.api.read(from.box, from.path, { tree: true, version: found.version })
  await mergeTar(cli, { box: to.box, path: directory }, count => {
    if (found.kind === 'file') return tarNamed(name, count(body))
    return name === '' ? count(body) : tarBelow(name, mode, count(body))
  })
}
