import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import { quote, SecretboxError } from '../../base/errors.ts'
import { compressionOf } from '../../tar/compression.ts'
import { blockBytes, isHeader } from '../../tar/header.ts'

/**
 * An archive as it is without gzip or zstd, if it was compressed by one of them. Throws `invalid` that names `what` for
 * another compression, with the command that undoes it, and for one that is damaged.
 */
export async function* decompressed(archive: AsyncIterable<Buffer>, what: string): AsyncGenerator<Buffer> {
  const pieces = archive[Symbol.asyncIterator]()
  const begun: Buffer[] = []
  let length = 0
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    begun.push(next.value)
    if ((length += next.value.length) >= blockBytes) break
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield* begun
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value
  }
  const first = Buffer.concat(begun, Math.min(length, blockBytes))
  // A tar begins with a name, which may be what another format begins with.
  const compression = isHeader(first) ? null : compressionOf(first)
  first.fill(0)
  if (compression === null) {
    yield* whole()
    return
  }
  const { name, undo } = compression
  const undoing = name === 'gzip' ? zlib.createGunzip() : name === 'zstd' ? createZstd() : null
  if (undoing === null) {
    throw new SecretboxError('invalid', `cannot read ${what}: it is compressed (${name})`, {
      hint: `pipe it through ${quote(undo)} first`
    })
  }
  const feeding = Readable.from(whole(), { objectMode: false })
  feeding.on('error', error => undoing.destroy(error)).pipe(undoing)
  try {
    for await (const piece of undoing) yield piece as Buffer
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new SecretboxError(
      'invalid',
      `cannot read ${what}: its compression (${name}) is damaged: ${reason}`
    )
  } finally {
    undoing.destroy()
    feeding.destroy()
  }
}

/** Null on a Node that has none: before 22.15. */
function createZstd(): (NodeJS.ReadWriteStream & Readable) | null {
  const { createZstdDecompress } = zlib as Partial<typeof zlib>
  return createZstdDecompress?.() ?? null
}
