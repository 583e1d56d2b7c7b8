import { open, type FileHandle } from 'node:fs/promises'
import { SecretboxError, quote, reasonOf } from '../errors.ts'

/** A tar says how long a file is before it comes, so that a stream is read whole first. */
const maxStreamBytes = 256 << 20
const chunkBytes = 64 << 10

/** True for names of an open descriptor: standard input, and what shells make of `<(…)`. */
export function isStream(operand: string): boolean {
  return /^\/dev\/(stdin|fd\/\d+)$|^\/proc\/self\/fd\/\d+$/.test(operand)
}

/** Reads the descriptor that such a name means to its end; the bytes are the caller's. Throws `invalid`. */
export async function readStream(operand: string): Promise<Buffer> {
  const refuse = (reason: string, hint?: string): never => {
    const more = hint === undefined ? {} : { hint }
    throw new SecretboxError('invalid', `cannot add ${quote(operand)}: ${reason}`, more)
  }
  let handle: FileHandle
  try {
    handle = await open(operand)
  } catch (error) {
    return refuse(reasonOf(error))
  }
  const chunks: Buffer[] = []
  try {
    if ((await handle.stat()).isDirectory()) refuse('it is a directory')
    for (let length = 0; ;) {
      const chunk = Buffer.allocUnsafeSlow(chunkBytes)
      const { bytesRead } = await handle.read(chunk, 0, chunk.length)
      if (bytesRead === 0) return Buffer.concat(chunks, length)
      chunks.push(chunk.subarray(0, bytesRead))
      length += bytesRead
      if (length > maxStreamBytes) {
        refuse(`it has more than ${maxStreamBytes} bytes`, 'put takes a stream of any length')
      }
    }
  } finally {
    for (const chunk of chunks) chunk.fill(0)
    await handle.close()
  }
}
