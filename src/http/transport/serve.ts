import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import { connect, createServer, Socket, type Server } from 'node:net'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { newBytes } from '../../base/secret.ts'
import { errnoOf, SecretboxError, type ErrorCode } from '../../base/errors.ts'
import { quotePath } from '../../base/host-paths.ts'
import type { Syscalls } from '../../base/syscalls.ts'
import { cutIdle, descriptorOf, forgetfulConnection, forgetPieces } from './connection.ts'

/** A server on a Unix socket. */
export interface Serving {
  /** Takes no new connection, answers what is in flight, then cuts what is left after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

/** What serving needs beside the address. */
export interface ServeParts {
  readonly syscalls: Pick<Syscalls, 'dup' | 'peerOf'>
  readonly log: Logger
  /** What those who connect may take who are not root. */
  readonly people?: PeopleLimits
  /** Called with the descriptor of each new connection. */
  readonly onConnection?: (descriptor: number) => void
}

/** What the connections of people may take who are not root. */
export interface PeopleLimits {
  /** Counts the connection of somebody, known by the descriptor, as `Crowd.enter` does. */
  readonly enter: (descriptor: number, uid: number) => (() => void) | null
  /** A connection is cut over which nothing is said for so long, unless it is for us to say something. */
  readonly idleMs: number
}

/** What the connections to one socket of many may take. */
export interface ConnectionLimits {
  readonly mostConnections: number
  /** One over which nothing is said for so long is cut. */
  readonly idleMs: number
}

/** One server at many sockets. */
export interface ServingMany extends Serving {
  /**
   * Serves at a socket that listens (listen(2)), whose descriptor it takes over. `onSocket` is called with each new connection
   * before anything comes over it. Gives what ends that, and cuts what is under way. Throws `unavailable`.
   */
  add(descriptor: number, limits: ConnectionLimits, onSocket: (socket: Socket) => void): Promise<() => void>
}

/** As much as one read takes; Node's own reads are as long. */
const readBytes = 64 << 10

/**
 * Serves on a Unix socket with `mode`. A socket file that nobody answers on is replaced. What is read from
 * connections is zeroed once the HTTP parser has copied it, so that bodies leave no trace in memory. Throws
 * `in_use` when another process answers there, `conflict` when something else has that name, `unavailable` when
 * the socket cannot be made. A connection that cannot be served, for want of descriptors, is closed and logged.
 */
export async function serveUnixSocket(
  path: string,
  mode: number,
  parts: ServeParts,
  listener: RequestListener
): Promise<Serving> {
  const connections = createConnections(parts, listener)
  const server = createServer({ pauseOnConnect: true }, accepted => connections.serve(accepted))
  try {
    await clearPath(path)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ path, backlog: waitingConnections }, resolve)
    })
    await chmod(path, mode)
  } catch (error) {
    if (error instanceof SecretboxError) throw error
    throw new SecretboxError(
      'unavailable',
      `cannot listen on ${quotePath(path)}: ${errnoOf(error) ?? 'error'}`,
      {
        cause: error
      }
    )
  }
  server.on('error', err => parts.log.error({ err }, 'cannot take a connection'))

  return {
    close(timeoutMs) {
      server.close()
      return connections.end(timeoutMs)
    }
  }
}

/** Serves at sockets that are added to it, with what is the same for all; see `serveUnixSocket`. */
export function serveListening(parts: ServeParts, listener: RequestListener): ServingMany {
  const connections = createConnections(parts, listener)
  const servers = new Set<Server>()
  return {
    async add(descriptor, { mostConnections, idleMs }, onSocket) {
      const sockets = new Set<Socket>()
      const server = createServer({ pauseOnConnect: true }, accepted => {
        if (sockets.size >= mostConnections) {
          accepted.destroy()
          return
        }
        const socket = connections.serve(accepted, onSocket)
        if (socket === null) return
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
        socket.setTimeout(idleMs, () => socket.destroy())
      })
      await new Promise<void>((resolve, reject) => {
        server.once('error', cause => {
          reject(new SecretboxError('unavailable', `cannot listen: ${errnoOf(cause) ?? 'error'}`, { cause }))
        })
        server.listen({ fd: descriptor }, resolve)
      })
      server.on('error', err => parts.log.error({ err }, 'cannot take a connection'))
      servers.add(server)
      return () => {
        servers.delete(server)
        server.close()
        for (const socket of sockets) socket.destroy()
      }
    },

    close(timeoutMs) {
      for (const server of servers) server.close()
      return connections.end(timeoutMs)
    }
  }
}

/**
 * How many connections may wait to be taken; the kernel's net.core.somaxconn bounds it. With fewer, dockerd's connect
 * fails with EAGAIN when it starts more containers than that at once.
 */
const waitingConnections = 4096

/** How many requests of one connection may wait for their answers: who sends more without reading any is no client of ours. */
const mostAtOnce = 16

/** What is served of a server's connections; `serve` gives null for one that cannot be. */
interface Connections {
  serve(accepted: Socket, onSocket?: (socket: Socket) => void): Socket | null
  end(timeoutMs: number): Promise<void>
}

/** The connections that are served, and a way to end them when their answers are out. */
function createConnections(
  { syscalls, log, people, onConnection }: ServeParts,
  listener: RequestListener
): Connections {
  // Zero: the Engine keeps idle connections and must not find one closed (Engine fact 2). No request is timed: boxes are large.
  const http = createHttpServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    const { socket } = request
    if ((sockets.get(socket) ?? 0) >= mostAtOnce) socket.destroy()
    // What came over it at once is parsed to its end, also when it was cut meanwhile.
    if (!socket.destroyed) listener(request, response)
  })
  const buffer = newBytes(readBytes)
  /** Each with the number of its answers that are under way; Node itself counts only for servers that listen. */
  const sockets = new Map<Socket, number>()
  let ending = false
  cutIdle(http, socket => (sockets.get(socket) ?? 0) > 0)
  http.on('request', ({ socket }, response) => {
    sockets.set(socket, (sockets.get(socket) ?? 0) + 1)
    response.once('close', () => {
      const left = (sockets.get(socket) ?? 1) - 1
      if (sockets.has(socket)) sockets.set(socket, left)
      if (ending && left === 0) socket.end()
    })
  })

  http.on('clientError', (error: Error & { rawPacket?: Buffer }, socket) => {
    // In the middle of an answer, breaking off is the only way left.
    const underWay = socket instanceof Socket ? sockets.get(socket) : undefined
    if (!socket.writable || underWay !== 0) socket.destroy()
    else socket.end(badRequest(errnoOf(error), error.rawPacket), () => socket.destroy())
  })

  return {
    serve(accepted, onSocket) {
      let leave: (() => void) | null = nothing
      try {
        const descriptor = descriptorOf(accepted)
        onConnection?.(descriptor)
        const uid = people === undefined ? 0 : syscalls.peerOf(descriptor).uid
        leave = people === undefined || uid === 0 ? nothing : people.enter(descriptor, uid)
        if (leave === null) {
          accepted.end(tooMany, () => accepted.destroy())
          return null
        }
        const socket = forgetfulConnection(accepted, buffer, syscalls)
        const left = leave
        leave = nothing
        sockets.set(socket, 0)
        socket.once('close', () => {
          sockets.delete(socket)
          left()
        })
        onSocket?.(socket)
        if (people !== undefined && uid !== 0) socket.setTimeout(people.idleMs)
        http.emit('connection', socket)
        forgetPieces(socket)
        return socket
      } catch (err) {
        log.error({ err }, 'cannot serve a connection')
        leave?.()
        accepted.destroy()
        return null
      }
    },

    async end(timeoutMs) {
      ending = true
      const closed = [...sockets.keys()].map(socket => new Promise(resolve => socket.once('close', resolve)))
      for (const [socket, underWay] of sockets) if (underWay === 0) socket.destroy()
      const cut = setTimeout(() => {
        for (const socket of sockets.keys()) socket.destroy()
      }, timeoutMs)
      await Promise.all(closed)
      clearTimeout(cut)
    }
  }
}

const nothing = (): void => undefined

/** The answer to one connection too many. */
const tooMany = answerText('503 Service Unavailable', 'unavailable', 'too many connections are open', [])

/** The answer to what is no request that Node's parser (llhttp) takes, whose error this is; in the form of either API. */
function badRequest(parserError: string | null, start?: Buffer): string {
  // To llhttp anything that begins wrong is a bad method, a TLS handshake too; a method is a token (RFC 9110).
  const hasMethod = /^[\w!#$%&'*+.^`|~-]+ /.test(start?.toString('latin1', 0, 64) ?? '')
  const known =
    parserError === 'HPE_INVALID_METHOD' && !hasMethod ? undefined : notRequests[parserError ?? '']
  const [status, reason, ...headers] = known ?? ['400 Bad Request', 'it is not HTTP']
  return answerText(status, 'invalid', `bad request: ${reason}`, headers)
}

/** An answer of whose request nothing is known; in the form of either API. */
function answerText(status: string, code: ErrorCode, message: string, headers: readonly string[]): string {
  const body = JSON.stringify({ code, message, Err: message })
  return [
    `HTTP/1.1 ${status}`,
    ...headers,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body
  ].join('\r\n')
}

const notRequests: Readonly<Record<string, readonly [status: string, reason: string, ...headers: string[]]>> =
  {
    HPE_INVALID_METHOD: [
      '405 Method Not Allowed',
      'there is no such method',
      'Allow: GET, HEAD, PUT, POST, PATCH, DELETE'
    ],
    HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'its headers are too long']
  }

/** Makes room for a socket: its directory, and the removal of one that a dead process left. */
async function clearPath(path: string): Promise<void> {
  if (await answers(path)) {
    throw new SecretboxError('in_use', `cannot listen on ${quotePath(path)}: another process does`, {
      hint: 'is another secretbox daemon running?'
    })
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const present = await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  })
  if (present !== null && !present.isSocket()) {
    throw new SecretboxError(
      'conflict',
      `cannot listen on ${quotePath(path)}: there is something that is not a socket`,
      {
        hint: 'name another path, or move it away'
      }
    )
  }
  await rm(path, { force: true })
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
