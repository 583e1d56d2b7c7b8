import type { FileHandle } from 'node:fs/promises'
import type { Pack } from 'tar-stream'
import { newBytes } from '../../base/secret.ts'
import { reasonOf } from '../../base/errors.ts'
import type { SecretboxError } from '../../base/errors.ts'
import { cannotAdd, type OperatorFile } from './operator-files.ts'
import { packed, packEntry, type EntryHeader } from './tar-pack.ts'

/** Up to here a file is read whole before its header is sent, so that one that changes can still be left out. */
const wholeBytes = 1 << 20
const chunkBytes = 256 * 1024

/** A file broke off after its header was sent: the tar that it was part of cannot be completed. */
export class BrokenFile extends Error {
  readonly file: OperatorFile
  readonly reason: SecretboxError

  constructor(file: OperatorFile, reason: SecretboxError) {
    super(reason.message)
    this.file = file
    this.reason = reason
  }
}

/** Takes note of a file that is left out of the tar. */
export type LeaveOut = (file: OperatorFile, reason: SecretboxError) => void

/**
 * The files as one tar. A file that cannot be read, or that changes before its header is sent, goes to
 * `leaveOut`; a later change throws `BrokenFile`. The chunks belong to whoever reads them.
 */
export function tarOfFiles(files: Iterable<OperatorFile>, leaveOut: LeaveOut): AsyncGenerator<Buffer> {
  return packed(async tar => {
    for (const file of files) {
      if (tar.destroyed) return
      await add(tar, file, leaveOut)
    }
  })
}

async function add(tar: Pack, file: OperatorFile, leaveOut: LeaveOut): Promise<void> {
  const { path: name } = file
  switch (file.type) {
    case 'file':
      return addFile(tar, file, leaveOut)
    case 'stream':
      // A copy, for the tar may have to be made again. Whoever may read a stream is not written on it.
      return packEntry(tar, { name, type: 'file', mode: 0o600 }, file.bytes.length, [Buffer.from(file.bytes)])
    case 'symlink':
      return packEntry(tar, { name, type: 'symlink', mode: 0o777, linkname: file.target }, 0, [])
    case 'directory':
      return packEntry(tar, { name, type: 'directory', mode: file.mode }, 0, [])
  }
}

async function addFile(tar: Pack, file: OperatorFile & { type: 'file' }, leaveOut: LeaveOut): Promise<void> {
  let handle: FileHandle
  try {
    handle = await file.open()
  } catch (error) {
    leaveOut(file, cannotAdd(file.source, reasonOf(error)))
    return
  }
  try {
    await addContents(tar, file, handle, leaveOut)
  } finally {
    await handle.close()
  }
}

async function addContents(
  tar: Pack,
  file: OperatorFile,
  handle: FileHandle,
  leaveOut: LeaveOut
): Promise<void> {
  const before = await handle.stat({ bigint: true })
  const size = Number(before.size)
  const hasChanged = async () => {
    const now = await handle.stat({ bigint: true })
    return now.size !== before.size || now.mtimeNs !== before.mtimeNs
  }
  if (!before.isFile()) {
    leaveOut(file, changed(file))
    return
  }
  const header: EntryHeader = { name: file.path, type: 'file', mode: Number(before.mode) & 0o7777 }
  if (size > wholeBytes) {
    await packEntry(tar, header, size, chunksOf(file, handle, size))
    if (await hasChanged()) throw new BrokenFile(file, changed(file))
    return
  }
  try {
    const bytes = await readUpTo(handle, size + 1)
    if (bytes.length !== size || (await hasChanged())) leaveOut(file, changed(file))
    else await packEntry(tar, header, size, [bytes])
  } catch (error) {
    leaveOut(file, cannotAdd(file.source, reasonOf(error)))
  }
}

async function* chunksOf(file: OperatorFile, handle: FileHandle, size: number): AsyncGenerator<Buffer> {
  for (let left = size; left > 0;) {
    const chunk = await readUpTo(handle, Math.min(chunkBytes, left)).catch((error: unknown) => {
      throw new BrokenFile(file, cannotAdd(file.source, reasonOf(error)))
    })
    if (chunk.length === 0) throw new BrokenFile(file, changed(file))
    left -= chunk.length
    yield chunk
  }
}

// A buffer of its own each time: whoever sends it overwrites it afterwards.
async function readUpTo(handle: FileHandle, length: number): Promise<Buffer> {
  const buffer = newBytes(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

function changed(file: OperatorFile): SecretboxError {
  return cannotAdd(
    file.source,
    'it changed while it was being read',
    'add it again when nothing writes to it'
  )
}
