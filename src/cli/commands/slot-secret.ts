import { viewOf } from '../../base/bytes.ts'
import { SecretboxError } from '../../base/errors.ts'
import { keyInAgeFile } from '../age/key-in-file.ts'
import { parseIdentities, type AgeIdentity } from '../age/x25519.ts'
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
  readonly identity?: string
}

/** More than any of them has. */
const mostBytes = 4096
/** A file may have many identities. */
const mostIdentityBytes = 64 << 10
const lineFeed = 0x0a

export function kindOf({ recovery, keyFile, identity }: SlotChoice): KeyslotKind {
  if (identity !== undefined) return 'recipient'
  return keyFile !== undefined ? 'key-file' : recovery === true ? 'recovery' : 'passphrase'
}

/** What opens a keyslot: the bytes of a key file, or what is typed or piped in, without the newline at its end. Who reads the body overwrites it. */
export async function secretFor(
  cli: Cli,
  kind: KeyslotKind,
  { keyFile }: Pick<SlotChoice, 'keyFile'>
): Promise<Body> {
  if (kind === 'key-file' && keyFile !== undefined) {
    const instead = 'keep it in a file, or use /dev/stdin'
    return (await givenFile(keyFile, { flag: '--key-file', instead })).body
  }
  const question = kind === 'recovery' ? 'Recovery code (not shown): ' : 'Passphrase (not shown): '
  return [cli.stdin.isTTY === true ? await askSecret(cli.stdin, cli.stderr, question) : await piped(cli)]
}

/**
 * The key of a keyslot for a recipient, by a file of identities ("-": standard input), which go no further; of the one of a name, or
 * the first that they open. Null when they open none. Who sends the key overwrites it. Throws `invalid` for what are no identities.
 */
export async function keyByIdentity(
  cli: Cli,
  path: string,
  name: string | undefined
): Promise<{ readonly slot: string; readonly key: Buffer } | null> {
  const { body } =
    path === '-'
      ? standardInput(cli.stdin)
      : await givenFile(path, { flag: '--identity', instead: 'pipe it in, with --identity -' })
  const bytes = await readAll(body, mostIdentityBytes)
  const identities = identitiesIn(bytes)
  try {
    for (const slot of await cli.api.keyslots()) {
      if (slot.file === undefined || (name !== undefined && name !== slot.name)) continue
      const key = keyInAgeFile(identities, Buffer.from(slot.file, 'base64'))
      if (key !== null) return { slot: slot.name, key: viewOf(key.bytes()) }
    }
    return null
  } finally {
    for (const identity of identities) identity.wipe()
  }
}

function identitiesIn(bytes: Buffer): AgeIdentity[] {
  try {
    return parseIdentities(bytes)
  } finally {
    bytes.fill(0)
  }
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
