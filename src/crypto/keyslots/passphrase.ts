import { argon2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { SecretboxError } from '../../base/errors.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import { keyBytes } from '../keyring.ts'

const saltBytes = 16
/** What a header may ask for; one that asks for more was not written by us. */
export const mostMemoryKiB = 4 << 20
export const mostPasses = 64
/** Longer ones are no passphrases. */
const mostBytes = 1024
const fewestBytes = 8

/** What makes guessing dear: memory and passes over it (RFC 9106), and a salt. */
export interface PassphraseCost {
  readonly salt: string
  readonly memoryKiB: number
  readonly passes: number
}

/** A salt of its own, and the cost of new slots: 256 MiB, three passes. */
export function newPassphraseCost(): PassphraseCost {
  return { salt: randomBytes(saltBytes).toString('base64'), memoryKiB: 256 << 10, passes: 3 }
}

/** Throws `invalid` for what is no passphrase for a new slot. */
export function checkPassphrase({ length }: Secret): void {
  if (length < fewestBytes || length > mostBytes)
    throw new SecretboxError(
      'invalid',
      `bad passphrase: it must have ${fewestBytes} to ${mostBytes} bytes, and has ${length}`
    )
}

/**
 * The key of a passphrase's slot, by Argon2id of one lane (RFC 9106, version 0x13), which is what libsodium's
 * crypto_pwhash computes. It takes about a second on a thread of its own, so that all else goes on. The caller wipes both. Throws `unavailable` when there is not that much memory.
 */
export async function keyOfPassphrase(passphrase: Secret, cost: PassphraseCost): Promise<Secret> {
  // It is copied by Node, and zeroed there when it has ended.
  const parameters = {
    message: passphrase.bytes(),
    nonce: Buffer.from(cost.salt, 'base64'),
    parallelism: 1,
    tagLength: keyBytes,
    memory: cost.memoryKiB,
    passes: cost.passes
  }
  try {
    const made = await promisify(argon2)('argon2id', parameters)
    const key = newBytes(keyBytes)
    key.set(made)
    made.fill(0)
    return new Secret(key)
  } catch (error) {
    throw new SecretboxError(
      'unavailable',
      `cannot try a passphrase: it takes ${cost.memoryKiB >> 10} MiB of memory`,
      { cause: error }
    )
  }
}
