import { constants } from 'node:fs'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import tar, { type Header } from 'tar-stream'
import { quote, SecretboxError } from '../../base/errors.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import { entriesOf, paddingOf, sparseHint } from '../../tar/entries.ts'
import { blockBytes, type TarHeader } from '../../tar/header.ts'
import type { IncomingEdit } from '../../vault/boxes/edits.ts'
import { parseFilePath, parseLinkTarget, type FilePath } from '../../base/names.ts'
import type { Entry } from '../../vault/boxes/tree.ts'
import type { OpenedVersion } from '../../vault/opened-version.ts'
import { piecesOf } from './body.ts'

/**
 * The edits that a tar archive asks for, in its order, read as they are wanted; its names are below `directory`. An
 * entry that a box cannot hold is refused by itself. Throws `invalid` when the stream is not a whole tar archive.
 */
export async function* editsFromTar(source: Readable, directory: FilePath): AsyncGenerator<IncomingEdit> {
  for await (const { header, contents } of entriesOf(piecesOf(source))) {
    const edit = editOf(header, directory, contents)
    if (edit !== null) yield edit
  }
}

function editOf(
  { type, what, name, linkname, notUtf8, mode }: TarHeader,
  directory: FilePath,
  bytes: AsyncIterable<Uint8Array>
): IncomingEdit | null {
  const refuse = (reason: string, hint?: string): never => {
    throw new SecretboxError(
      'invalid',
      `cannot put ${quote(name)}: ${reason}`,
      hint === undefined ? {} : { hint }
    )
  }
  // Each name stays below the directory by itself, as none leads out of a box.
  const below = (text: string): FilePath => parseFilePath(`${directory}/${parseFilePath(text)}`)
  try {
    if (notUtf8 === 'name') refuse('its name is not UTF-8')
    if (notUtf8 === 'linkname') refuse('the name it links to is not UTF-8')
    const path = below(name)
    if (path === directory) {
      // `tar -C dir .` names the directory itself first.
      if (type === 'directory') return null
      refuse('it has no name of its own')
    }
    switch (type) {
      case 'file':
        return { op: 'file', path, mode, bytes }
      case 'link':
        return { op: 'link', path, mode, to: below(linkname) }
      case 'symlink':
        if (linkname === '') refuse('it is a symlink to nothing')
        return { op: 'symlink', path, target: parseLinkTarget(linkname) }
      case 'directory':
        return { op: 'directory', path, mode }
      case 'other':
        return refuse(`it is ${what}`, what === 'a sparse file' ? sparseHint : kindsHint)
    }
  } catch (error) {
    if (!(error instanceof SecretboxError)) throw error
    return { op: 'refused', path: name, error }
  }
}

const kindsHint = 'a box holds files, symlinks and directories'

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
    const padding = paddingOf(entry.size)
    if (padding > 0) yield newBytes(padding)
  }
  yield newBytes(2 * blockBytes)
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
