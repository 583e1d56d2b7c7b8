import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants } from 'node:fs'
import tar, { type Header } from 'tar-stream'
import { quote, SecretboxError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { IncomingEdit } from '../vault/change.ts'
import { parseFilePath, parseLinkTarget } from '../vault/names.ts'
import type { OpenedVersion } from '../vault/vault.ts'

/**
 * The edits that a tar archive asks for, in its order, read as they are wanted. An entry that a box cannot hold
 * is refused by itself. Throws `invalid` when the stream is not a whole tar archive.
 */
export async function* editsFromTar(source: Readable): AsyncGenerator<IncomingEdit> {
  const extract = tar.extract()
  const feeding = pipeline(source, extract)
  // The reader below meets the same error.
  feeding.catch(() => undefined)
  try {
    for await (const entry of extract) {
      // streamx's types do not say that its streams can be iterated; they can.
      const edit = editOf(entry.header, entry as unknown as AsyncIterable<Uint8Array>)
      if (edit !== null) yield edit
      entry.resume()
    }
    await feeding
  } catch (error) {
    if (error instanceof SecretboxError) throw error
    const reason = error instanceof Error ? error.message : 'it cannot be read'
    throw new SecretboxError('invalid', `bad tar archive: ${reason}`, { cause: error })
  }
}

function editOf(
  { name, type, mode, linkname }: Header,
  bytes: AsyncIterable<Uint8Array>
): IncomingEdit | null {
  try {
    const path = parseFilePath(name)
    // `tar -C dir .` names the directory itself first.
    if (path === '') return null
    switch (type) {
      case 'file':
      case 'contiguous-file':
        return { op: 'file', path, mode, bytes }
      case 'link':
        return { op: 'link', path, mode, to: parseFilePath(linkname) }
      case 'symlink':
        return { op: 'symlink', path, target: parseLinkTarget(linkname) }
      case 'directory':
        return { op: 'directory', path, mode }
      default:
        throw new SecretboxError(
          'invalid',
          `cannot put ${quote(name)}: a box holds files, symlinks and directories`
        )
    }
  } catch (error) {
    if (!(error instanceof SecretboxError)) throw error
    return { op: 'refused', path: name, error }
  }
}

/** A version as a tar archive, in pieces that the reader zeroes once they are sent. Errors of reading surface in the iteration. */
export function tarOf(opened: Pick<OpenedVersion, 'tree' | 'read' | 'info'>): AsyncIterable<Uint8Array> {
  const pack = tar.pack()
  feed(pack, opened).catch((error: unknown) => pack.destroy(error as Error))
  return pack as unknown as AsyncIterable<Uint8Array>
}

async function feed(
  pack: tar.Pack,
  { tree, read, info }: Pick<OpenedVersion, 'tree' | 'read' | 'info'>
): Promise<void> {
  const mtime = new Date(info.created)
  for (const [path, entry] of tree) {
    if (entry.type === 'directory')
      pack.entry({ name: `${path}/`, type: 'directory', mode: entry.mode | constants.S_IFDIR, mtime })
    else if (entry.type === 'symlink')
      pack.entry({ name: path, type: 'symlink', linkname: entry.target, mtime })
    else {
      // The type bits, which tar-stream drops, keep it from taking mode 0 for "not given".
      const sink = pack.entry({ name: path, size: entry.size, mode: entry.mode | constants.S_IFREG, mtime })
      const bytes = read(entry)
      for await (const chunk of bytes instanceof Secret ? [bytes.bytes()] : bytes) {
        if (!sink.write(chunk)) await once(sink, 'drain')
      }
      sink.end(null)
      await once(sink, 'close')
    }
  }
  pack.finalize()
}
