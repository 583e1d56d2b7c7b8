import sodium from 'libsodium-wrappers-sumo'
import { newBytes } from '../base/secret.ts'

/**
 * The primitives taken from libsodium. Outputs belong to the caller, who zeroes what is secret. Arguments of
 * another length throw: a wiped key has none, and BLAKE2b would take that for a hash without key.
 */
export interface Sodium {
  /** HChaCha20(key: 32 bytes, input: 16 bytes) → 32 bytes (draft-irtf-cfrg-xchacha, section 2.2). */
  hchacha20(key: Uint8Array, input: Uint8Array): Buffer
  /** Keyed BLAKE2b (RFC 7693) of `message`, key of 16–64 bytes, 16–64 bytes out. */
  keyedHash(key: Uint8Array, message: Uint8Array, length: number): Buffer
  /** The public half of an X25519 key (RFC 7748), 32 bytes. */
  publicKeyOf(privateKey: Uint8Array): Buffer
  /** Encrypts for who has the private half: libsodium's `crypto_box_seal`, 48 bytes longer. It says nothing about who did it. */
  encryptTo(publicKey: Uint8Array, message: Uint8Array): Buffer
  /** What `encryptTo` was given; null when that was for another key, or was changed. */
  decryptSent(publicKey: Uint8Array, privateKey: Uint8Array, sent: Uint8Array): Buffer | null
}

/** How much longer `encryptTo` makes a message: another public key, and a tag of Poly1305. */
const sentOverheadBytes = 48

/** The raw C functions behind the wrappers; the wrappers themselves leave arguments in the WASM heap (0.8.4). */
interface RawSodium {
  HEAPU8: Uint8Array
  _malloc(size: number): number
  _free(address: number): void
  _crypto_core_hchacha20(out: number, input: number, key: number, constants: number): number
  _crypto_generichash(
    out: number,
    outLength: number,
    message: number,
    messageLengthLow: number,
    messageLengthHigh: number,
    key: number,
    keyLength: number
  ): number
  _crypto_scalarmult_base(out: number, privateKey: number): number
  _crypto_box_seal(
    out: number,
    message: number,
    messageLengthLow: number,
    messageLengthHigh: number,
    publicKey: number
  ): number
  _crypto_box_seal_open(
    out: number,
    sent: number,
    sentLengthLow: number,
    sentLengthHigh: number,
    publicKey: number,
    privateKey: number
  ): number
}

type Run = (out: number, addresses: readonly number[]) => number

/**
 * Loads libsodium. Every call copies its arguments into the WASM heap and zeroes all of them, and the
 * result, before it returns: afterwards the heap holds neither key nor output.
 */
export async function loadSodium(): Promise<Sodium> {
  await sodium.ready
  const raw = (sodium as unknown as { libsodium: RawSodium }).libsodium

  /** Lays `parts` and an output of `outLength` bytes in one heap block, calls `run` with their addresses. Null: it says no. */
  const tried = (outLength: number, parts: readonly Uint8Array[], run: Run): Buffer | null => {
    const total = parts.reduce((sum, part) => sum + part.length, outLength)
    const block = raw._malloc(total)
    if (block === 0) throw new Error('libsodium is out of memory')
    try {
      let next = block + outLength
      const addresses = parts.map(part => {
        const address = next
        raw.HEAPU8.set(part, address)
        next += part.length
        return address
      })
      const isDone = run(block, addresses) === 0
      const out = newBytes(isDone ? outLength : 0)
      out.set(raw.HEAPU8.subarray(block, block + out.length))
      // BLAKE2b leaves its result on the C stack, whose place is not exported: the same again on other bytes overwrites it.
      // Not zeros: no public key is.
      raw.HEAPU8.fill(9, block, block + total)
      run(block, addresses)
      return isDone ? out : null
    } finally {
      raw.HEAPU8.fill(0, block, block + total)
      raw._free(block)
    }
  }

  const call = (...what: Parameters<typeof tried>): Buffer => whatIsDone(tried(...what))

  return {
    hchacha20(key, input) {
      refuseLength(key)
      if (input.length !== 16) throw new RangeError('the input has 16 bytes')
      return call(32, [input, key], (out, [inputAt = 0, keyAt = 0]) =>
        raw._crypto_core_hchacha20(out, inputAt, keyAt, 0)
      )
    },
    keyedHash(key, message, length) {
      if (key.length < 16 || key.length > 64) throw new RangeError('a key has 16 to 64 bytes')
      return call(length, [message, key], (out, [messageAt = 0, keyAt = 0]) =>
        raw._crypto_generichash(out, length, messageAt, message.length, 0, keyAt, key.length)
      )
    },
    ...publicKeys(raw, { tried, call })
  }
}

/** What is done with X25519 keys. */
function publicKeys(
  raw: RawSodium,
  {
    tried,
    call
  }: {
    tried: (outLength: number, parts: readonly Uint8Array[], run: Run) => Buffer | null
    call: (outLength: number, parts: readonly Uint8Array[], run: Run) => Buffer
  }
): Pick<Sodium, 'publicKeyOf' | 'encryptTo' | 'decryptSent'> {
  return {
    publicKeyOf(privateKey) {
      refuseLength(privateKey)
      return call(32, [privateKey], (out, [at = 0]) => raw._crypto_scalarmult_base(out, at))
    },
    encryptTo(publicKey, message) {
      refuseLength(publicKey)
      return call(
        message.length + sentOverheadBytes,
        [message, publicKey],
        (out, [messageAt = 0, keyAt = 0]) => raw._crypto_box_seal(out, messageAt, message.length, 0, keyAt)
      )
    },
    decryptSent(publicKey, privateKey, sent) {
      refuseLength(publicKey)
      refuseLength(privateKey)
      if (sent.length < sentOverheadBytes) return null
      return tried(
        sent.length - sentOverheadBytes,
        [sent, publicKey, privateKey],
        (out, [sentAt = 0, publicAt = 0, privateAt = 0]) =>
          raw._crypto_box_seal_open(out, sentAt, sent.length, 0, publicAt, privateAt)
      )
    }
  }
}

function whatIsDone(out: Buffer | null): Buffer {
  if (out === null) throw new Error('libsodium refused its arguments')
  return out
}

function refuseLength({ length }: Uint8Array): void {
  if (length !== 32) throw new RangeError('a key has 32 bytes')
}
