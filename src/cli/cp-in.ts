import { basename } from 'node:path'
import { quote, SecretboxError } from '../errors.ts'
import { childOf, parseFilePath, type FilePath } from '../vault/names.ts'
import type { Place } from './address.ts'
import type { Cli } from './cli.ts'
import { findFiles, type OperatorFile } from './operator-files.ts'
import { startProgress } from './progress.ts'
import { entriesOf } from './tar-in.ts'
import { packed, packEntry } from './tar-pack.ts'
import { upload } from './upload.ts'

/**
 * Copies a file or directory of the operator's into a box, as one new version. Into a directory that exists, or
 * when `intoDirectory` says that one is meant, under its own name; otherwise under the name given.
 */
export async function copyIn(
  cli: Cli,
  source: string,
  { box, path }: Place,
  intoDirectory: boolean
): Promise<void> {
  const present = path === '' ? 'directory' : (await cli.api.kindAt(box, path))?.kind
  await cli.api.versions(box)
  const contents = /(^|\/)\.\/?$/.test(source)
  const into = !contents && (intoDirectory || present === 'directory')
  const to = into ? childOf(path, ownName(source)) : path
  const files: OperatorFile[] = []
  for await (const file of findFiles(source, to, true, error => cli.fail(error))) files.push(file)
  await upload(cli, box, files)
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
export async function copyTarIn(cli: Cli, { box, path }: Place): Promise<void> {
  await cli.api.versions(box)
  const progress = startProgress(cli.stderr, `copying into "${box}"`)
  try {
    const { errors } = await cli.api.addTree(box, progress.count(movedBelow(cli, path)))
    cli.failEach(errors)
  } finally {
    progress.end()
  }
}

// No name in the archive leads out of the directory, as none leads out of a box.
function movedBelow(cli: Cli, directory: FilePath): AsyncGenerator<Buffer> {
  const below = (name: string) => parseFilePath(`${directory}/${parseFilePath(name)}`)
  return packed(async tar => {
    for await (const entry of archiveOn(cli.stdin)) {
      const { name, type, mode, size, linkname } = entry.header
      try {
        const target = type === 'link' ? below(linkname) : linkname
        await packEntry(
          tar,
          { name: below(name), type, mode, linkname: target },
          size,
          entry as AsyncIterable<Buffer>
        )
      } catch (error) {
        cli.fail(error)
      }
      entry.resume()
    }
  })
}

async function* archiveOn(stdin: AsyncIterable<Buffer>): ReturnType<typeof entriesOf> {
  try {
    yield* entriesOf(stdin)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new SecretboxError('invalid', `cannot read a tar archive from standard input: ${reason}`)
  }
}
