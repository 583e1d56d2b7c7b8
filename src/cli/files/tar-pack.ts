import { constants } from 'node:fs'
import { pack, type Header, type Pack } from 'tar-stream'
import { drained } from '../output/drained.ts'

/** What a tar says of an entry before its bytes. */
export type EntryHeader = Pick<Header, 'name' | 'mode'> & {
  readonly type: 'file' | 'directory' | 'symlink'
  readonly linkname?: string
}

/** A tar that is read while `fill` puts entries into it; what `fill` throws, the reader gets. The chunks are the reader's. */
export async function* packed(fill: (tar: Pack) => Promise<void>): AsyncGenerator<Buffer> {
  const tar = pack()
  const filled = fill(tar).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error)
  )
  for await (const chunk of tar) yield chunk as Buffer
  await filled
}

/** Puts an entry of `size` bytes into a tar, as fast as the tar is read; resolves early when nobody reads it any more. */
export async function packEntry(
  tar: Pack,
  { linkname, ...header }: EntryHeader,
  size: number,
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>
): Promise<void> {
  const sink = tar.entry({
    ...header,
    // tar-stream takes mode 0 for "not given"; the bits above the permissions it drops.
    mode: header.mode | constants.S_IFREG,
    mtime: new Date(0),
    size,
    ...(linkname ? { linkname } : {})
  })
  if (header.type === 'file') await fillEntry(sink, bytes)
}

/** Writes an entry's bytes, as fast as the tar is read; resolves early when nobody reads it any more. */
export async function fillEntry(
  sink: ReturnType<Pack['entry']>,
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>
): Promise<void> {
  // When the tar is broken off its open entry fails, too; the tar's reader is the one to be told.
  sink.on('error', () => undefined)
  for await (const chunk of bytes) {
    if (!sink.write(chunk)) await drained(sink)
    if (sink.destroyed) return
  }
  sink.end(null)
}
