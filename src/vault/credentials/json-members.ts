import { isUtf8 } from 'node:buffer'
import { viewOf } from '../../base/bytes.ts'

/** As deep as a document may be, and what `run --secrets` takes. */
const mostDepth = 100
const space = [9, 10, 13, 32]
const [zero, nine] = [0x30, 0x39]

/**
 * The members of an object of JSON (RFC 8259) by their names, each as it is written there. Values are no strings on the way: what is
 * given are views. Null for what is no object, or no JSON.
 */
export function membersOf(value: Uint8Array): ReadonlyMap<string, Buffer> | null {
  const bytes = viewOf(value)
  if (!isUtf8(bytes)) return null
  const members = new Map<string, Buffer>()
  try {
    const end = new Reading(bytes, members).document()
    return end && bytes.find(byte => !space.includes(byte)) === 0x7b ? members : null
  } catch (error) {
    if (error instanceof NotJson) return null
    throw error
  }
}

/** Whether bytes are one value of JSON and nothing else. */
export function isJson(value: Uint8Array): boolean {
  const bytes = viewOf(value)
  if (!isUtf8(bytes)) return false
  try {
    return new Reading(bytes, new Map()).document()
  } catch (error) {
    if (error instanceof NotJson) return false
    throw error
  }
}

class NotJson extends Error {}

/** A place in a document that goes forward. */
class Reading {
  #at = 0
  readonly #bytes: Buffer
  readonly #members: Map<string, Buffer>

  constructor(bytes: Buffer, members: Map<string, Buffer>) {
    this.#bytes = bytes
    this.#members = members
  }

  /** True for one value and nothing behind it. */
  document(): boolean {
    this.#value(0)
    this.#space()
    return this.#at === this.#bytes.length
  }

  #space(): void {
    while (space.includes(this.#bytes[this.#at] ?? -1)) this.#at++
  }

  #take(text: string): boolean {
    const is = this.#bytes.subarray(this.#at, this.#at + text.length).equals(Buffer.from(text))
    if (is) this.#at += text.length
    return is
  }

  #expect(text: string): void {
    this.#space()
    if (!this.#take(text)) throw new NotJson()
  }

  #value(depth: number): void {
    if (depth > mostDepth) throw new NotJson()
    this.#space()
    if (this.#take('{')) this.#object(depth)
    else if (this.#take('[')) this.#list(depth)
    else if (this.#bytes[this.#at] === 0x22) this.#text()
    else if (!this.#take('true') && !this.#take('false') && !this.#take('null')) this.#number()
  }

  #object(depth: number): void {
    this.#space()
    if (this.#take('}')) return
    do {
      this.#space()
      const begun = this.#at
      this.#text()
      const end = this.#at - 1
      this.#expect(':')
      this.#space()
      const start = this.#at
      this.#value(depth + 1)
      if (depth === 0)
        this.#members.set(this.#bytes.toString('utf8', begun + 1, end), this.#bytes.subarray(start, this.#at))
      this.#space()
    } while (this.#take(','))
    this.#expect('}')
  }

  #list(depth: number): void {
    this.#space()
    if (this.#take(']')) return
    do {
      this.#value(depth + 1)
      this.#space()
    } while (this.#take(','))
    this.#expect(']')
  }

  #text(): void {
    if (!this.#take('"')) throw new NotJson()
    for (;;) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined || byte < 32) throw new NotJson()
      if (byte === 0x22) return
      if (byte === 0x5c) this.#escape()
    }
  }

  #escape(): void {
    const byte = String.fromCharCode(this.#bytes[this.#at++] ?? 0)
    if (byte !== 'u') {
      if (!'"\\/bfnrt'.includes(byte)) throw new NotJson()
      return
    }
    for (let digit = 0; digit < 4; digit++)
      if (!/[0-9a-fA-F]/.test(String.fromCharCode(this.#bytes[this.#at++] ?? 0))) throw new NotJson()
  }

  // Byte by byte, for a number may be a secret as well.
  #number(): void {
    this.#take('-')
    if (!this.#take('0')) this.#digits()
    if (this.#take('.')) this.#digits()
    if (!this.#take('e') && !this.#take('E')) return
    if (!this.#take('+')) this.#take('-')
    this.#digits()
  }

  #digits(): void {
    const start = this.#at
    for (
      let byte = this.#bytes[start];
      byte !== undefined && byte >= zero && byte <= nine;
      byte = this.#bytes[this.#at]
    )
      this.#at++
    if (this.#at === start) throw new NotJson()
  }
}
