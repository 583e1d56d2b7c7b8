import { read } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { newBytes } from '../../base/secret.ts'

/*
 * What is left to read of a file, in pieces that the reader overwrites. A stream of Node's would copy a short file into V8's
 * heap, and leave its own buffer as it is.
 */

const readDescriptor = promisify(read)
const pieceBytes = 64 << 10

/** The file is closed at the end. */
export async function* piecesOfFile(file: FileHandle): AsyncGenerator<Buffer, undefined> {
  try {
    yield* piecesOfDescriptor(file.fd)
  } finally {
    await file.close()
  }
}

/** The descriptor, which must block, stays open. */
export async function* piecesOfDescriptor(descriptor: number): AsyncGenerator<Buffer, undefined> {
  for (;;) {
    const piece = newBytes(pieceBytes)
    const { bytesRead } = await readDescriptor(descriptor, piece, 0, pieceBytes, null)
    if (bytesRead === 0) return
    yield piece.subarray(0, bytesRead)
  }
}
