import { Option, type Command } from 'commander'
import { isSecretboxError, quote } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import { addressText, placeToStore, type Place } from '../client/address.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { argumentsAreSeen, refuseContents } from '../input/refuse-contents.ts'
import { UsageError } from '../output/failure.ts'
import { charsetChoices } from '../input/generate.ts'
import { newlineNote, watchingLines } from '../input/line-end.ts'
import { placeOperands } from '../declare/operand.ts'
import { startProgress } from '../output/progress.ts'
import { parseLength } from './length.ts'
import {
  checkContents,
  contentsFor,
  fileOption,
  type ContentsOptions,
  type GivenContents
} from './put-contents.ts'

interface PutOptions extends ContentsOptions {
  readonly mode: string
}

/** `put BOX:PATH`: stores stdin, a file, or a secret made on the spot, as one file of a box. */
export function put(cli: Cli): Command {
  const [place, path] = placeOperands('the file; missing directories are made')
  return command(
    cli,
    'put',
    'Store standard input, or a file of yours, as a file of a box, byte for byte. At a terminal, ask for one line ' +
      'and do not show it.',
    [
      '$ put --create db:password',
      '$ put db:password < password.txt',
      '$ put --generate --length 40 db:password',
      '$ put --file server.key --mode 0400 web:certs/key.pem'
    ]
  )
    .summary('Store standard input as a file of a box')
    .addArgument(place)
    .addArgument(path)
    .option(...fileOption)
    .option('--create', 'make the box if there is none of that name')
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
    .action(async (first: string, second: string | undefined, options: PutOptions) => {
      refuseContentsOf(first, second)
      const place = placeToStore(first, second)
      checkContents(options)
      const { body, bytes } = await contentsFor(cli, place, options)
      const given = watchingLines(body)
      const store = (): Promise<void> => storeFile(cli, place, { body: given.body, bytes }, options.mode)
      await (options.create === true ? inBoxThatMayBeNew(cli, place.box, store) : store())
      const what = addressText(place.box, place.path)
      if (options.generate !== true && given.wasEndedLine()) cli.note(newlineNote(what))
    })
}

/** A value that stands where its name is wanted; a file that is to be called so is written in one word. */
function refuseContentsOf(first: string, second: string | undefined): void {
  const hint = `${argumentsAreSeen}: write BOX:PATH, and pipe the value in or type it at the prompt`
  if (second === undefined && /^\s*[^\s{][^:]*:/.test(first)) return
  // A name may have several lines.
  const [line = ''] = (second ?? first).split('\n', 1)
  refuseContents(line, 'put takes the place of a file', hint)
}

async function storeFile(
  cli: Cli,
  { box, path }: Place,
  { body, bytes }: GivenContents,
  mode: string
): Promise<void> {
  const progress = startProgress(cli.stderr, `storing "${addressText(box, path)}"`, bytes)
  try {
    await cli.api.putFile(box, path, progress.count(body), { mode })
  } finally {
    progress.end()
  }
}

/** Makes the box unless it is there, and takes it away again when nothing gets into it. */
async function inBoxThatMayBeNew(cli: Cli, box: BoxName, store: () => Promise<void>): Promise<void> {
  let mayNot: unknown = null
  const isNew = await cli.api.createBox(box).then(
    () => true,
    (error: unknown) => {
      if (isSecretboxError(error, 'exists')) return false
      if (!isSecretboxError(error, 'denied')) throw error
      // Who may not make it may put something into it, if it is there.
      mayNot = error
      return false
    }
  )
  try {
    await store()
  } catch (error) {
    // Somebody may have put something else there meanwhile: then it stays, and why this failed matters more.
    if (isNew) await cli.api.destroyBox(box, { ifVersion: 1 }).catch(() => undefined)
    throw mayNot !== null && isSecretboxError(error, 'not_found') ? mayNot : error
  }
  if (isNew) cli.note(`note: made box ${quote(box)}`)
}

function parseMode(text: string): string {
  if (!/^[0-7]{1,5}$/.test(text) || Number.parseInt(text, 8) > 0o7777) {
    throw new UsageError(`bad mode ${quote(text)}: a mode is octal, 0000 to 7777`)
  }
  return text.padStart(4, '0').slice(-4)
}
