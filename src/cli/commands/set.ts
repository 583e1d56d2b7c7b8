import { Option, type Command } from 'commander'
import type { BoxListing } from '../../api/boxes.ts'
import type { FieldOfBox } from '../../api/types.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import { didYouMean } from '../../base/messages.ts'
import type { BoxName, FilePath } from '../../base/names.ts'
import { parseFilePath } from '../../base/names.ts'
import { nearest } from '../../base/nearest.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand, fieldOperand } from '../declare/operand.ts'
import { nullIfDenied } from '../inject/may-use.ts'
import { charsetChoices } from '../input/generate.ts'
import { argumentsAreSeen, refuseContents } from '../input/refuse-contents.ts'
import { UsageError } from '../output/failure.ts'
import { fieldsOfListing } from './fields.ts'
import { checkContents, contentsFor, fileOption, type ContentsOptions } from './put-contents.ts'
import { parseLength } from './length.ts'

const asInput = 'pipe it in, take --file or --generate, or type it at the prompt'

interface SetOptions extends ContentsOptions {
  readonly value?: string
}

/** `set BOX FIELD`: sets a field of a credential, by a prompt, standard input, a file, at random, or as `--value` where it is no secret. */
export function set(cli: Cli): Command {
  return command(
    cli,
    'set',
    'Set a field of a box that has a type: to standard input, or a file of yours, byte for byte. At a terminal, ask for it ' +
      'and do not show it. A newline at the end of a field of one line is left out.',
    [
      '$ set db password',
      '$ set --generate db password',
      '$ set --value db.example db host',
      '$ set --file server.key web key'
    ]
  )
    .summary('Set a field of a box with a type')
    .addArgument(boxOperand('name of the box'))
    .addArgument(fieldOperand('the field, as "fields" lists them'))
    .option('--value <text>', 'the value of a field that is no secret')
    .option(...fileOption)
    .option('-s, --strip-newline', 'store it without one newline at its end')
    .option('--allow-empty', 'store an empty value when there is no input')
    .option('-g, --generate', 'make a random value as the type has it; it is not shown')
    .addOption(
      new Option(
        '-l, --length <n>',
        'with --generate: how many characters, instead of what the type says'
      ).argParser(parseLength)
    )
    .option('-c, --charset <set>', `with --generate: ${charsetChoices}`)
    .action(async (box: BoxName, name: string, options: SetOptions) => {
      refuseContents(name, 'set takes the name of a field', `${argumentsAreSeen}: ${asInput}`)
      checkContents(options)
      if (options.value !== undefined && (options.generate === true || options.file !== undefined))
        throw new UsageError('take --value, --file or --generate: each says what to store')
      // Who may not look may set a field all the same: the daemon knows the type, and checks.
      const listing = await cli.api.box(box).catch(nullIfDenied)
      if (listing === null && options.value !== undefined) throw unseenField(box, name)
      const field = listing === null ? null : fieldNamed(listing, name)
      const body =
        options.value === undefined
          ? (await contentsFor(cli, { box, path: pathOf(name) }, contentsOf(field, options))).body
          : [valueFor(field, options.value)]
      await cli.api.putFile(box, pathOf(name), body, { mode: '0600' })
    })
}

function pathOf(name: string): FilePath {
  return parseFilePath(name)
}

/** The declaration of a field. One that is not listed may be a further one, which the daemon knows. */
function fieldNamed(listing: BoxListing, name: string): FieldOfBox | null {
  const known = fieldsOfListing(listing)
  const field = known.find(each => each.name === name)
  if (field !== undefined) return field
  if (listing.others !== undefined) return null
  const names = known.map(each => each.name)
  const meant = nearest(name, names)
  throw new SecretboxError(
    'invalid',
    `box ${quote(listing.name)} has no field ${quote(name)}: it has ${names.join(', ')}`,
    meant === null ? {} : { hint: didYouMean(meant) }
  )
}

function unseenField(box: BoxName, name: string): SecretboxError {
  return new SecretboxError(
    'denied',
    `cannot tell whether ${quote(name)} is a secret: you may not look at box ${quote(box)}`,
    {
      hint: `pipe it in, take --file or --generate, or type it at the prompt; --value is for fields that are no secret`
    }
  )
}

function valueFor(field: FieldOfBox | null, text: string): Buffer {
  if (field?.secret === false) return Buffer.from(text)
  throw new UsageError(
    `--value is for fields that are no secret, and ${quote(field?.name ?? 'a further field')} is one: a command line is seen by all ` +
      'users of the host and stays in the history of the shell',
    asInput
  )
}

/** What is asked for, with what the type says of how the field is made up; a line has no end of its own. */
function contentsOf(field: FieldOfBox | null, options: SetOptions): ContentsOptions {
  if (options.generate !== true)
    return { ...options, ...(field?.lines === 'one' ? { stripNewline: true } : {}) }
  if (field !== null && field.generated === undefined) {
    throw new UsageError(
      `field ${quote(field.name)} cannot be made up`,
      'store what it is: from a file, or a pipe'
    )
  }
  return { ...field?.generated, ...options }
}
