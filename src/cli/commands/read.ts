import type { Command } from 'commander'
import { quote, SecretboxError } from '../../base/errors.ts'
import { recursiveHint } from '../../base/messages.ts'
import { entriesOf } from '../../tar/entries.ts'
import { parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import { asOneWord, type Address } from '../client/address.ts'
import type { Contents } from '../client/api.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { fileOperand } from '../declare/operand.ts'
import { sendOut } from '../output/send-out.ts'
import { parseVersion } from '../declare/version-number.ts'

/** `read [-r] BOX[:PATH]…`: writes the contents of files to stdout, and nothing else. */
export function read(cli: Cli): Command {
  const files = fileOperand('files to read').several()
  return command(
    cli,
    'read',
    'Write the contents of files to standard output, byte for byte. Without a path, of the only file in the box.',
    ['$ read db:password', '$ read -r web:certs']
  )
    .summary('Write the contents of files to standard output')
    .alias('cat')
    .addArgument(files)
    .option('-r, --recursive', 'of a directory, or of a box, read all files below it')
    .option('--version <n>', 'read this version instead of the newest', parseVersion)
    .action((addresses: string[], options: ReadOptions) =>
      cli.each(addresses, text => asOneWord(addresses, text, () => readOne(cli, files.parse(text), options)))
    )
}

interface ReadOptions {
  readonly recursive?: boolean
  readonly version?: number
}

async function readOne(cli: Cli, { box, path }: Address, options: ReadOptions): Promise<void> {
  const { recursive = false, version } = options
  const named = path ?? (recursive ? root : await onlyFile(cli, box, version))
  if (named === root && !recursive) {
    throw new SecretboxError('invalid', `cannot read "${box}:": it is a directory`, { hint: recursiveHint })
  }
  const contents = await cli.api.read(box, named, { tree: recursive, version })
  await sendOut(cli, `reading "${box}:${named}"`, bytesOf(contents), contents.bytes)
}

const root = parseFilePath('')

async function* bytesOf({ tar, body }: Contents): AsyncGenerator<Buffer> {
  if (!tar) {
    yield* body
    return
  }
  for await (const entry of entriesOf(body)) {
    // A symlink's file is read where it lies; elsewhere nobody asked for it.
    if (entry.header.type === 'file') yield* entry.contents
  }
}

async function onlyFile(cli: Cli, box: BoxName, version: number | undefined): Promise<FilePath> {
  const files = (await cli.api.box(box, version)).files.filter(({ type }) => type === 'file')
  const [file] = files
  if (file === undefined) throw new SecretboxError('invalid', `cannot read "${box}": it holds no file`)
  if (files.length > 1) {
    const names = files.slice(0, mostNames).map(({ path }) => quote(path))
    const others = files.length > mostNames ? ` and ${files.length - mostNames} more` : ''
    throw new SecretboxError(
      'invalid',
      `cannot read "${box}" as a whole: it holds ${names.join(', ')}${others}`,
      {
        hint: `name a file, as in "${box}:${file.path}", or read -r to read them all`
      }
    )
  }
  return parseFilePath(file.path)
}

const mostNames = 20
