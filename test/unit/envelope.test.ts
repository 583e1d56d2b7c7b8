import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import sodium from 'libsodium-wrappers-sumo'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEnvelope, envelopeOverheadBytes, type Envelope } from '../../src/crypto/envelope.ts'
import { createKeyring, type Keyring } from '../../src/crypto/keyring.ts'
import { loadSodium, type Sodium } from '../../src/crypto/sodium.ts'
import { Secret } from '../../src/base/secret.ts'

/** A record as it lies in a store, all bytes in hex, and what becomes of it. No `boxKey`: sealed by the vault itself. */
interface Vector {
  readonly name: string
  readonly rootKey: string
  readonly storeId: string
  readonly boxKey?: string
  readonly blob?: string
  readonly recordKey: string
  readonly sealed: string
  readonly opens?: string
  readonly fails?: keyof typeof messages
}

/** Each kind of failure has its own message, so that one cannot hide behind another. */
const messages = {
  format: 'cannot open record: it is not an encrypted record',
  key: 'cannot open record: it was encrypted under another key',
  changed: 'cannot open record: it was changed or moved'
} as const

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/records.json', import.meta.url), 'utf8')
) as Vector[]

let primitives: Sodium
let envelope: Envelope
beforeAll(async () => {
  primitives = await loadSodium()
  envelope = createEnvelope(primitives)
})

function keyringOf(rootKey: Buffer, storeId: string): Keyring {
  return createKeyring({
    sodium: primitives,
    envelope,
    rootKey: new Secret(rootKey),
    storeId,
    allocate: length => new Uint8Array(length)
  })
}

function open({ rootKey, storeId, boxKey, blob, recordKey, sealed }: Vector): string {
  const keyring = keyringOf(Buffer.from(rootKey, 'hex'), storeId)
  const bytes = Buffer.from(sealed, 'hex')
  const opened =
    boxKey === undefined
      ? keyring.decrypt(recordKey, bytes)
      : keyring.decryptForBox(new Secret(Buffer.from(boxKey, 'hex')), blob ?? null, recordKey, bytes)
  return opened.toString('hex')
}

describe('the format of records is kept', () => {
  test.each(vectors.filter(({ opens }) => opens !== undefined))('$name opens', vector => {
    expect(open(vector)).toBe(vector.opens)
  })

  test.each(vectors.filter(({ fails }) => fails !== undefined))('$name: fails as "$fails"', vector => {
    expect(() => open(vector)).toThrow(
      expect.objectContaining({ code: 'damaged', message: messages[vector.fails ?? 'format'] })
    )
  })

  test('the vectors hold every kind of failure', () => {
    expect(new Set(vectors.map(({ fails }) => fails).filter(Boolean))).toEqual(new Set(Object.keys(messages)))
  })
})

test('what is sealed opens again, whatever its bytes and length, and is longer by the overhead', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.string(), (bytes, place) => {
      const key = randomBytes(32)
      const sealed = envelope.encrypt(key, Buffer.from(place), bytes)
      expect(sealed.length).toBe(bytes.length + envelopeOverheadBytes)
      expect(envelope.decrypt(key, Buffer.from(place), sealed).equals(bytes)).toBe(true)
    }),
    { numRuns: 50 }
  )
})

test('no flipped bit of a record goes unnoticed', () => {
  const key = randomBytes(32)
  const sealed = envelope.encrypt(key, Buffer.from('here'), Buffer.from('secret'))
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const altered = Buffer.from(sealed)
    altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    expect(() => envelope.decrypt(key, Buffer.from('here'), altered)).toThrow('cannot open record')
  }
})

test('libsodium itself opens what the envelope seals, and the envelope what libsodium seals', () => {
  const key = randomBytes(32)
  const associated = Buffer.from('where it lies')
  const plaintext = randomBytes(3 << 20)
  const split = (nonce: Uint8Array): { commitment: Uint8Array; encryptionKey: Uint8Array } => {
    const context = Buffer.concat([Buffer.from('secretbox/1 key commitment'), nonce])
    const both = sodium.crypto_generichash(64, context, key)
    return { commitment: both.subarray(0, 32), encryptionKey: both.subarray(32) }
  }

  const sealed = envelope.encrypt(key, associated, plaintext)
  const nonce = sealed.subarray(1, 25)
  const ours = split(nonce)
  expect(sealed[0]).toBe(1)
  expect(Buffer.compare(sealed.subarray(25, 57), ours.commitment)).toBe(0)
  const opened = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
    null,
    sealed.subarray(57),
    associated,
    nonce,
    ours.encryptionKey
  )
  expect(Buffer.compare(opened, plaintext)).toBe(0)

  const theirNonce = randomBytes(24)
  const theirs = split(theirNonce)
  const ciphertext = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    plaintext,
    associated,
    null,
    theirNonce,
    theirs.encryptionKey
  )
  const record = Buffer.concat([Buffer.of(1), theirNonce, theirs.commitment, ciphertext])
  expect(envelope.decrypt(key, associated, record).equals(plaintext)).toBe(true)
})

test('two records of the same bytes share nothing', () => {
  const key = randomBytes(32)
  const [one, two] = [0, 1].map(() => envelope.encrypt(key, Buffer.of(), Buffer.alloc(100)))
  expect(one?.subarray(1, 25).equals(two?.subarray(1, 25) ?? Buffer.of())).toBe(false)
  expect(one?.subarray(57).equals(two?.subarray(57) ?? Buffer.of())).toBe(false)
})

describe('a keyring', () => {
  const rootKey = (): Buffer => Buffer.alloc(32, 7)

  test('hides names behind a keyed hash: the same for the same vault, another for another', () => {
    const name = keyringOf(rootKey(), 'one').hideName('db')
    expect(name).toMatch(/^[0-9a-f]{64}$/)
    expect(keyringOf(rootKey(), 'one').hideName('db')).toBe(name)
    expect(keyringOf(rootKey(), 'one').hideName('dc')).not.toBe(name)
    expect(keyringOf(Buffer.alloc(32, 8), 'one').hideName('db')).not.toBe(name)
    expect(name).not.toBe(createHash('blake2b512').update('db').digest('hex').slice(0, 64))
  })

  test('keeps its keys in the memory it was given, leaves the root key alone and is of no use once wiped', () => {
    const kept: Uint8Array[] = []
    const root = new Secret(rootKey())
    const keyring = createKeyring({
      sodium: primitives,
      envelope,
      rootKey: root,
      storeId: 'one',
      allocate(length) {
        const bytes = new Uint8Array(length)
        kept.push(bytes)
        return bytes
      }
    })
    expect(Buffer.compare(root.bytes(), rootKey())).toBe(0)
    expect(kept.map(bytes => bytes.length)).toEqual([128])
    const sealed = keyring.encrypt('here', Buffer.from('secret'))
    keyring.wipe()
    expect(kept.flatMap(bytes => [...bytes]).some(byte => byte !== 0)).toBe(false)
    expect(() => keyring.encrypt('here', Buffer.from('secret'))).toThrow('the vault was sealed meanwhile')
    expect(() => keyring.decrypt('here', sealed)).toThrow('the vault was sealed meanwhile')
    expect(() => keyring.hideName('db')).toThrow('the vault was sealed meanwhile')
  })

  test('leaves the key of a box alone', () => {
    const boxKey = new Secret(Buffer.alloc(32, 9))
    keyringOf(rootKey(), 'one').encryptForBox(boxKey, null, 'here', Buffer.of())
    expect(Buffer.from(boxKey.bytes())).toEqual(Buffer.alloc(32, 9))
  })
})
