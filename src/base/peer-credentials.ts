import type { LibraryHandle } from 'koffi'

/** socket(7). */
const solSocket = 1
const soPeerCred = 17
const soPeerGroups = 59

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

/** As many groups as most processes are in; the kernel says when they are more. */
const usualGroups = 64

/**
 * What asks which groups the process at the other end is in beside its own (SO_PEERGROUPS, since Linux 4.13). It gives null
 * when the kernel refuses: errno says why.
 */
export function peerGroupsBy(libc: LibraryHandle): (fd: number) => readonly number[] | null {
  const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ uint32_t *, _Inout_ uint32_t *)')
  return fd => {
    const asked = (most: number): { groups: Uint32Array; length: number; result: number } => {
      const groups = new Uint32Array(most)
      const length = [groups.byteLength]
      const result = getsockopt(fd, solSocket, soPeerGroups, groups, length) as number
      return { groups, length: (length[0] ?? 0) / groups.BYTES_PER_ELEMENT, result }
    }
    const first = asked(usualGroups)
    // ERANGE, with the length that there must be.
    const { groups, length, result } =
      first.result < 0 && first.length > usualGroups ? asked(first.length) : first
    return result < 0 ? null : [...groups.subarray(0, length)]
  }
}
