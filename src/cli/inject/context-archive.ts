import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { posix } from 'node:path'
import { newBytes } from '../../base/secret.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import { compressionOf } from '../../tar/compression.ts'
import { entriesOf, paddingOf, type TarEntry } from '../../tar/entries.ts'
import { blockBytes, isHeader, sizeIn, withSize } from '../../tar/header.ts'
import { decompressed } from '../input/decompressed.ts'

/** True when what came as a build context begins as an archive does, compressed or not; else it is a Dockerfile itself. */
export async function isArchive(file: string): Promise<boolean> {
  const head = newBytes(blockBytes)
  const handle = await open(file)
  try {
    const { bytesRead } = await handle.read(head, 0, blockBytes, 0)
    return isHeader(head.subarray(0, bytesRead)) || compressionOf(head.subarray(0, bytesRead)) !== null
  } finally {
    await handle.close()
  }
}

/** The bytes of a file in an archive; of several with that name, those of the last. Throws `not_found`, `invalid`. */
export async function readFromArchive(archive: string, name: string): Promise<Buffer> {
  let found: Buffer | null = null
  for await (const entry of entriesOf(plain(archive))) {
    if (!isNamed(entry, name)) continue
    const chunks: Buffer[] = []
    for await (const chunk of entry.contents) chunks.push(Buffer.from(chunk))
    found = Buffer.concat(chunks)
  }
  if (found !== null) return found
  throw new SecretboxError('not_found', `cannot read ${quote(name)}: the build context holds no such file`)
}

/** The archive, uncompressed, with other bytes for one of its files; all else is left byte for byte. Throws `invalid`. */
export async function* withReplaced(archive: string, name: string, bytes: Buffer): AsyncGenerator<Buffer> {
  for await (const entry of entriesOf(plain(archive))) {
    const { header, headBlocks, globalBlocks, contents } = entry
    yield globalBlocks
    if (isNamed(entry, name)) {
      const own = headBlocks.subarray(-blockBytes)
      if (sizeIn(own) !== header.size) throw unusual(name, 'it has its length in an extended header')
      yield Buffer.concat([headBlocks.subarray(0, -blockBytes), withSize(own, bytes.length), bytes])
      yield newBytes(paddingOf(bytes.length))
    } else {
      yield headBlocks
      yield* contents
      yield newBytes(paddingOf(header.size))
    }
  }
  yield newBytes(2 * blockBytes)
}

function plain(archive: string): AsyncGenerator<Buffer> {
  return decompressed(createReadStream(archive) as AsyncIterable<Buffer>, 'the build context')
}

function isNamed({ header }: TarEntry, name: string): boolean {
  const isIt = posix.join('/', header.name) === posix.join('/', name)
  if (isIt && header.type !== 'file') throw unusual(name, `it is ${header.what ?? `a ${header.type}`}`)
  return isIt
}

function unusual(name: string, reason: string): SecretboxError {
  return new SecretboxError('invalid', `cannot read ${quote(name)} of the build context: ${reason}`, {
    hint: 'give the Dockerfile as a plain file of the archive'
  })
}
