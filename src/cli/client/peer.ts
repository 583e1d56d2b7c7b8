import type { Socket } from 'node:net'
import { peerCredentialsBy } from '../../base/peer-credentials.ts'
import { isTrusted } from '../input/trusted-path.ts'

/**
 * Why a server is not one to be told secrets, in words that go on after a colon; null for root's and this user's own. `connection` is
 * to a Unix socket; the kernel noted who began to listen there (SO_PEERCRED, unix(7)).
 */
export async function whyPeerUntrusted(connection: Socket): Promise<string | null> {
  // Loaded when there is somebody to talk to: help and completion of commands need not wait for it.
  const { default: koffi } = await import('koffi')
  // Node keeps the descriptor in its handle, and has no other way to it.
  const { _handle: handle } = connection as unknown as { _handle: { fd: number } | null }
  const credentials = handle === null ? null : peerCredentialsBy(koffi.load(null))(handle.fd)
  if (credentials === null) return 'the kernel does not say whose it is'
  return isTrusted(credentials) ? null : `uid ${credentials.uid} listens there`
}
