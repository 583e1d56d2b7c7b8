import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { pack, type Pack } from 'tar-stream'
import type { SecretboxError } from '../errors.ts'
import { drained } from './drained.ts'
import { reasonOf } from './failure.ts'
import { cannotAdd, type OperatorFile } from './operator-files.ts'

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
export async function* tarOf(files: Iterable<OperatorFile>, leaveOut: LeaveOut): AsyncGenerator<Buffer> {
  const tar = pack()
  const filled = fill(tar, files, leaveOut).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error)
  )
  for await (const chunk of tar) yield chunk as Buffer
  await filled
}

async function fill(tar: Pack, files: Iterable<OperatorFile>, leaveOut: LeaveOut): Promise<void> {
  for (const file of files) {
    if (tar.destroyed) return
    if (file.type !== 'file') {
      tar.entry(headerOf(file, 0))
      continue
    }
    let handle: FileHandle
    try {
      // What was a file when it was found may be a symlink or a fifo by now: neither is followed or waited for.
      handle = await open(file.source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      leaveOut(file, cannotAdd(file.source, reasonOf(error)))
      continue
    }
    try {
      await addContents(tar, file, handle, leaveOut)
    } finally {
      await handle.close()
    }
  }
}

async function addContents(
  tar: Pack,
  file: OperatorFile,
  handle: FileHandle,
  leaveOut: LeaveOut
): Promise<void> {
  const before = await handle.stat({ bigint: true })
  if (!before.isFile()) {
    leaveOut(file, changed(file))
    return
  }
  const size = Number(before.size)
  if (size > wholeBytes) {
    await streamContents(tar, file, size, handle)
    const after = await handle.stat({ bigint: true })
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs)
      throw new BrokenFile(file, changed(file))
    return
  }
  const bytes = await readUpTo(handle, size + 1).catch((error: unknown) => {
    leaveOut(file, cannotAdd(file.source, reasonOf(error)))
    return null
  })
  if (bytes === null) return
  const after = await handle.stat({ bigint: true })
  if (bytes.length !== size || after.mtimeNs !== before.mtimeNs) leaveOut(file, changed(file))
  else await new Promise<void>(resolve => tar.entry(headerOf(file, size), bytes, () => resolve()))
}

async function streamContents(
  tar: Pack,
  file: OperatorFile,
  size: number,
  handle: FileHandle
): Promise<void> {
  const sink = tar.entry(headerOf(file, size))
  // When the tar is broken off its open entry fails, too; the tar's reader is the one to be told.
  sink.on('error', () => undefined)
  for (let left = size; left > 0;) {
    const chunk = await readUpTo(handle, Math.min(chunkBytes, left)).catch((error: unknown) => {
      throw new BrokenFile(file, cannotAdd(file.source, reasonOf(error)))
    })
    if (chunk.length === 0) throw new BrokenFile(file, changed(file))
    left -= chunk.length
    if (!sink.write(chunk)) await drained(sink)
    if (sink.destroyed) return
  }
  sink.end(null)
}

// A buffer of its own each time: whoever sends it overwrites it afterwards.
async function readUpTo(handle: FileHandle, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

function headerOf(file: OperatorFile, size: number) {
  // tar-stream takes mode 0 for "not given"; the bits above the permissions it drops.
  const mode = file.mode | constants.S_IFREG
  const header = { name: file.path, mode, size, mtime: new Date(0), type: file.type }
  return file.target === undefined ? header : { ...header, linkname: file.target }
}

function changed(file: OperatorFile): SecretboxError {
  return cannotAdd(
    file.source,
    'it changed while it was being read',
    'add it again when nothing writes to it'
  )
}
