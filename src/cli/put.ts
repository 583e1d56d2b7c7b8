import { fstatSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { quote, SecretboxError } from '../errors.ts'
import { addressText, placeOf, refuseAbove, type Place } from './address.ts'
import { toFill } from './box-to-fill.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { UsageError } from './failure.ts'
import { charsetChoices, generate, maxLength } from './generate.ts'
import type { Body } from './http.ts'
import { newlineNote, strippingNewline, unlessEmpty, watchingLines } from './line-end.ts'
import { startProgress } from './progress.ts'
import { askNewSecret } from './prompt.ts'

interface PutOptions {
  readonly mode: string
  readonly generate?: boolean
  readonly length?: number
  readonly charset?: string
  readonly stripNewline?: boolean
  readonly allowEmpty?: boolean
}

/** `put <box> <path>` or `put <box:path>`: stores stdin, or a secret made on the spot, as one file of a box. */
export function put(cli: Cli): Command {
  return command(
    cli,
    'put',
    'Store standard input as a file of a box, byte for byte. At a terminal, ask for one line and do not show it.',
    [
      '$ put db password < password.txt',
      '$ put --generate --length 40 db password',
      'printf %s "$TOKEN" | $ put ci token'
    ]
  )
    .summary('Store standard input as a file of a box')
    .argument('<box|box:path>', 'the box, or the file in it')
    .argument('[path]', 'path in the box; missing directories are made')
    .addOption(
      new Option('-m, --mode <octal>', 'permissions of the file').default('0600').argParser(parseMode)
    )
    .option('-s, --strip-newline', 'store it without one newline at its end, such as echo adds')
    .option('--allow-empty', 'store an empty file when there is no input')
    .option('-g, --generate', 'make a random secret instead of reading one; it is not shown')
    .addOption(
      new Option('-l, --length <n>', 'with --generate: how many characters (default: 32)').argParser(
        parseLength
      )
    )
    .option('-c, --charset <set>', `with --generate: ${charsetChoices} (default: alphanumeric)`)
    .action(async (name: string, pathText: string | undefined, options: PutOptions) => {
      refuseAbove(pathText === undefined ? name : `:${pathText}`)
      const { box, path } = placeOf(name, pathText)
      const given = watchingLines(await secretFrom(cli, { box, path }, options))
      const what = addressText(box, path)
      const progress = startProgress(cli.stderr, `storing "${what}"`)
      try {
        await cli.api.putFile(box, path, progress.count(given.body), options)
      } finally {
        progress.end()
      }
      if (options.generate !== true && given.wasEndedLine()) cli.note(newlineNote(what))
    })
}

async function secretFrom(cli: Cli, place: Place, options: PutOptions): Promise<Body> {
  if (options.generate === true) {
    if (options.stripNewline !== undefined || options.allowEmpty !== undefined)
      throw new UsageError('--strip-newline and --allow-empty are of no use with --generate')
    return [generate(options.length ?? 32, options.charset ?? 'alphanumeric')]
  }
  if (options.length !== undefined || options.charset !== undefined) {
    throw new UsageError('--length and --charset are of use only with --generate')
  }
  // Node takes a directory for an empty stream.
  if (fstatSync(0).isDirectory())
    throw new SecretboxError('invalid', 'cannot read standard input: it is a directory')
  if (cli.stdin.isTTY === true) {
    await tellWhatIsThere(cli, place)
    return [await askNewSecret(cli.stdin, cli.stderr, addressText(place.box, place.path))]
  }
  const input = options.stripNewline === true ? strippingNewline(cli.stdin) : cli.stdin
  if (options.allowEmpty === true) return input
  const contents = await unlessEmpty(input)
  if (contents !== null) return contents
  throw new SecretboxError('invalid', 'standard input is empty, so nothing was stored', {
    hint: 'look at what was to write there, or store an empty file with --allow-empty'
  })
}

/** Nobody types a secret for a box that is not there, or over another one unknowingly. */
async function tellWhatIsThere(cli: Cli, { box, path }: Place): Promise<void> {
  const { files, version } = await toFill(box, cli.api.box(box))
  const present = files.find(entry => entry.path === path)
  if (present?.type === 'directory')
    throw new SecretboxError('conflict', `cannot put ${quote(path)}: a directory has that name`)
  if (present !== undefined)
    cli.note(`note: ${quote(addressText(box, path))} is there already; version ${version} keeps it`)
}

function parseMode(text: string): string {
  if (!/^[0-7]{1,5}$/.test(text) || Number.parseInt(text, 8) > 0o7777) {
    throw new UsageError(`bad mode ${quote(text)}: a mode is octal, 0000 to 7777`)
  }
  return text.padStart(4, '0').slice(-4)
}

function parseLength(text: string): number {
  const length = Number(text)
  if (!/^\d+$/.test(text) || length < 1 || length > maxLength) {
    throw new UsageError(`bad length ${quote(text)}: a length is 1 to ${maxLength}`)
  }
  return length
}
