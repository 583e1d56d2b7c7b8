import { randomFillSync } from 'node:crypto'
import { inspect } from 'node:util'

const wiped = new Uint8Array(0)

/**
 * Zeroed bytes whose every copy is the one that can be overwritten: outside V8's heap. Into that heap V8 puts what
 * `Buffer.alloc` and `new Uint8Array` make when it has at most 64 bytes, as a key or a password has. The collector moves
 * such bytes, and leaves what lay in the old place.
 */
export function newBytes(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length))
}

/**
 * Secret bytes that cannot be printed: String, JSON and inspect all give `[secret, N bytes]`.
 * The object owns its buffer, which lies outside V8's heap (`newBytes`), from construction on; whoever holds the Secret calls `wipe` when done.
 */
export class Secret {
  #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get length(): number {
    return this.#bytes.length
  }

  /** The bytes themselves: still owned by the Secret, valid until `wipe`. */
  bytes(): Uint8Array {
    return this.#bytes
  }

  /** Overwrites the bytes with zeros. A wiped Secret has length 0. Safe to call twice. */
  wipe(): void {
    this.#bytes.fill(0)
    this.#bytes = wiped
  }

  toString(): string {
    return `[secret, ${this.#bytes.length} bytes]`
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/** Random bytes, filled in where they stay: no piece of them is left elsewhere. */
export function randomSecret(length: number): Secret {
  return new Secret(randomFillSync(newBytes(length)))
}

/**
 * Zeroes bytes and gives their memory back now, not when the collector comes by: it counts a large buffer as a few
 * words, and lets a hundred of them lie. What shares its memory with others is only zeroed. The bytes cannot be
 * used afterwards.
 */
export function releaseBytes(bytes: Uint8Array): void {
  if (bytes.length === 0) return
  bytes.fill(0)
  if (bytes.buffer instanceof ArrayBuffer && bytes.length === bytes.buffer.byteLength)
    bytes.buffer.transfer(0)
}
