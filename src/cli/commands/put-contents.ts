import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { directoryHasName } from '../../base/messages.ts'
import { addressText, type Place } from '../client/address.ts'
import { toFillUnseen } from './box-to-fill.ts'
import type { Cli } from '../declare/cli.ts'
import { UsageError } from '../output/failure.ts'
import { givenFile, standardInput } from '../input/given-file.ts'
import { generate } from '../input/generate.ts'
import type { Body } from '../output/body.ts'
import { strippingNewline, unlessEmpty } from '../input/line-end.ts'
import { askNewSecret } from '../input/prompt.ts'

/** Where the contents of a file that is put come from, and what may be done to them. */
export interface ContentsOptions {
  readonly file?: string
  readonly generate?: boolean
  readonly length?: number
  readonly charset?: string
  readonly stripNewline?: boolean
  readonly allowEmpty?: boolean
  readonly create?: boolean
}

/** The option that names a file. */
export const fileOption = [
  '-f, --file <file>',
  'store this file of yours instead of standard input; "-" is standard input'
] as const

/** Throws `UsageError` for options that do not go together. */
export function checkContents(options: ContentsOptions): void {
  const { generate: made, file, length, charset, stripNewline, allowEmpty } = options
  if (made === true && file !== undefined)
    throw new UsageError('take --file or --generate: both say what to store')
  if (made === true && (stripNewline !== undefined || allowEmpty !== undefined))
    throw new UsageError('--strip-newline and --allow-empty are of no use with --generate')
  if (made !== true && (length !== undefined || charset !== undefined))
    throw new UsageError('--length and --charset are of use only with --generate')
}

/** What is to be stored, and how much it is, where that is known before. */
export interface GivenContents {
  readonly body: Body
  readonly bytes: number | null
}

/**
 * What is to be stored: of a file, of standard input, typed at a terminal, or made up. Throws `invalid` for nothing at all,
 * unless that is wanted. Chunks belong to who reads them.
 */
export async function contentsFor(cli: Cli, place: Place, options: ContentsOptions): Promise<GivenContents> {
  if (options.generate === true)
    return typed(generate(options.length ?? 32, options.charset ?? 'alphanumeric'))
  const file = options.file === '-' ? undefined : options.file
  if (options.file === undefined && cli.stdin.isTTY === true) {
    await tellWhatIsThere(cli, place, options.create === true)
    return typed(await askNewSecret(cli.stdin, cli.stderr, addressText(place.box, place.path)))
  }
  const { body: input, bytes } =
    file === undefined
      ? standardInput(cli.stdin)
      : await givenFile(file, {
          flag: '--file',
          instead: 'pipe it in',
          ofDirectory: 'add -r and cp store directories'
        })
  const wanted = options.stripNewline === true ? strippingNewline(input) : input
  if (options.allowEmpty === true) return { body: wanted, bytes }
  const contents = await unlessEmpty(wanted)
  if (contents !== null) return { body: contents, bytes }
  const name = file === undefined ? 'standard input' : quote(file)
  throw new SecretboxError('invalid', `${name} is empty, so nothing was stored`, {
    hint: 'look at what was to write there, or store an empty file with --allow-empty'
  })
}

function typed(secret: Buffer): GivenContents {
  return { body: [secret], bytes: secret.length }
}

/** Nobody types a secret for a box that is not there, or over another one unknowingly. */
async function tellWhatIsThere(cli: Cli, { box, path }: Place, mayCreate: boolean): Promise<void> {
  const listing = await toFillUnseen(box, cli.api.box(box)).catch((error: unknown) => {
    if (mayCreate && isSecretboxError(error, 'not_found')) return null
    throw error
  })
  if (listing === null) return
  const present = listing.files.find(entry => entry.path === path)
  if (present?.type === 'directory')
    throw new SecretboxError('conflict', directoryHasName(`cannot put ${quote(path)}`))
  if (present !== undefined)
    cli.note(`note: ${quote(addressText(box, path))} is there already; version ${listing.version} keeps it`)
}
