import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { posix } from 'node:path'
import { createGunzip } from 'node:zlib'
import { quote, SecretboxError } from '../../errors.ts'
import { entriesOf } from '../tar-in.ts'
import { fillEntry, packed } from '../tar-pack.ts'

/** What came as a build context: an archive that can be read here, one that cannot, or no archive at all. */
export type ContextKind = 'tar' | 'gzip' | 'other' | 'text'

const headBytes = 512
const magics: readonly (readonly [kind: ContextKind, at: number, magic: Buffer])[] = [
  ['tar', 257, Buffer.from('ustar')],
  ['gzip', 0, Buffer.from('1f8b', 'hex')],
  // bzip2, xz and zstd, which docker takes, too.
  ['other', 0, Buffer.from('BZh')],
  ['other', 0, Buffer.from('fd377a585a00', 'hex')],
  ['other', 0, Buffer.from('28b52ffd', 'hex')]
]

/** Tells what a file holds by its first bytes. */
export async function contextKind(file: string): Promise<ContextKind> {
  const head = Buffer.alloc(headBytes)
  const handle = await open(file)
  try {
    await handle.read(head, 0, headBytes, 0)
  } finally {
    await handle.close()
  }
  const found = magics.find(([, at, magic]) => head.subarray(at, at + magic.length).equals(magic))
  return found?.[0] ?? 'text'
}

/** The bytes of a file in an archive. Throws `not_found`. */
export async function readFromArchive(archive: string, kind: ContextKind, name: string): Promise<Buffer> {
  for await (const entry of entriesOf(plain(archive, kind))) {
    if (entry.header.type === 'file' && isNamed(entry.header.name, name)) {
      const chunks: Buffer[] = []
      for await (const chunk of entry) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks)
    }
    entry.resume()
  }
  throw new SecretboxError('not_found', `cannot read ${quote(name)}: the build context holds no such file`)
}

/** The archive, uncompressed, with other bytes for one of its files. */
export function withReplaced(
  archive: string,
  kind: ContextKind,
  name: string,
  bytes: Buffer
): AsyncGenerator<Buffer> {
  return packed(async tar => {
    for await (const entry of entriesOf(plain(archive, kind))) {
      if (tar.destroyed) return
      const { header } = entry
      if (header.type === 'file' && isNamed(header.name, name)) {
        entry.resume()
        tar.entry({ ...header, size: bytes.length }, bytes)
      } else await fillEntry(tar.entry(header), entry as AsyncIterable<Buffer>)
    }
  })
}

function plain(archive: string, kind: ContextKind): AsyncIterable<Buffer> {
  const file = createReadStream(archive)
  if (kind !== 'gzip') return file as AsyncIterable<Buffer>
  const unzipped = createGunzip()
  file.on('error', error => unzipped.destroy(error)).pipe(unzipped)
  return unzipped as AsyncIterable<Buffer>
}

function isNamed(entry: string, name: string): boolean {
  return posix.join('/', entry) === posix.join('/', name)
}
