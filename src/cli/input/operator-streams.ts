import { fstatSync, ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { piecesOfDescriptor, piecesOfFile } from './file-pieces.ts'

/** A tar says how long a file is before it comes, so that a stream is read whole first. */
const maxStreamBytes = 256 << 20

/** Names of an open descriptor: standard input, and what shells make of `<(…)`. */
const descriptorName = /^\/dev\/(?:stdin|fd\/(\d+))$|^\/proc\/self\/fd\/(\d+)$/

/** True for the name of an open descriptor, which says nothing of what is to be read but where it comes from. */
export function isStream(operand: string): boolean {
  return descriptorName.test(operand)
}

/** Reads the descriptor that such a name means to its end; the bytes are the caller's. Throws `invalid`. */
export async function readStream(operand: string): Promise<Buffer> {
  const refuse = (reason: string, hint?: string): never => {
    const more = hint === undefined ? {} : { hint }
    throw new SecretboxError('invalid', `cannot add ${quote(operand)}: ${reason}`, more)
  }
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of await openStream(operand)) {
      chunks.push(chunk)
      length += chunk.length
      if (length > maxStreamBytes)
        refuse(`it has more than ${maxStreamBytes} bytes`, 'put takes a stream of any length')
    }
    return Buffer.concat(chunks, length)
  } catch (error) {
    if (error instanceof SecretboxError) throw error
    return refuse(reasonOf(error))
  } finally {
    for (const chunk of chunks) chunk.fill(0)
  }
}

async function openStream(operand: string): Promise<AsyncIterable<Buffer>> {
  const [, first, second] = descriptorName.exec(operand) ?? []
  const descriptor = Number(first ?? second ?? 0)
  // By its number and not by its name: a socket has none that can be opened.
  if (descriptor > 0) return piecesOfFile(await open(operand))
  // Node takes a directory for an empty stream.
  if (fstatSync(0).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' })
  return process.stdin instanceof ReadStream
    ? piecesOfDescriptor(0)
    : (process.stdin as AsyncIterable<Buffer>)
}
