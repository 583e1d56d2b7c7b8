import { createHmac } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { newBytes, releaseBytes, Secret } from '../base/secret.ts'
import type { FilePath } from '../base/names.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Store } from '../store/store.ts'
import type { GrantTo } from './access/grants.ts'
import type { ContainerSubject } from './access/subjects.ts'
import { readBlob } from './boxes/blobs.ts'
import { wipeManifest, type Manifest } from './boxes/manifest.ts'
import { partOf, type PartLimits } from './boxes/part.ts'
import { fileAt, type Entry, type Tree } from './boxes/tree.ts'
import { summaryOf, type Box, type BoxSummary, type VersionInfo } from './boxes/records.ts'
import { readManifest } from './boxes/version-records.ts'
import { renderedFor, shownFor, variablesFilesFor } from './credential.ts'
import type { ShownCredential } from './credentials/shown.ts'
import type { Types } from './credentials/types.ts'

/** One version as it is opened for its names: what there is, without contents. */
export interface OpenedNames {
  readonly box: BoxSummary
  readonly info: VersionInfo
  readonly tree: Tree<unknown>
  /**
   * A digest of the contents of the file at a path, 64 hex digits: equal contents in one box have equal digests, in all its
   * versions, and without the box's key nobody can try out guesses against one. Throws what `fileAt` throws.
   */
  digest(path: FilePath): Promise<string>
  /** What of its fields is no secret, of a version as it is stored; null without a type. */
  credential(): Promise<ShownCredential | null>
}

/** One version as it is opened for its contents. */
export interface OpenedVersion extends OpenedNames {
  readonly tree: Manifest
  /** The grants that let containers use the box now; null: any container may. Who gives it to one asks for that first. */
  readonly users: readonly GrantTo<ContainerSubject>[] | null
  /** What says of a text in clear that this vault wrote it; see `Keyring`. */
  readonly tag: (text: string) => string
  /** A file's bytes in pieces that the reader zeroes, or a view of the tree's own for inline ones, which end with the version. */
  read(entry: Extract<Entry<Secret>, { type: 'file' }>): AsyncIterable<Buffer> | Secret
  /** Which of its files are of variables; null of a plain box, in which any may be. */
  variablesFiles(): Promise<readonly string[] | null>
  /** What a container is shown of `path`; see `partOf`. It ends with the version. */
  part(path: FilePath): Manifest
}

/** What a version is opened with. */
export interface OpenParts {
  readonly store: Store
  readonly types: Types
  readonly limits: PartLimits
  readonly keyring: Keyring
}

/**
 * Opens one version of a box, the newest for null; takes the box's key over, and `wipe` zeroes it with all that was
 * opened. Throws what `readManifest` and `renderedFor` throw.
 */
export async function openVersion(
  { store, types, limits, keyring }: OpenParts,
  box: Box,
  {
    version,
    form,
    users
  }: { version: number | null; form: 'stored' | 'rendered' } & Pick<OpenedVersion, 'users'>
): Promise<OpenedVersion & { wipe(): void }> {
  try {
    const info = version === null ? box.newest : box.versions.find(known => known.version === version)
    const stored = await readManifest(store, keyring, box, version ?? box.newest.version)
    const tree = form === 'stored' ? stored : await renderedFor(types, box, stored)
    const again: Secret[] = []
    const read: OpenedVersion['read'] = entry =>
      'inline' in entry.content
        ? entry.content.inline
        : readBlob(store, keyring, box, entry.content.blob, entry.size)
    return {
      box: summaryOf(box),
      info: info ?? box.newest,
      tree,
      users,
      read,
      tag: text => keyring.tag(text),
      credential: () => shownFor(types, box, tree),
      variablesFiles: () => variablesFilesFor(types, box),
      async digest(path) {
        const contents = read(fileAt(tree, path))
        const key = keyring.digestKey(box.key)
        const hmac = createHmac('sha256', key.bytes())
        key.wipe()
        if (contents instanceof Secret) return hmac.update(contents.bytes()).digest('hex')
        for await (const piece of contents) {
          hmac.update(piece)
          piece.fill(0)
          // Others have their turn meanwhile.
          await nextTurn()
        }
        return hmac.digest('hex')
      },
      part: path =>
        partOf(tree, path, limits, entry => {
          if (entry.type !== 'file' || !('inline' in entry.content)) return entry
          // Bytes of its own: whoever is done with one of the two files may overwrite it.
          const bytes = newBytes(entry.size)
          bytes.set(entry.content.inline.bytes())
          const inline = new Secret(bytes)
          again.push(inline)
          return { ...entry, content: { inline } }
        }),
      wipe() {
        for (const bytes of again) bytes.wipe()
        wipeManifest(tree)
        box.key.wipe()
      }
    }
  } catch (error) {
    box.key.wipe()
    throw error
  }
}

/** The same version, whose reader is asked before each piece of a long file whether there may be more; `check` throws what says no. */
export function readWhile<O extends OpenedVersion>(opened: O, check: () => Promise<void>): O {
  const read: OpenedVersion['read'] = entry => {
    const contents = opened.read(entry)
    return contents instanceof Secret ? contents : checked(contents, check)
  }
  return { ...opened, read }
}

async function* checked(pieces: AsyncIterable<Buffer>, check: () => Promise<void>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    try {
      await check()
    } catch (error) {
      piece.fill(0)
      throw error
    }
    yield piece
  }
}

/** All bytes of a file at once, which the caller owns and zeroes. Throws what reading throws; then nothing of it is left. */
export async function readWhole(
  { read }: Pick<OpenedVersion, 'read'>,
  file: Parameters<OpenedVersion['read']>[0]
): Promise<Buffer> {
  const bytes = newBytes(file.size)
  const contents = read(file)
  if (contents instanceof Secret) {
    bytes.set(contents.bytes())
    return bytes
  }
  try {
    let filled = 0
    for await (const piece of contents) {
      bytes.set(piece, filled)
      filled += piece.length
      releaseBytes(piece)
    }
    return bytes
  } catch (error) {
    bytes.fill(0)
    throw error
  }
}

/** The same version with no way to its contents. */
export function namesOf(opened: OpenedVersion): OpenedNames {
  const { box, info, tree } = opened
  return { box, info, tree, digest: path => opened.digest(path), credential: () => opened.credential() }
}
