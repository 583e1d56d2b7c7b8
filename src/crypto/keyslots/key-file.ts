import { randomBytes, timingSafeEqual } from 'node:crypto'
import { errnoOf, reasonOf, SecretboxError } from '../../base/errors.ts'
import { quotePath } from '../../base/host-paths.ts'
import { openPrivateFile, refuseSharedFile } from '../../base/private-files.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import { keyBytes } from '../keyring.ts'
import type { Sodium } from '../sodium.ts'

/*
 * The file: "secretbox key 1\n" | vault id 16 bytes | key 32 bytes | BLAKE2b of all that, under a public key, 16 bytes.
 * It is binary so that the key never becomes a string; the checksum tells damage from a foreign key.
 */
const magic = Buffer.from('secretbox key 1\n')
const idBytes = 16
const checkBytes = 16
const fileBytes = magic.length + idBytes + keyBytes + checkBytes

/** A key file's contents: the key that unwraps the root key of one vault. The caller wipes `key`. */
export interface KeyFile {
  readonly vaultId: string
  readonly key: Secret
}

/** The bytes of a new key file for a vault; the caller zeroes them once written and wipes `key`. */
export function newKeyFile(sodium: Sodium, vaultId: string): { key: Secret; bytes: Buffer } {
  const key = randomBytes(keyBytes)
  const bytes = newBytes(fileBytes)
  bytes.set(magic)
  bytes.set(Buffer.from(vaultId, 'hex'), magic.length)
  bytes.set(key, magic.length + idBytes)
  bytes.set(checksum(sodium, bytes), fileBytes - checkBytes)
  return { key: new Secret(key), bytes }
}

/**
 * Reads a key file, or null when there is none. Throws `denied` when others than this user could read it,
 * `damaged` when it is truncated or altered, `unavailable` when it cannot be read.
 */
export async function readKeyFile(sodium: Sodium, path: string): Promise<KeyFile | null> {
  const bytes = newBytes(fileBytes + 1)
  try {
    const length = await readPrivateFile(path, bytes)
    if (length === null) return null
    return parseKeyFile(sodium, `key file ${quotePath(path)}`, bytes.subarray(0, length))
  } finally {
    bytes.fill(0)
  }
}

async function readPrivateFile(path: string, into: Buffer): Promise<number | null> {
  try {
    const file = await openPrivateFile('key file', path)
    try {
      refuseSharedFile('key file', path, await file.stat())
      return (await file.read(into, 0, into.length, 0)).bytesRead
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    if (error instanceof SecretboxError) throw error
    throw new SecretboxError('unavailable', `cannot read key file ${quotePath(path)}: ${reasonOf(error)}`, {
      cause: error
    })
  }
}

/** Reads the bytes of a key file, which stay the caller's; `what` messages call it. Throws `damaged`. */
export function parseKeyFile(sodium: Sodium, what: string, bytes: Buffer): KeyFile {
  const damaged = (reason: string): SecretboxError =>
    new SecretboxError('damaged', `cannot use ${what}: ${reason}`, {
      hint: 'restore the key file from a backup; without it the boxes cannot be opened'
    })
  if (bytes.length !== fileBytes) throw damaged(`a key file has ${fileBytes} bytes`)
  if (!bytes.subarray(0, magic.length).equals(magic)) throw damaged('it is not a key file')
  if (!timingSafeEqual(checksum(sodium, bytes), bytes.subarray(fileBytes - checkBytes))) {
    throw damaged('its checksum is wrong')
  }
  const keyAt = magic.length + idBytes
  const key = newBytes(keyBytes)
  key.set(bytes.subarray(keyAt, keyAt + keyBytes))
  return { vaultId: bytes.subarray(magic.length, keyAt).toString('hex'), key: new Secret(key) }
}

function checksum(sodium: Sodium, bytes: Buffer): Buffer {
  return sodium.keyedHash(
    Buffer.from('secretbox key file check'),
    bytes.subarray(0, fileBytes - checkBytes),
    checkBytes
  )
}
