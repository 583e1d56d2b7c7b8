import { createHash, createHmac } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { newBytes, releaseBytes, Secret } from '../../base/secret.ts'
import type { Entry, Tree } from '../boxes/tree.ts'
import type { Variable } from './env-file.ts'

/** Of one thing that was given, keyed: nothing is kept of the thing itself. */
export type DigestPiece = string

type Read = (entry: Extract<Entry<Secret>, { type: 'file' }>) => AsyncIterable<Buffer> | Secret

/**
 * A piece for the files that a container is shown at `target`: paths, what files hold and where symlinks lead. Modes and owners
 * are no secrets.
 */
export async function pieceOfFiles(
  key: Secret,
  target: string,
  tree: Tree<Secret>,
  read: Read
): Promise<DigestPiece> {
  const hmac = createHmac('sha256', key.bytes())
  const add = (kind: string, text: string): void => {
    const bytes = Buffer.from(text)
    hmac.update(kind).update(lengthOf(bytes.length)).update(bytes)
  }
  add('target', target)
  for (const [path, entry] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1))) {
    add(entry.type, path)
    if (entry.type === 'symlink') add('leads', entry.target)
    if (entry.type !== 'file') continue
    hmac.update(lengthOf(entry.size))
    const contents = read(entry)
    if (contents instanceof Secret) hmac.update(contents.bytes())
    else {
      for await (const chunk of contents) {
        hmac.update(chunk)
        releaseBytes(chunk)
        // Others have their turn meanwhile.
        await nextTurn()
      }
    }
  }
  return hmac.digest('hex')
}

/** A piece for a variable, whichever file it came from. */
export function pieceOfVariable(key: Secret, { name, value }: Variable): DigestPiece {
  const hmac = createHmac('sha256', key.bytes())
  return hmac
    .update('variable')
    .update(lengthOf(name.length))
    .update(name)
    .update(value.bytes())
    .digest('hex')
}

/**
 * A piece for what a container is given of a box that is never revealed: which version it is, and nothing of what that holds. Whoever
 * may ask for digests could else write a guess into a box, of their own or that one, and be told whether it is right.
 */
export function pieceOfVersion(
  key: Secret,
  given: { readonly boxId: string; readonly version: number; readonly path: string; readonly place: string }
): DigestPiece {
  const { boxId, version, path, place } = given
  const hmac = createHmac('sha256', key.bytes()).update('version')
  for (const text of [boxId, String(version), path, place]) {
    const bytes = Buffer.from(text)
    hmac.update(lengthOf(bytes.length)).update(bytes)
  }
  return hmac.digest('hex')
}

/** The digest of all that a container is given, in whatever order it was named. */
export function digestOfPieces(pieces: readonly DigestPiece[]): string {
  return createHash('sha256')
    .update([...pieces].sort().join(' '))
    .digest('hex')
}

// What follows a length cannot be taken for a part of what has it.
function lengthOf(bytes: number): Buffer {
  const length = newBytes(8)
  length.writeBigUInt64BE(BigInt(bytes))
  return length
}
