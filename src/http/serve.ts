import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import { chmod, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, quote, SecretboxError } from '../errors.ts'

/** A server on a Unix socket. */
export interface Server {
  /** Takes no new connection, answers what is in flight, then cuts what is left after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

/**
 * Serves on a Unix socket with `mode`. A socket file that nobody answers on is replaced. What is read from
 * connections is zeroed once the HTTP parser has copied it, so that bodies leave no trace in memory. Throws
 * `in_use` when another process answers there, `unavailable` when the socket cannot be made.
 */
export async function serveUnixSocket(
  path: string,
  mode: number,
  listener: RequestListener
): Promise<Server> {
  if (await answers(path)) {
    throw new SecretboxError('in_use', `cannot listen on ${quote(path)}: another process does`, {
      hint: 'is another secretbox daemon running?'
    })
  }
  // Zero: the Engine keeps idle connections and must not find one closed (Engine fact). No request is timed: boxes are large.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 10_000 }, listener)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // Listening here also keeps the parser from reading the descriptor itself, into a buffer that nobody clears.
    socket.on('data', (bytes: Buffer) => bytes.fill(0))
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
    close: timeoutMs =>
      new Promise(resolve => {
        const cut = setTimeout(() => {
          for (const socket of sockets) socket.destroy()
        }, timeoutMs)
        server.close(() => {
          clearTimeout(cut)
          resolve()
        })
        server.closeIdleConnections()
      })
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
