import { constants } from 'node:fs'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import tar, { type Header } from 'tar-stream'
import { quote, SecretboxError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { IncomingEdit } from '../vault/change.ts'
import { parseFilePath, parseLinkTarget, type FilePath } from '../vault/names.ts'
import type { Entry } from '../vault/tree.ts'
import type { OpenedVersion } from '../vault/vault.ts'
import { createRecent, piecesOf, type Recent } from './body.ts'

/** The media type of a tar archive. */
export const tarType = 'application/x-tar'

/** tar(5): what lengths are rounded up to. */
const blockBytes = 512

/**
 * The edits that a tar archive asks for, in its order, read as they are wanted. An entry that a box cannot hold
 * is refused by itself. Throws `invalid` when the stream is not a whole tar archive.
 */
export async function* editsFromTar(source: Readable): AsyncGenerator<IncomingEdit> {
  const extract = tar.extract()
  const recent = createRecent()
  const feeding = pipeline(noted(piecesOf(source), recent), extract)
  // The reader below meets the same error.
  feeding.catch(() => undefined)
  try {
    for await (const entry of extract) {
      // streamx's types do not say that its streams can be iterated; they can.
      const bytes = contentsOf(entry as unknown as AsyncIterable<Buffer>)
      const edit = editOf(entry.header, bytes)
      if (edit !== null) yield edit
      if (edit?.op !== 'file') for await (const piece of bytes) piece.fill(0)
    }
    await feeding
  } catch (error) {
    throw badArchive(error)
  } finally {
    recent.zero()
  }
}

async function* contentsOf(entry: AsyncIterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  try {
    yield* entry
  } catch (error) {
    throw badArchive(error)
  }
}

function badArchive(cause: unknown): unknown {
  if (cause instanceof SecretboxError) return cause
  const reason = cause instanceof Error ? cause.message : 'it cannot be read'
  return new SecretboxError('invalid', `bad tar archive: ${reason}`, { cause })
}

async function* noted(pieces: AsyncIterable<Buffer>, recent: Recent): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    recent.keep(piece)
    yield piece
  }
}

function editOf(
  { name, type, mode, linkname, pax }: Header,
  bytes: AsyncIterable<Uint8Array>
): IncomingEdit | null {
  const refuse = (reason: string): never => {
    throw new SecretboxError('invalid', `cannot put ${quote(name)}: ${reason}`)
  }
  try {
    // What tar-stream puts where bytes are no UTF-8.
    if (name.includes('\ufffd')) refuse('its name is not UTF-8')
    if (isLink(type) && linkname.includes('\ufffd')) refuse('the name it links to is not UTF-8')
    const path = parseFilePath(name)
    // `tar -C dir .` names the directory itself first.
    if (path === '') return null
    switch (type) {
      case 'file':
      case 'contiguous-file':
        if (Object.keys(pax ?? {}).some(key => key.startsWith('GNU.sparse.'))) refuse('it is a sparse file')
        return { op: 'file', path, mode, bytes }
      case 'link':
        return { op: 'link', path, mode, to: parseFilePath(linkname) }
      case 'symlink':
        return { op: 'symlink', path, target: parseLinkTarget(linkname) }
      case 'directory':
        return { op: 'directory', path, mode }
      default:
        return refuse('a box holds files, symlinks and directories')
    }
  } catch (error) {
    if (!(error instanceof SecretboxError)) throw error
    return { op: 'refused', path: name, error }
  }
}

function isLink(type: Header['type']): boolean {
  return type === 'link' || type === 'symlink'
}

/** A version as a tar archive, in pieces that the reader zeroes once they are sent. */
export async function* tarOf({
  tree,
  read,
  info
}: Pick<OpenedVersion, 'tree' | 'read' | 'info'>): AsyncGenerator<Uint8Array, undefined> {
  const mtime = new Date(info.created)
  for (const [path, entry] of tree) {
    yield await headOf(path, entry, mtime)
    if (entry.type !== 'file' || entry.size === 0) continue
    const bytes = read(entry)
    if (bytes instanceof Secret) yield bytes.bytes()
    else yield* bytes
    const rest = entry.size % blockBytes
    if (rest > 0) yield Buffer.alloc(blockBytes - rest)
  }
  yield Buffer.alloc(2 * blockBytes)
}

/** The blocks before an entry's contents. Contents themselves do not go through tar-stream, whose queues nobody can zero. */
async function headOf(path: FilePath, entry: Entry<Secret>, mtime: Date): Promise<Buffer> {
  const pack = tar.pack()
  const sink = pack.entry(headerOf(path, entry, mtime))
  await once(pack, 'readable')
  const blocks: Buffer[] = []
  for (let block = pack.read() as Buffer | null; block !== null; block = pack.read() as Buffer | null) {
    blocks.push(block)
  }
  // An entry without its contents: that it is given up is an error to it.
  sink.on('error', () => undefined)
  pack.destroy()
  return Buffer.concat(blocks)
}

// The type bits, which tar-stream drops, keep it from taking mode 0 for "not given".
function headerOf(path: FilePath, entry: Entry<Secret>, mtime: Date): Partial<Header> & Pick<Header, 'name'> {
  switch (entry.type) {
    case 'directory':
      return { name: `${path}/`, type: 'directory', mode: entry.mode | constants.S_IFDIR, mtime }
    case 'symlink':
      return { name: path, type: 'symlink', linkname: entry.target, mtime }
    case 'file':
      return { name: path, size: entry.size, mode: entry.mode | constants.S_IFREG, mtime }
  }
}
