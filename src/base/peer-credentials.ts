import type { LibraryHandle } from 'koffi'

/** socket(7). */
const solSocket = 1
const soPeerCred = 17

/** A process, as the kernel noted it. */
export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/**
 * What asks who is at the other end of a connected Unix socket (SO_PEERCRED, unix(7)), by a C library that is open. It gives
 * null when the kernel refuses: errno says why.
 */
export function peerCredentialsBy(libc: LibraryHandle): (fd: number) => PeerCredentials | null {
  const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ uint32_t *, _Inout_ uint32_t *)')
  return fd => {
    const credentials = new Uint32Array(3)
    const result = getsockopt(fd, solSocket, soPeerCred, credentials, [credentials.byteLength]) as number
    const [pid = 0, uid = 0, gid = 0] = credentials
    return result < 0 ? null : { pid, uid, gid }
  }
}
