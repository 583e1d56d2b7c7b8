import { endianness } from 'node:os'
import { copyMemories } from '../base/copy-memory.ts'
import { newBytes } from '../base/secret.ts'
import type { CopyKey } from './copy-key.ts'
import type { Ownership } from './ownership.ts'

/*
 * The bytes that go to the supervisor and come back; supervisor/wire.h is the other end, and says what they mean.
 * Both are of one build, and the machines that it runs on count from the lower end.
 */
if (endianness() !== 'LE') throw new Error('secretbox runs on little-endian machines')

export const jobs = { probe: 'p', make: 'm', wipe: 'w', listen: 'l' } as const
export const outcomes = { done: 0, failed: 1, notOurs: 2, busy: 3, damaged: 4 } as const
/** By their numbers, which begin at 1. */
export const memories = ['', ...copyMemories] as const
export const replyBytes = 48
export const lookReplyBytes = 8
export const lookHolderBytes = 112
const entryBytes = 24

/** What a job is to do. `bytes` and `inodes` are for `make`, `isLast` for `wipe`. */
export interface JobRequest {
  readonly job: keyof typeof jobs
  readonly key?: CopyKey
  readonly isWritable?: boolean
  readonly isLast?: boolean
  readonly bytes?: number
  readonly inodes?: number
}

export interface Reply {
  readonly outcome: number
  readonly memory: number
  readonly errno: number
  /** The `st_dev` of the copy. */
  readonly device: number
  readonly pageBytes: number
  /** What failed. */
  readonly step: string
}

/** A request, as it is sent. */
export function requestBytes(request: JobRequest): Buffer {
  const { job, key = '', isWritable = false, isLast = false, bytes = 0, inodes = 0 } = request
  const message = newBytes(56)
  message.write(jobs[job], 0, 'latin1')
  message[1] = Number(isWritable)
  message[2] = Number(isLast)
  message.writeBigUInt64LE(BigInt(bytes), 8)
  message.writeBigUInt64LE(BigInt(inodes), 16)
  message.write(key, 24, 'latin1')
  return message
}

/** What is sent of an entry before its contents, or a link's target, of `size` bytes. */
export function entryHead(
  kind: 'directory' | 'up' | 'file' | 'link' | 'socket' | 'end',
  name = '',
  { uid, gid, mode }: Ownership = { uid: 0, gid: 0, mode: 0 },
  size = 0
): Buffer {
  const nameBytes = Buffer.byteLength(name)
  const head = newBytes(entryBytes + nameBytes)
  head.write(kind[0] ?? '', 0, 'latin1')
  head.writeUInt16LE(nameBytes, 2)
  head.writeUInt32LE(mode ?? 0, 4)
  head.writeUInt32LE(uid, 8)
  head.writeUInt32LE(gid, 12)
  head.writeBigUInt64LE(BigInt(size), 16)
  head.write(name, entryBytes)
  return head
}

/** A reply of `replyBytes`. */
export function readReply(message: Buffer): Reply {
  return {
    outcome: message.readUInt8(0),
    memory: message.readUInt8(1),
    errno: message.readInt32LE(4),
    device: Number(message.readBigUInt64LE(8)),
    pageBytes: message.readUInt32LE(16),
    step: textIn(message, 20, replyBytes)
  }
}

/**
 * The question who shows these copies; `device` is the `st_dev` of each. `pid`: whether the mount namespace of this process
 * does; 0 asks about all.
 */
export function lookBytes(
  copies: readonly { readonly device: number; readonly key: CopyKey }[],
  pid = 0
): Buffer {
  const message = newBytes(8 + 40 * copies.length)
  message.writeUInt32LE(copies.length, 0)
  message.writeUInt32LE(pid, 4)
  copies.forEach(({ device, key }, index) => {
    message.writeBigUInt64LE(BigInt(device), 8 + 40 * index)
    message.write(key, 16 + 40 * index, 'latin1')
  })
  return message
}

/** The head of the answer: how many holders follow. */
export function readLookReply(message: Buffer): { count: number; isComplete: boolean } {
  return { count: message.readUInt32LE(0), isComplete: message.readUInt8(4) === 1 }
}

/** One of them, of `lookHolderBytes`. */
export function readLookHolder(message: Buffer): {
  device: number
  key: string
  pid: number
  containerId: string | null
} {
  const container = textIn(message, 48, lookHolderBytes)
  return {
    device: Number(message.readBigUInt64LE(0)),
    key: textIn(message, 8, 40),
    pid: message.readUInt32LE(40),
    containerId: container === '' ? null : container
  }
}

/** Text that ends with a NUL or at `end`. */
function textIn(message: Buffer, begin: number, end: number): string {
  const nul = message.indexOf(0, begin)
  return message.toString('latin1', begin, nul === -1 || nul > end ? end : nul)
}
