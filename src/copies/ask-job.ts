import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { SecretboxError } from '../base/errors.ts'
import type { CopyKey } from './copy-key.ts'
import { ConnectionLost, type Connection, type Supervisor } from './supervisor.ts'
import { outcomes, readReply, replyBytes, requestBytes, type Reply, type JobRequest } from './wire.ts'

/** What goes with the request for a copy. */
export interface Filling {
  /** Sends the request, and what follows it. */
  send(connection: Connection, request: Buffer): Promise<void>
  /** Called when all that was sent and the copy is mounted, while it is being written. */
  mounted(device: number): Promise<void>
}

/**
 * Has a job done, and gives its reply. A job may be killed at any moment: what it has begun is wiped, and it is done once more.
 * Throws `unavailable` when it is killed again, and what `filling` throws; then nothing of the copy is left.
 */
export type AskJob = (request: JobRequest, filling?: Filling) => Promise<Reply>

/** Whoever is killed twice is so for a reason. */
export const mostTries = 2

export function createAskJob(supervisor: Supervisor): AskJob {
  /** The last reply, or null when the job was killed; and what `filling` threw, or null. */
  const ask = (
    request: JobRequest,
    filling: Filling | null
  ): Promise<{ reply: Reply | null; failure: unknown }> =>
    supervisor.job(async connection => {
      const next = async (): Promise<Reply | null> => {
        const bytes = await connection.receive(replyBytes)
        return bytes && readReply(bytes)
      }
      let early: Reply | null = null
      let isTold = filling === null
      let failure: unknown = null
      try {
        if (filling === null) await connection.send(requestBytes(request))
        else {
          await filling.send(connection, requestBytes(request))
          early = await next()
          if (isDone(early)) await filling.mounted(early.device)
          isTold = true
        }
      } catch (error) {
        // A job that fails says so in the middle of what it is sent; one that is left undoes what it has begun.
        connection.endSending()
        if (!(error instanceof ConnectionLost)) failure = error
      }
      const first = early ?? (await next())
      const reply = filling !== null && isDone(first) ? await next() : first
      if (!isDone(reply)) connection.endSending()
      // A copy of which nobody was told is none.
      return { reply: isTold || !isDone(reply) ? reply : null, failure }
    })

  const undo = (key: CopyKey): Promise<unknown> => ask({ job: 'wipe', key, isLast: true }, null)

  return async (request, filling) => {
    const { job, key } = request
    for (let tries = 0; tries < mostTries; tries++) {
      const { reply, failure } = await ask(request, filling ?? null)
      const isLeft = reply === null || (failure !== null && isDone(reply))
      if (isLeft && job === 'make' && key !== undefined) await undo(key)
      if (failure !== null) throw failure as Error
      if (reply !== null) return reply
    }
    throw jobWasLost(`${job} a copy`)
  }
}

/** `work`: what was to be done. */
export function jobWasLost(work: string): SecretboxError {
  return new SecretboxError(
    'unavailable',
    `cannot ${work}: the process that does it is not there, or was killed`,
    { hint: 'is there too little memory?' }
  )
}

function isDone(reply: Reply | null): reply is Reply {
  return reply?.outcome === outcomes.done
}

/** Throws what the reply says, about what was to be done; `conflict`, `full` or `unavailable`. */
export function checked(work: string, reply: Reply): Reply {
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
