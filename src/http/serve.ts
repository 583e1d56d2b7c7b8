import { createServer as createHttpServer, type RequestListener, type ServerResponse } from 'node:http'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { errnoOf, quote, SecretboxError } from '../errors.ts'
import type { Syscalls } from '../syscalls.ts'
import { forgetfulConnection, forgetPieces } from './connection.ts'

/** A server on a Unix socket. */
export interface Server {
  /** Takes no new connection, answers what is in flight, then cuts what is left after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

/** As much as one read takes; Node's own reads are as long. */
const readBytes = 64 << 10

/**
 * Serves on a Unix socket with `mode`. A socket file that nobody answers on is replaced. What is read from
 * connections is zeroed once the HTTP parser has copied it, so that bodies leave no trace in memory. Throws
 * `in_use` when another process answers there, `unavailable` when the socket cannot be made.
 */
export async function serveUnixSocket(
  path: string,
  mode: number,
  syscalls: Pick<Syscalls, 'dup'>,
  listener: RequestListener
): Promise<Server> {
  if (await answers(path)) {
    throw new SecretboxError('in_use', `cannot listen on ${quote(path)}: another process does`, {
      hint: 'is another secretbox daemon running?'
    })
  }
  // Zero: the Engine keeps idle connections and must not find one closed (Engine fact). No request is timed: boxes are large.
  const http = createHttpServer({ keepAliveTimeout: 0, requestTimeout: 0 }, listener)
  const underWay = new Set<ServerResponse>()
  http.on('request', (_request, response) => {
    underWay.add(response)
    response.once('close', () => underWay.delete(response))
  })
  const sockets = new Set<Socket>()
  const buffer = Buffer.alloc(readBytes)
  const server = createServer({ pauseOnConnect: true }, accepted => {
    const socket = forgetfulConnection(accepted, buffer, syscalls)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    http.emit('connection', socket)
    forgetPieces(socket)
  })
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await rm(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    await chmod(path, mode)
  } catch (error) {
    throw new SecretboxError('unavailable', `cannot listen on ${quote(path)}: ${errnoOf(error) ?? 'error'}`, {
      cause: error
    })
  }

  return {
    async close(timeoutMs) {
      const closed = [...sockets].map(socket => new Promise(resolve => socket.once('close', resolve)))
      server.close()
      http.closeIdleConnections()
      // A connection whose answer is under way is idle after it.
      for (const response of underWay) response.once('close', () => http.closeIdleConnections())
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, timeoutMs)
      await Promise.all(closed)
      clearTimeout(cut)
    }
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
