import { newBytes } from '../../base/secret.ts'
import { quote } from '../../base/errors.ts'
import type { Body } from '../output/body.ts'

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** What is said of a secret that is one line with a newline at its end: `echo` and editors add it, and it counts. */
export function newlineNote(what: string): string {
  return `note: ${quote(what)} ends with a newline, which is a part of it; --strip-newline stores it without`
}

/** The bytes without the newline (LF or CR LF) at their end; one of several. */
export function withoutLastNewline(bytes: Buffer): Buffer {
  if (!endsWithNewline(bytes)) return bytes
  return bytes.subarray(0, bytes.at(-2) === carriageReturn ? -2 : -1)
}

export function endsWithNewline(bytes: Buffer): boolean {
  return bytes.at(-1) === lineFeed
}

/** True for one line with a newline at its end, and nothing else. */
export function isEndedLine(bytes: Buffer): boolean {
  return bytes.length > 0 && bytes.indexOf(lineFeed) === bytes.length - 1
}

/** `withoutLastNewline` for a body in pieces. */
export async function* strippingNewline(body: Body): AsyncGenerator<Buffer> {
  let held = newBytes(0)
  for await (const chunk of body) {
    const joined = Buffer.concat([held, chunk])
    held.fill(0)
    chunk.fill(0)
    // The next piece may begin in the middle of the last line's end.
    const known = Math.max(0, joined.length - 2)
    held = Buffer.from(joined.subarray(known))
    joined.fill(0, known)
    if (known > 0) yield joined.subarray(0, known)
  }
  const rest = withoutLastNewline(held)
  if (rest.length > 0) yield rest
  held.fill(0)
}

/** Passes a body on, and tells once it is through whether it `isEndedLine`. */
export function watchingLines(body: Body): { body: Body; wasEndedLine(): boolean } {
  let newlines = 0
  let last = -1
  return {
    body: (async function* () {
      for await (const chunk of body) {
        for (
          let at = chunk.indexOf(lineFeed);
          at !== -1 && newlines < 2;
          at = chunk.indexOf(lineFeed, at + 1)
        )
          newlines++
        last = chunk.at(-1) ?? last
        yield chunk
      }
    })(),
    wasEndedLine: () => newlines === 1 && last === lineFeed
  }
}

/** The body once its first byte is there; null when it ends without one. */
export async function unlessEmpty(body: Body): Promise<Body | null> {
  const chunks = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]()
  let first = await chunks.next()
  while (first.done !== true && first.value.length === 0) first = await chunks.next()
  if (first.done === true) return null
  const begun = first.value
  return (async function* () {
    yield begun
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
  })()
}
