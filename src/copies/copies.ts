import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { getSystemErrorName } from 'node:util'
import { quote, SecretboxError } from '../base/errors.ts'
import { isCopyKey, type CopyKey } from './copy-key.ts'
import { ownershipOf, rootOfCopy } from './ownership.ts'
import { ConnectionLost, type Connection, type Supervisor } from './supervisor.ts'
import { sendTree, type CopyContents, type CopyOptions } from './send-tree.ts'
import { sizeOf } from './size.ts'
import { memories, outcomes, readReply, replyBytes, requestBytes, type Reply, type Request } from './wire.ts'

/** What copies are made of: `noswap` from Linux 6.4 on; ramfs, which is never swapped, where tmpfs cannot promise it. */
export type CopyMemory = Exclude<(typeof memories)[number], ''>

/** The file systems of copies, one per key, under one directory. Knows nothing of volumes or of who uses a copy. */
export interface Copies {
  readonly memory: CopyMemory
  /** Where a copy is or would be. */
  pathOf(key: CopyKey): string
  /** The directories that there are, mounted or not; a name that is no key is not ours. */
  list(): Promise<CopyKey[]>
  /** The `st_dev` of a copy's file system, or null when nothing is mounted there. */
  deviceOf(key: CopyKey): number | null
  /**
   * Makes a copy and gives its `st_dev`; when any step fails nothing of it is left. Throws `unavailable` that names
   * the step, `invalid` when a size is too small, or what reading throws.
   */
  make(key: CopyKey, contents: CopyContents, options: CopyOptions): Promise<number>
  /**
   * Overwrites, unlinks, unmounts and removes a copy, and any that was stacked below it. Does nothing for one that
   * is not there. False when somebody keeps a file of it open in a way that forbids writing: it stays, and is to be
   * wiped again; after a minute of that it goes as it is. Throws `conflict` for a mount or a directory that is not
   * ours, `unavailable` for what could not be overwritten or unmounted.
   */
  wipe(key: CopyKey): Promise<boolean>
}

/** By then the kernel has broken any lease that was there at the first try (fcntl(2); /proc/sys/fs/lease-break-time: 45 s). */
const busyForMs = 60_000

/** Sends a request, and what follows it. */
type Talk = (connection: Connection, request: Buffer) => Promise<void>
const requestAlone: Talk = (connection, request) => connection.send(request)

/**
 * Opens the directory of copies that the supervisor serves, finding out what memory the kernel offers. Throws
 * `unavailable` when the directory cannot be written or nothing may be mounted.
 */
export async function openCopies(directory: string, supervisor: Supervisor): Promise<Copies> {
  const pathOf = (key: CopyKey): string => join(directory, key)
  /** Since when a copy could not be overwritten. */
  const busySince = new Map<CopyKey, number>()

  /** The reply, or null when the job was killed; throws what `talk` throws. */
  const ask = (request: Request, talk: Talk): Promise<Reply | null> =>
    supervisor.job(async connection => {
      const answer = connection.receive(replyBytes)
      let failure: unknown = null
      try {
        await talk(connection, requestBytes(request))
      } catch (error) {
        // A job that fails says so in the middle of what it is sent; one that is left undoes what it has begun.
        connection.endSending()
        if (!(error instanceof ConnectionLost)) failure = error
      }
      const bytes = await answer
      const reply = bytes && readReply(bytes)
      if (reply?.outcome !== outcomes.done) connection.endSending()
      if (failure !== null) throw failure as Error
      return reply
    })

  /** A job may be killed at any moment; what it has begun is wiped, and it is done once more. */
  const askTwice = async (request: Request, talk: Talk = requestAlone): Promise<Reply> => {
    const first = await ask(request, talk)
    if (first !== null) return first
    const { job, key } = request
    if (job === 'make' && key !== undefined) await ask({ job: 'wipe', key, isLast: true }, requestAlone)
    const second = await ask(request, talk)
    if (second !== null) return second
    throw new SecretboxError(
      'unavailable',
      `cannot ${job} a copy: the process that does it is not there, or was killed`,
      {
        hint: 'is there too little memory?'
      }
    )
  }

  const { memory, pageBytes } = checked(
    `use copies directory ${quote(directory)}`,
    await askTwice({ job: 'probe' })
  )

  const copies: Copies = {
    memory: memories[memory] as CopyMemory,
    pathOf,

    async list() {
      return (await readdir(directory)).filter(isCopyKey)
    },

    deviceOf(key) {
      const mounted = statSync(pathOf(key), { throwIfNoEntry: false })?.dev
      return mounted === undefined || mounted === statSync(directory).dev ? null : mounted
    },

    async make(key, contents, options) {
      const size = sizeOf(contents, options, pageBytes)
      const root = ownershipOf(rootOfCopy, options)
      const request: Request = { job: 'make', key, isWritable: options.rw, root, ...size }
      const reply = await askTwice(request, (connection, head) =>
        sendTree(connection, head, contents, options)
      )
      return checked(`make copy ${quote(pathOf(key))}`, reply).device
    },

    async wipe(key) {
      const isLast = performance.now() - (busySince.get(key) ?? Infinity) > busyForMs
      const reply = await askTwice({ job: 'wipe', key, isLast })
      if (reply.outcome === outcomes.busy) {
        if (!busySince.has(key)) busySince.set(key, performance.now())
        return false
      }
      busySince.delete(key)
      checked(`wipe copy ${quote(pathOf(key))}`, reply)
      return true
    }
  }
  return copies
}

/** Throws what the reply says, about what was to be done. */
function checked(work: string, reply: Reply): Reply {
  if (reply.outcome === outcomes.done) return reply
  if (reply.outcome === outcomes.notOurs) {
    throw new SecretboxError('conflict', `cannot ${work}: what is there is no copy`, {
      hint: 'give the copies a directory of their own (SECRETBOX_COPIES_DIR)'
    })
  }
  if (reply.errno === constants.errno.EOPNOTSUPP) {
    throw new SecretboxError('unavailable', 'cannot make a writable copy: ramfs has no size limit', {
      hint: 'use a kernel from 6.4 on, or a host without swap'
    })
  }
  if (reply.errno === constants.errno.ENOSPC && reply.step === 'mkdir') {
    throw new SecretboxError('full', `cannot ${work}: the disk is full`, {
      hint: 'free room on the disk that holds the directory of copies'
    })
  }
  const reason = reply.errno === 0 ? reply.step : `${reply.step}: ${getSystemErrorName(-reply.errno)}`
  throw new SecretboxError('unavailable', `cannot ${work}: ${reason}`, {
    ...(reply.step === 'mount' ? { hint: 'the supervisor needs root and CAP_SYS_ADMIN' } : {})
  })
}
