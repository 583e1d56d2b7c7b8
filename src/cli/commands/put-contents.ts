import { fstatSync, ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { isSecretboxError, quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { directoryHasName } from '../../base/messages.ts'
import { addressText, type Place } from '../client/address.ts'
import { toFill } from './box-to-fill.ts'
import type { Cli } from '../declare/cli.ts'
import { UsageError } from '../output/failure.ts'
import { piecesOfDescriptor, piecesOfFile } from '../input/file-pieces.ts'
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
  const { body: input, bytes } = file === undefined ? standardInput(cli) : await opened(file)
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

function standardInput(cli: Cli): GivenContents {
  // Node takes a directory for an empty stream.
  if (fstatSync(0).isDirectory())
    throw new SecretboxError('invalid', 'cannot read standard input: it is a directory')
  return { body: cli.stdin instanceof ReadStream ? piecesOfDescriptor(0) : cli.stdin, bytes: null }
}

/** The bytes of a file of the operator's. Throws `invalid` that says why there are none. */
async function opened(path: string): Promise<GivenContents> {
  try {
    const file = await open(path)
    const stats = await file.stat()
    if (!stats.isDirectory()) {
      return { body: piecesOfFile(file), bytes: stats.isFile() ? stats.size : null }
    }
    await file.close()
  } catch (error) {
    throw new SecretboxError('invalid', `cannot read ${quote(path)}: ${reasonOf(error)}`)
  }
  throw new SecretboxError('invalid', `cannot read ${quote(path)}: it is a directory`, {
    hint: 'add -r and cp store directories'
  })
}

/** Nobody types a secret for a box that is not there, or over another one unknowingly. */
async function tellWhatIsThere(cli: Cli, { box, path }: Place, mayCreate: boolean): Promise<void> {
  const listing = await toFill(box, cli.api.box(box)).catch((error: unknown) => {
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
