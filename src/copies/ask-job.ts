import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { SecretboxError } from '../base/errors.ts'
import { ConnectionLost, type Connection, type Supervisor } from './supervisor.ts'
import { outcomes, readReply, replyBytes, requestBytes, type Reply, type Request } from './wire.ts'

/** Sends a request, and what follows it. */
export type Talk = (connection: Connection, request: Buffer) => Promise<void>
const requestAlone: Talk = (connection, request) => connection.send(request)

/**
 * Has a job done, and gives its reply. A job may be killed at any moment: what it has begun is wiped, and it is done once more.
 * Throws `unavailable` when it is killed again, and what `talk` throws.
 */
export type AskJob = (request: Request, talk?: Talk) => Promise<Reply>

export function createAskJob(supervisor: Supervisor): AskJob {
  /** The reply, or null when the job was killed. */
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

  return async (request, talk = requestAlone) => {
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
