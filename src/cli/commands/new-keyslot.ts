import { open, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { joined } from '../../base/bytes.ts'
import { quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { newBytes, randomSecret } from '../../base/secret.ts'
import { ageFileFor } from '../age/key-in-file.ts'
import { parseRecipient } from '../age/x25519.ts'
import type { KeyslotKind } from '../client/api.ts'
import type { Cli } from '../declare/cli.ts'
import { UsageError } from '../output/failure.ts'
import { sendOut } from '../output/send-out.ts'
import { newPassphrase } from './slot-secret.ts'

const keyBytes = 32

/** A keyslot that is to be: where its key file goes, or whose the recipient's is. */
export interface KeyslotWish {
  readonly name: string
  readonly kind: KeyslotKind
  readonly recipient: string | undefined
  readonly keyFile: string | undefined
}

/** Makes a keyslot, or another in the place of the one of that name, and gives the operator what opens it. */
export async function makeKeyslot(cli: Cli, place: 'new' | 'same', wish: KeyslotWish): Promise<void> {
  const { name, kind, recipient, keyFile } = wish
  if ((kind === 'key-file') !== (keyFile !== undefined))
    throw new UsageError(
      kind === 'key-file'
        ? 'say where the key file is to be: --key-file FILE'
        : `--key-file is for a key file, not for a ${kind}`
    )
  if (keyFile !== undefined) await makeKeyFile(cli, place, name, keyFile)
  else if (kind === 'recovery') await printCode(cli, await cli.api.makeKeyslot(place, { name, kind }))
  else if (kind === 'passphrase')
    await cli.api.makeKeyslot(place, { name, kind, given: await newPassphrase(cli) })
  else if (recipient !== undefined) {
    const given = [keyAndFileFor(recipient)]
    await cli.api.makeKeyslot(place, { name, kind, recipient, given })
  }
}

/** A new key, and behind it the age file that holds it. */
function keyAndFileFor(recipient: string): Buffer {
  const to = parseRecipient(recipient)
  const key = randomSecret(keyBytes)
  try {
    return joined([key.bytes(), ageFileFor(to, key)])
  } finally {
    key.wipe()
  }
}

async function printCode(cli: Cli, code: Buffer): Promise<void> {
  const ended = newBytes(code.length + 1)
  ended.set(code)
  ended[code.length] = 0x0a
  code.fill(0)
  await sendOut(cli, 'the recovery code', Readable.from([ended]))
  cli.note('this is shown once: keep it where neither this host nor its backups are')
}

async function makeKeyFile(cli: Cli, place: 'new' | 'same', name: string, path: string): Promise<void> {
  // Before the keyslot is there, which would otherwise be one that nothing opens.
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw new SecretboxError('invalid', `cannot write ${quote(path)}: ${reasonOf(error)}`)
  })
  try {
    const bytes = await cli.api.makeKeyslot(place, { name, kind: 'key-file' })
    await file.writeFile(bytes)
    await file.sync()
    bytes.fill(0)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}
