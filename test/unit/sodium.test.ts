import { createHash, randomBytes } from 'node:crypto'
import sodium from 'libsodium-wrappers-sumo'
import { beforeAll, expect, test } from 'vitest'
import { createEnvelope } from '../../src/crypto/envelope.ts'
import { newKeyFile } from '../../src/crypto/keyslots/key-file.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { loadSodium, type Sodium } from '../../src/crypto/sodium.ts'
import { Secret } from '../../src/base/secret.ts'

let calls: Sodium
beforeAll(async () => {
  calls = await loadSodium()
})

function heap(): Buffer {
  const { HEAPU8 } = (sodium as unknown as { libsodium: { HEAPU8: Uint8Array } }).libsodium
  return Buffer.from(HEAPU8.buffer, HEAPU8.byteOffset, HEAPU8.byteLength)
}

/** The pieces of secrets that lie in the heap: any twelve bytes in a row are found, and shown by eight of them. */
function tracesOf(...secrets: Uint8Array[]): string[] {
  const memory = heap()
  const traces: string[] = []
  for (const secret of secrets) {
    for (let at = 0; at + 8 <= secret.length; at += 4) {
      if (memory.includes(Buffer.from(secret.subarray(at, at + 8))))
        traces.push(Buffer.from(secret).toString('hex', at, at + 8))
    }
  }
  return traces
}

test('a secret in the heap would be found', () => {
  const { libsodium } = sodium as unknown as {
    libsodium: { _malloc(size: number): number; _free(at: number): void }
  }
  const secret = randomBytes(32)
  const at = libsodium._malloc(32)
  heap().set(secret, at)
  expect(tracesOf(secret)).toHaveLength(7)
  heap().fill(0, at, at + 32)
  libsodium._free(at)
})

test('hchacha20 leaves neither key, input nor output in the heap', () => {
  const [key, input] = [randomBytes(32), randomBytes(16)]
  const out = calls.hchacha20(key, input)
  expect(tracesOf(key, input, out)).toEqual([])
})

test.each([16, 32, 64])(
  'a keyed hash of %i bytes leaves neither key, message nor output in the heap',
  length => {
    const [key, message] = [randomBytes(32), randomBytes(60)]
    const out = calls.keyedHash(key, message, length)
    expect(tracesOf(key, message, out)).toEqual([])
  }
)

test('what is sent to a public key is decrypted by its owner alone, and nothing of it is left in the heap', () => {
  const [own, other, message] = [randomBytes(32), randomBytes(32), randomBytes(32)]
  const key = calls.publicKeyOf(own)
  const sent = calls.encryptTo(key, message)
  expect(tracesOf(own, message)).toEqual([])
  expect(key.equals(Buffer.from(sodium.crypto_scalarmult_base(own)))).toBe(true)
  expect(calls.decryptSent(key, own, sent)?.equals(message)).toBe(true)
  expect(tracesOf(own, message)).toEqual([])
  expect(calls.decryptSent(calls.publicKeyOf(other), other, sent)).toBe(null)
  sent.writeUInt8(sent.readUInt8(40) ^ 1, 40)
  expect(calls.decryptSent(key, own, sent)).toBe(null)
  expect(calls.decryptSent(key, own, sent.subarray(0, 47))).toBe(null)
  expect(
    Buffer.from(sodium.crypto_box_seal_open(calls.encryptTo(key, message), key, own)).equals(message)
  ).toBe(true)
  expect(() => calls.encryptTo(key.subarray(1), message)).toThrow('a key has 32 bytes')
})

test('sealing and opening leave neither keys nor contents in the heap', () => {
  const envelope = createEnvelope(calls)
  const rootKey = new Secret(randomBytes(32))
  const boxKey = new Secret(randomBytes(32))
  const plaintext = randomBytes(5000)
  const derived: Uint8Array[] = []
  const watched: Sodium = {
    hchacha20: (key, input) => noted(calls.hchacha20(key, input), key),
    keyedHash: (key, message, length) => noted(calls.keyedHash(key, message, length), key),
    publicKeyOf: key => calls.publicKeyOf(key),
    encryptTo: (key, message) => calls.encryptTo(key, message),
    decryptSent: (key, own, sent) => calls.decryptSent(key, own, sent)
  }
  const noted = (out: Buffer, key: Uint8Array): Buffer => {
    derived.push(Uint8Array.from(out), Uint8Array.from(key))
    return out
  }
  const keyring = createKeyring({
    sodium: watched,
    envelope: createEnvelope(watched),
    rootKey,
    storeId: 'a store',
    allocate: length => new Uint8Array(length)
  })
  const sealed = keyring.encryptForBox(boxKey, 'blob', 'key', plaintext)
  expect(keyring.decryptForBox(boxKey, 'blob', 'key', sealed).equals(plaintext)).toBe(true)
  expect(derived.length).toBeGreaterThan(10)
  expect(tracesOf(rootKey.bytes(), boxKey.bytes(), plaintext.subarray(0, 64), ...derived)).toEqual([])

  const file = newKeyFile(calls, '00'.repeat(16))
  expect(tracesOf(file.key.bytes())).toEqual([])
  expect(() => envelope.decrypt(file.key.bytes(), Buffer.of(), sealed)).toThrow('another key')
  expect(tracesOf(file.key.bytes())).toEqual([])
})

test('the primitives are those of their specifications', () => {
  // draft-irtf-cfrg-xchacha-03, section 2.2.1.
  const key = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex')
  const input = Buffer.from('000000090000004a0000000031415927', 'hex')
  expect(calls.hchacha20(key, input).toString('hex')).toBe(
    '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc'
  )
  // RFC 7693 by another implementation: libsodium keyless against OpenSSL's BLAKE2b-512.
  expect(Buffer.from(sodium.crypto_generichash(64, 'abc', null)).toString('hex')).toBe(
    createHash('blake2b512').update('abc').digest('hex')
  )
  // The first of the reference implementation's keyed vectors (blake2-kat: key 00…3f, empty message).
  const longKey = Buffer.from(Array.from({ length: 64 }, (_, i) => i))
  expect(calls.keyedHash(longKey, Buffer.of(), 64).toString('hex')).toBe(
    '10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786' +
      'b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568'
  )
})

test('a key that is too short, as one that was wiped, is refused instead of hashed without', () => {
  const wiped = new Secret(randomBytes(32))
  wiped.wipe()
  expect(() => calls.keyedHash(wiped.bytes(), Buffer.from('message'), 32)).toThrow('a key has 16 to 64 bytes')
  expect(() => calls.hchacha20(wiped.bytes(), randomBytes(16))).toThrow('a key has 32 bytes')
  expect(() => calls.hchacha20(randomBytes(32), randomBytes(15))).toThrow('the input has 16 bytes')
})
