import { viewOf } from '../base/bytes.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import { newBytes, releaseBytes, Secret } from '../base/secret.ts'
import type { FilePath } from '../base/names.ts'
import type { Entry, Tree } from '../vault/boxes/tree.ts'
import type { OpenedVersion } from '../vault/opened-version.ts'
import {
  ownershipOf,
  rootOfCopy,
  socketPlace,
  socketPlaceOwnership,
  type OwnershipOptions
} from './ownership.ts'
import type { Connection } from './supervisor.ts'
import { entryHead } from './wire.ts'

/** What a copy shows: an opened version's tree or nothing at all. */
export type CopyContents = Pick<OpenedVersion, 'tree' | 'read'> | null

/** What shapes a copy's file system. */
export interface CopyOptions extends OwnershipOptions {
  /** The container may write into its copy. */
  readonly rw: boolean
  /** Bytes that a writable copy may hold; null: what the box needs and `defaultSpareBytes` more. */
  readonly size: number | null
  /** It has a place for a socket at which its container asks. */
  readonly api: boolean
}

/** As much is sent at once, so that a box of small files takes one message and no more, for each wakes the other end. */
const packetBytes = 64 << 10

/**
 * Sends `head`, a tree, directory by directory, and its end. Throws `damaged` for a tree in which something lies below what is
 * no directory; what reading contents throws; `unavailable` when the job has ended.
 */
export async function sendTree(
  connection: Connection,
  head: Buffer,
  contents: CopyContents,
  options: CopyOptions
): Promise<void> {
  const packet = newBytes(packetBytes)
  let filled = 0
  const flush = async (): Promise<void> => {
    const part = packet.subarray(0, filled)
    filled = 0
    if (part.length > 0) await connection.send(part)
  }
  const send = async (bytes: Buffer): Promise<void> => {
    if (bytes.length > packetBytes - filled) await flush()
    if (bytes.length > packetBytes) return connection.send(bytes)
    packet.set(bytes, filled)
    filled += bytes.length
  }
  try {
    await send(head)
    FAULT: {
      await flush()
      await reach('mount.mounted')
    }
    await send(entryHead('directory', rootOfCopy.name, ownershipOf(rootOfCopy, options)))
    const tree = contents?.tree ?? new Map<FilePath, Entry<Secret>>()
    if (options.api)
      await send(entryHead('socket', socketPlace.directory, socketPlaceOwnership(tree.values(), options)))
    for (const step of stepsThrough(tree)) {
      if (step === 'up') await send(entryHead('up'))
      else await sendEntry(send, step.name, step.entry, contents, options)
    }
    FAULT: await reach('mount.written')
    await send(entryHead('end'))
    await flush()
  } finally {
    packet.fill(0)
  }
}

async function sendEntry(
  send: (bytes: Buffer) => Promise<void>,
  name: string,
  entry: Entry<Secret>,
  contents: CopyContents,
  options: OwnershipOptions
): Promise<void> {
  const ownership = ownershipOf(entry, options)
  if (entry.type === 'directory') await send(entryHead('directory', name, ownership))
  else if (entry.type === 'symlink') {
    const target = Buffer.from(entry.target)
    await send(entryHead('link', name, ownership, target.length))
    await send(target)
  } else {
    await send(entryHead('file', name, ownership, entry.size))
    const bytes = contents?.read(entry)
    let left = entry.size
    const sendContents = async (piece: Buffer): Promise<void> => {
      left -= piece.length
      if (left < 0) throw otherLength()
      await send(piece)
    }
    if (bytes instanceof Secret) await sendContents(viewOf(bytes.bytes()))
    else {
      for await (const chunk of bytes ?? []) {
        try {
          await sendContents(chunk)
        } finally {
          releaseBytes(chunk)
        }
      }
    }
    if (left > 0) throw otherLength()
  }
}

/** More or fewer bytes would be taken for the entries that follow, or the other way round. */
function otherLength(): SecretboxError {
  return new SecretboxError('damaged', 'a file of the box is not as long as its record says')
}

/** The entries of a tree, each directory before what is in it, and `up` where one is left. */
function* stepsThrough(
  tree: Tree<Secret>
): Generator<{ readonly name: string; readonly entry: Entry<Secret> } | 'up'> {
  /** The directory that one is in, with a slash at its end; empty for the root. */
  let within = ''
  for (const path of [...tree.keys()].sort(byComponents)) {
    const entry = tree.get(path)
    if (entry === undefined) continue
    for (; !path.startsWith(within); within = within.replace(/[^/]+\/$/, '')) yield 'up'
    const name = path.slice(within.length)
    if (name.includes('/')) {
      throw new SecretboxError('damaged', `the box has ${quote(path)} below what is no directory`)
    }
    yield { name, entry }
    if (entry.type === 'directory') within = `${path}/`
  }
}

/** Parents before children, and all of a directory together: by components, not by characters. */
function byComponents(a: string, b: string): number {
  const [left, right] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')]
  return left < right ? -1 : left > right ? 1 : 0
}
