import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { errnoOf, quote, reasonOf, SecretboxError } from '../errors.ts'
import { addressText, type Place } from './address.ts'
import type { Cli } from './cli.ts'
import { UsageError } from './failure.ts'
import { startProgress } from './progress.ts'
import { sendOut } from './send-out.ts'
import { entriesOf } from './tar-in.ts'
import { packed, packEntry } from './tar-pack.ts'
import { cannotWrite, writeFiles } from './tar-to-files.ts'

/** How to copy out: `contents` of a directory instead of itself; a version, or undefined for the newest. */
export interface CopyOut {
  readonly contents: boolean
  readonly version: number | undefined
}

/**
 * Copies a file or directory of a box to the operator's files. Into a directory that exists under its own name (a
 * box's root: the box's name), or with `contents` what is in it; otherwise under the name given.
 */
export async function copyOut(
  cli: Cli,
  { box, path }: Place,
  to: string,
  { contents, version }: CopyOut
): Promise<void> {
  const what = addressText(box, path)
  const found = await find(cli, { box, path }, version)
  const present = await kindOf(to)
  if (found.kind === 'directory' && present === 'file') throw cannotWrite(to, 'it is not a directory')
  if (found.kind === 'file' && present === null && to.endsWith('/'))
    throw cannotWrite(to, 'no such directory')
  const into = present === 'directory' && !(contents && found.kind === 'directory')
  const target = into ? join(to, basename(path) || box) : to

  const progress = startProgress(cli.stderr, `copying ${quote(what)}`)
  try {
    const { body } = await cli.api.read(box, path, { tree: true, version: found.version })
    const directoryMode = found.kind === 'file' ? null : await modeOf(cli, { box, path }, found.version)
    await writeFiles(progress.count(body), target, directoryMode, error => cli.fail(error))
  } finally {
    progress.end()
  }
}

async function find(
  cli: Cli,
  { box, path }: Place,
  version: number | undefined
): Promise<{ kind: 'file' | 'directory'; version: number }> {
  const found = await cli.api.kindAt(box, path, version)
  if (found !== null) return found
  const what = addressText(box, path)
  throw new SecretboxError('not_found', `cannot copy ${quote(what)}: no such file in the box`)
}

// The root of a box has no mode, and where a path leads through symlinks it is not looked for: better too narrow.
async function modeOf(cli: Cli, { box, path }: Place, version: number): Promise<number> {
  const entry = (await cli.api.box(box, version)).files.find(each => each.path === path)
  return entry?.type === 'directory' ? Number.parseInt(entry.mode, 8) : 0o700
}

async function kindOf(path: string): Promise<'file' | 'directory' | null> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file'
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw cannotWrite(path, reasonOf(error))
  }
}

/**
 * Writes a file or directory of a box to stdout as a tar archive, under its own name; of a box's root, and with
 * `contents`, only what is in it.
 */
export async function copyTarOut(cli: Cli, place: Place, { contents, version }: CopyOut): Promise<void> {
  if (cli.stdout.isTTY === true) throw new UsageError('a tar archive is not written to a terminal')
  const { box, path } = place
  const { kind, version: found } = await find(cli, place, version)
  const { body } = await cli.api.read(box, path, { tree: true, version: found })
  const isBare = contents || path === '' || kind === 'file'
  const tar = isBare ? body : below(basename(path), await modeOf(cli, place, found), body)
  await sendOut(cli, `copying ${quote(addressText(box, path))}`, tar)
}

/** A tar with a directory around what is in another one. */
function below(directory: string, mode: number, tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  return packed(async outer => {
    await packEntry(outer, { name: `${directory}/`, type: 'directory', mode }, 0, [])
    for await (const entry of entriesOf(tar)) {
      if (outer.destroyed) return
      const { name, size, ...header } = entry.header
      const bytes = entry as AsyncIterable<Buffer>
      await packEntry(outer, { ...header, name: `${directory}/${name}` }, size, bytes)
      entry.resume()
    }
  })
}
