import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'

/** What one job, or one look, says: it sends, and reads the answer. */
export interface Connection {
  /** Resolves when all bytes are on their way, after which they may be overwritten. Throws `ConnectionLost`. */
  send(bytes: Buffer): Promise<void>
  /** Says that nothing follows: a job that is in the middle of something undoes it, and answers. */
  endSending(): void
  /** The next `count` bytes of the answer, or null when it ended before. */
  receive(count: number): Promise<Buffer | null>
}

/** Whoever was to do a job is not there, or is there no more. */
export class ConnectionLost extends Error {}

/** A way to the privileged half, which the supervisor serves. */
export interface Supervisor {
  /** Has a job done over a connection of its own. Jobs that come while many are under way wait. */
  job<T>(talk: (connection: Connection) => Promise<T>): Promise<T>
  /** The same with the process that looks. */
  look<T>(talk: (connection: Connection) => Promise<T>): Promise<T>
}

/** The supervisor does no more at the same time (supervisor.c). */
const mostJobs = 32
/** By then a job, or a look, has ended itself, whatever kept it (job.c, look.c). */
const jobWithinMs = 60_000
const lookWithinMs = 15_000

/** Connects to the supervisor that listens in this directory (supervisor.c). */
export function connectSupervisor(directory: string): Supervisor {
  const waiting: (() => void)[] = []
  let underWay = 0
  return {
    async job(talk) {
      if (underWay >= mostJobs) await new Promise<void>(resolve => waiting.push(resolve))
      else underWay++
      try {
        return await talkTo(join(directory, 'jobs'), jobWithinMs, talk)
      } finally {
        const next = waiting.shift()
        if (next === undefined) underWay--
        else next()
      }
    },
    look: talk => talkTo(join(directory, 'looks'), lookWithinMs, talk)
  }
}

async function talkTo<T>(
  path: string,
  withinMs: number,
  talk: (connection: Connection) => Promise<T>
): Promise<T> {
  const socket = createConnection(path)
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => undefined)
  socket.setTimeout(withinMs, () => socket.destroy())
  const pieces: Buffer[] = []
  let arrived = Promise.withResolvers<unknown>()
  let isOver = false
  const tell = (): void => {
    arrived.resolve(null)
    arrived = Promise.withResolvers()
  }
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece)
    tell()
  })
  socket.on('close', () => {
    isOver = true
    ended.reject(new ConnectionLost())
    tell()
  })
  socket.on('error', () => undefined)
  try {
    return await talk({
      send: bytes => Promise.race([sent(socket, bytes), ended.promise]),
      endSending: () => void socket.end(),
      async receive(count) {
        for (;;) {
          const answer = taken(pieces, count)
          if (answer !== null || isOver) return answer
          await arrived.promise
        }
      }
    })
  } finally {
    socket.destroy()
  }
}

function sent(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, error => {
      if (error) reject(new ConnectionLost(error.message))
      else resolve()
    })
  })
}

/** The first `count` bytes of what has come, which are taken away; null when there are fewer. */
function taken(pieces: Buffer[], count: number): Buffer | null {
  const all = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
  if (all.length < count) return null
  pieces.length = 0
  if (all.length > count) pieces.push(all.subarray(count))
  return all.subarray(0, count)
}
