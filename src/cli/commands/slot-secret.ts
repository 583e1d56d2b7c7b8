import { SecretboxError } from '../../base/errors.ts'
import type { KeyslotKind } from '../client/api.ts'
import { readAll } from '../client/http.ts'
import type { Cli } from '../declare/cli.ts'
import { givenFile, standardInput } from '../input/given-file.ts'
import { askSecret, askTwice } from '../input/prompt.ts'
import type { Body } from '../output/body.ts'

/** What a command line says of what opens a keyslot. */
export interface SlotChoice {
  readonly recovery?: boolean
  readonly keyFile?: string
}

/** More than any of them has. */
const mostBytes = 4096
const lineFeed = 0x0a

export function kindOf({ recovery, keyFile }: SlotChoice): KeyslotKind {
  return keyFile !== undefined ? 'key-file' : recovery === true ? 'recovery' : 'passphrase'
}

/** What opens a keyslot: the bytes of a key file, or what is typed or piped in, without the newline at its end. Who reads the body overwrites it. */
export async function secretFor(
  cli: Cli,
  kind: KeyslotKind,
  { keyFile }: Pick<SlotChoice, 'keyFile'>
): Promise<Body> {
  if (kind === 'key-file' && keyFile !== undefined) return (await givenFile(keyFile)).body
  const question = kind === 'recovery' ? 'Recovery code (not shown): ' : 'Passphrase (not shown): '
  return [cli.stdin.isTTY === true ? await askSecret(cli.stdin, cli.stderr, question) : await piped(cli)]
}

/** A passphrase that is to be: asked for twice, or piped in. */
export async function newPassphrase(cli: Cli): Promise<Body> {
  const question = 'New passphrase (not shown): '
  return [cli.stdin.isTTY === true ? await askTwice(cli.stdin, cli.stderr, question) : await piped(cli)]
}

async function piped(cli: Cli): Promise<Buffer> {
  const bytes = await readAll(standardInput(cli.stdin).body, mostBytes)
  const line = bytes.at(-1) === lineFeed ? bytes.subarray(0, -1) : bytes
  if (line.length > 0) return line
  throw new SecretboxError('invalid', 'standard input is empty', {
    hint: 'pipe it in, or call this at a terminal to be asked'
  })
}
