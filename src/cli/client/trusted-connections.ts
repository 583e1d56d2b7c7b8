import { Agent } from 'node:http'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { whyPeerUntrusted } from './peer.ts'
import { whyUntrustedIfSeen } from '../input/trusted-path.ts'

/** Whoever answers at a socket is not to be trusted; the message says why, in words that go on after a colon. */
export class UntrustedServer extends Error {}

/**
 * Connections over Unix sockets to servers of root's or of this user's own. For any other, requests fail with
 * `UntrustedServer` before a byte is sent: where DOCKER_HOST or SECRETBOX_SOCKET leads may be another user's choice, as after su(1).
 */
export class TrustedConnections extends Agent {
  override createConnection(
    options: NetConnectOpts & { socketPath?: string },
    callback?: (error: Error | null, stream: Duplex) => void
  ): undefined {
    openTrusted(options.socketPath ?? '').then(
      connection => callback?.(null, connection),
      // Node looks at the stream only when there is no error.
      (error: unknown) => callback?.(error as Error, undefined as unknown as Duplex)
    )
  }
}

async function openTrusted(path: string): Promise<Socket> {
  // Who may not look there may not connect there, and is told so.
  refuse(whyUntrustedIfSeen(path))
  const connection = connect(path)
  await once(connection, 'connect')
  try {
    refuse(await whyPeerUntrusted(connection))
    return connection
  } catch (error) {
    connection.destroy()
    throw error
  }
}

function refuse(reason: string | null): void {
  if (reason !== null) throw new UntrustedServer(reason)
}
