import type { Socket } from 'node:net'
import { isTrusted } from '../input/trusted-path.ts'

/** socket(7). */
const solSocket = 1
const soPeerCred = 17

/**
 * Why a server is not one to be told secrets, in words that go on after a colon; null for root's and this user's own. `connection` is
 * to a Unix socket; the kernel noted who began to listen there (SO_PEERCRED, unix(7)).
 */
export async function whyPeerUntrusted(connection: Socket): Promise<string | null> {
  // Loaded when there is somebody to talk to: help and completion of commands need not wait for it.
  const { default: koffi } = await import('koffi')
  const getsockopt = koffi
    .load(null)
    .func('int getsockopt(int, int, int, _Out_ uint32_t *, _Inout_ uint32_t *)')
  // Node keeps the descriptor in its handle, and has no other way to it.
  const { _handle: handle } = connection as unknown as { _handle: { fd: number } | null }
  const credentials = new Uint32Array(3)
  if (
    handle === null ||
    getsockopt(handle.fd, solSocket, soPeerCred, credentials, [credentials.byteLength]) !== 0
  )
    return 'the kernel does not say whose it is'
  const uid = credentials[1] ?? NaN
  return isTrusted({ uid }) ? null : `uid ${uid} listens there`
}
