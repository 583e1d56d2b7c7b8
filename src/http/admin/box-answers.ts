import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Response } from 'express'
import { releaseBytes, Secret } from '../../base/secret.ts'
import type { ChangeResult } from '../../vault/boxes/change.ts'
import type { FilePath } from '../../base/names.ts'
import { fileAt, subtree, type Entry } from '../../vault/boxes/tree.ts'
import type { BoxSummary } from '../../vault/boxes/records.ts'
import type { ListedBox } from '../../vault/vault.ts'
import type { OpenedNames, OpenedVersion } from '../../vault/opened-version.ts'
import type { BoxEntry, BoxList, BoxListing, CreatedBox, DestroyedBox } from '../../api/boxes.ts'
import type { Change } from '../../api/changes.ts'
import { fileType, tarType } from '../../api/media-types.ts'
import { describeCredential } from './credential-answers.ts'
import { errorJson } from '../transport/answers.ts'
import { tarOf } from '../transport/tar.ts'

/** As many files are digested before anything else has a turn. */
const filesInTurn = 64

/** Names, modes and sizes of a version, and with `withDigests` digests of its files. */
export async function sendListing(
  response: Response,
  opened: OpenedNames,
  withDigests: boolean
): Promise<void> {
  const { box, info, tree } = opened
  const digests = withDigests ? await digestsOf(opened) : new Map<FilePath, string>()
  const credential = await opened.credential()
  const files = [...tree].map(([path, entry]) => listed(path, entry, digests.get(path)))
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  tagged(response, info.version).json({
    name: box.name,
    id: box.id,
    uuid: uuidOf(box),
    owner: box.owner,
    path: `/vault/${encodeURIComponent(box.name)}/`,
    version: info.version,
    created: box.created,
    changed: info.created,
    bytes: info.bytes,
    reveal: box.isNeverRevealed ? 'never' : 'granted',
    closed: box.isClosed,
    files,
    ...box.kind,
    ...(credential === null ? {} : describeCredential(credential))
  } satisfies BoxListing)
}

/** The ID of a box as others write one (RFC 9562). */
function uuidOf({ id }: Pick<BoxSummary, 'id'>): string {
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function listed(path: FilePath, entry: Entry<unknown>, digest: string | undefined): BoxEntry {
  if (entry.type === 'symlink') return { path, type: entry.type, target: entry.target }
  const mode = entry.mode.toString(8).padStart(4, '0')
  if (entry.type === 'directory') return { path, type: entry.type, mode }
  return { path, type: entry.type, mode, size: entry.size, ...(digest === undefined ? {} : { digest }) }
}

async function digestsOf(opened: OpenedNames): Promise<Map<FilePath, string>> {
  const digests = new Map<FilePath, string>()
  for (const [path, entry] of opened.tree) {
    if (entry.type !== 'file') continue
    digests.set(path, await opened.digest(path))
    if (digests.size % filesInTurn === 0) await nextTurn()
  }
  return digests
}

/** What of an opened version is sent, and where. */
export interface Sending {
  readonly opened: OpenedVersion
  readonly path: FilePath
  readonly response: Response
}

/** The head of such an answer, which takes names alone. */
type SendingHead = Omit<Sending, 'opened'> & { readonly opened: OpenedNames }

/** How a part of a version is sent; the head alone is for HEAD. */
export interface Manner {
  readonly head: (sending: SendingHead) => void
  readonly whole: (sending: Sending) => Promise<void>
}

/** The bytes of one file. Throws what `fileAt` throws. */
export const asFile: Manner = {
  head({ opened, path, response }) {
    const file = fileAt(opened.tree, path)
    tagged(response, opened.info.version).type(fileType).set('Content-Length', String(file.size))
  },
  async whole(sending) {
    asFile.head(sending)
    const { opened, path, response } = sending
    const bytes = opened.read(fileAt(opened.tree, path))
    await send(response, bytes instanceof Secret ? [bytes.bytes()] : bytes)
  }
}

/** A subtree as a tar archive. Throws what `subtree` throws. */
export const asTar: Manner = {
  head({ opened, path, response }) {
    subtree(opened.tree, path)
    tagged(response, opened.info.version).type(tarType)
  },
  async whole(sending) {
    asTar.head(sending)
    const { opened, path, response } = sending
    await send(response, tarOf({ ...opened, tree: subtree(opened.tree, path) }))
  }
}

/** Sends pieces one after another, waiting until the kernel has each, and releases them. Stops when the reader goes away. */
async function send(
  response: Response,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
): Promise<void> {
  for await (const piece of pieces) {
    try {
      await new Promise<void>((resolve, reject) => {
        response.write(piece, error => (error ? reject(error) : resolve()))
      })
    } catch (error) {
      // The memory itself may still be under way.
      piece.fill(0)
      throw error
    }
    releaseBytes(piece)
  }
  response.end()
}

function tagged(response: Response, version: number): Response {
  return response.set('ETag', `"${version}"`).set('Cache-Control', 'no-store')
}

/** A box that was made. */
export function created(response: Response, box: BoxSummary): void {
  tagged(response.status(201), box.newest.version).json({
    name: box.name,
    version: 1
  } satisfies CreatedBox)
}

/** A box that is gone. */
export function destroyed(response: Response, name: string): void {
  response.json({ name } satisfies DestroyedBox)
}

/** What came of a change. */
export function changed(response: Response, { version, applied, errors, dangling }: ChangeResult): void {
  tagged(response, version).json({
    version,
    applied,
    errors: errors.map(({ path, error }) => ({ path, ...errorJson(error) })),
    ...(dangling.length === 0 ? {} : { dangling })
  } satisfies Change)
}

/** All boxes, and the keys of damaged records of such. */
export function sendBoxes(
  response: Response,
  { boxes, damaged }: { readonly boxes: readonly ListedBox[]; readonly damaged: readonly string[] }
): void {
  response.json({
    boxes: boxes.map(({ shown, ...box }) => {
      const { name, created, kind, newest } = box
      const { version, files, bytes, created: changed } = newest
      return {
        ...{ name, uuid: uuidOf(box), owner: box.owner, version, files, bytes, created, changed },
        ...kind,
        ...(shown === null ? {} : { shown })
      }
    }),
    ...(damaged.length === 0 ? {} : { damaged })
  } satisfies BoxList)
}
