import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A connection to one of the daemon's sockets that is kept open, as the Engine keeps its own. */
export interface Connection {
  /** Posts a VolumeDriver call and returns its reply. Throws when the reply is an error. */
  call(route: string, body: unknown): Promise<void>
  close(): void
}

/**
 * Opens a connection. It speaks as little HTTP as the replies need: an HTTP client's own time, which is of the
 * order of a Mount's, would otherwise be counted as the daemon's.
 */
export async function openConnection(socketPath: string): Promise<Connection> {
  const socket = connect(socketPath)
  await once(socket, 'connect')
  return {
    async call(route, body) {
      const json = JSON.stringify(body)
      socket.write(
        `POST /${route} HTTP/1.1\r\nHost: plugin\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`
      )
      const reply = JSON.parse(await readReply(socket)) as { Err?: string }
      if (reply.Err !== undefined && reply.Err !== '') throw new Error(`${route}: ${reply.Err}`)
    },
    close: () => socket.destroy()
  }
}

/** The body of the one reply that is on its way. */
function readReply(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0)
    const stop = (): void => {
      socket.off('data', take)
      socket.off('close', broken)
    }
    const broken = (): void => reject(new Error('the daemon closed the connection'))
    const take = (bytes: Buffer): void => {
      received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
      const bodyAt = received.indexOf('\r\n\r\n') + 4
      if (bodyAt === 3) return
      const head = received.toString('latin1', 0, bodyAt)
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1])
      if (received.length < bodyAt + length) return
      stop()
      resolve(received.toString('utf8', bodyAt, bodyAt + length))
    }
    socket.on('data', take)
    socket.once('close', broken)
  })
}
