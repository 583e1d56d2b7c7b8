import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  loadAskForDescriptor,
  type AskForDescriptor,
  type PassedDescriptor
} from '../base/passed-descriptor.ts'
import { SyscallError } from '../base/syscall-error.ts'

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
  /**
   * Has a job done, by a process that does nothing else meanwhile. Jobs that come while many are under way wait. Talk that
   * is not understood to its end, or whose job failed, ends with `endSending`: the next one has another connection.
   */
  job<T>(talk: (connection: Connection) => Promise<T>): Promise<T>
  /**
   * Sends a request to a job whose answer brings a descriptor, for the caller to close. Null when the job was killed, or
   * nobody is there to do it.
   */
  pass(request: Buffer, answerBytes: number): Promise<PassedDescriptor | null>
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
  /** Nothing is under way over it, and the process at its other end waits: to start one takes longer than most jobs. */
  let idle: Line | null = null
  let askForDescriptor: AskForDescriptor | null = null
  const turn = async (): Promise<void> => {
    if (underWay >= mostJobs) await new Promise<void>(resolve => waiting.push(resolve))
    else underWay++
  }
  const over = (): void => {
    const next = waiting.shift()
    if (next === undefined) underWay--
    else next()
  }
  const takeLine = (): Line => {
    const line = idle
    idle = null
    return line?.isOpen() === true ? line : openLine(join(directory, 'jobs'))
  }
  return {
    async job(talk) {
      await turn()
      const line = takeLine().use(jobWithinMs)
      try {
        const said = await talk(line.connection)
        if (idle === null && line.isOpen()) idle = line.rest()
        return said
      } finally {
        if (idle !== line) line.close()
        over()
      }
    },

    async pass(request, answerBytes) {
      await turn()
      try {
        askForDescriptor ??= loadAskForDescriptor()
        return await askForDescriptor(join(directory, 'jobs'), request, answerBytes, jobWithinMs / 1000)
      } catch (error) {
        if (error instanceof SyscallError) return null
        throw error
      } finally {
        over()
      }
    },

    async look(talk) {
      const line = openLine(join(directory, 'looks')).use(lookWithinMs)
      try {
        return await talk(line.connection)
      } finally {
        line.close()
      }
    }
  }
}

/** A connection, and what goes on at it. */
interface Line {
  readonly connection: Connection
  /** False once an end of it has said that it says no more. */
  isOpen(): boolean
  /** It closes when nothing is said over it for that time. */
  use(withinMs: number): Line
  /** Keeps no process from ending. */
  rest(): Line
  close(): void
}

function openLine(path: string): Line {
  const socket = createConnection(path)
  const pieces: Buffer[] = []
  let arrived = Promise.withResolvers<unknown>()
  const tell = (): void => {
    arrived.resolve(null)
    arrived = Promise.withResolvers()
  }
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece)
    tell()
  })
  socket.on('close', tell)
  socket.on('error', () => undefined)
  const line: Line = {
    connection: {
      send: bytes => sent(socket, bytes),
      endSending: () => void socket.end(),
      async receive(count) {
        for (;;) {
          const answer = taken(pieces, count)
          if (answer !== null || socket.closed) return answer
          await arrived.promise
        }
      }
    },
    isOpen: () => socket.readyState === 'open',
    use(withinMs) {
      socket.ref().setTimeout(withinMs)
      return line
    },
    rest() {
      socket.unref().setTimeout(0)
      return line
    },
    close: () => void socket.destroy()
  }
  socket.on('timeout', () => socket.destroy())
  return line
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
