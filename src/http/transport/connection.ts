import type { IncomingMessage, Server } from 'node:http'
import { Socket } from 'node:net'
import { SecretboxError } from '../../base/errors.ts'
import { newBytes, releaseBytes } from '../../base/secret.ts'
import type { Syscalls } from '../../base/syscalls.ts'

/** The descriptor of a connected socket; Node keeps it in its handle, and has no other way to it. Throws `unavailable` when the peer is gone. */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } | null }
  if (handle === null) throw new SecretboxError('unavailable', 'the caller went away')
  return handle.fd
}

/**
 * The same connection as a socket that reads into `buffer`, which many may share and which is zeroed after each
 * read. Node's own buffer for reads lives as long as the process and keeps what bodies it held. `accepted` must
 * not have been read from; it is used up.
 */
export function forgetfulConnection(
  accepted: Socket,
  buffer: Buffer,
  syscalls: Pick<Syscalls, 'dup'>
): Socket {
  const socket: Socket = new Socket({
    fd: syscalls.dup(descriptorOf(accepted)),
    readable: true,
    writable: true,
    onread: {
      buffer,
      callback(length) {
        const piece = newBytes(length)
        piece.set(buffer.subarray(0, length))
        buffer.fill(0, 0, length)
        return socket.push(piece)
      }
    }
  })
  accepted.destroy()
  return socket
}

/** Zeroes what is read once everybody has seen it: to be called when the others listen already. It also keeps the HTTP parser from reading the descriptor itself. */
export function forgetPieces(socket: Socket): void {
  socket.on('data', (piece: Buffer) => releaseBytes(piece))
}

/** Ends connections whose time is over (`Socket.setTimeout`), unless their last request came whole and what was said so far was read. */
export function cutIdle(http: Server, isAnswering: (socket: Socket) => boolean): void {
  const asked = new WeakMap<Socket, IncomingMessage>()
  http.on('request', request => asked.set(request.socket, request))
  // Node's own way would be to end them all.
  http.on('timeout', (socket: Socket) => {
    const isOurTurn = isAnswering(socket) && asked.get(socket)?.complete === true
    if (!isOurTurn || socket.writableLength > 0) socket.destroy()
  })
}
