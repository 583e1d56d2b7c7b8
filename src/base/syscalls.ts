import { closeSync, readFileSync } from 'node:fs'
import koffi from 'koffi'
import { peerCredentialsBy, peerGroupsBy, type PeerCredentials } from './peer-credentials.ts'
import { SyscallError } from './syscall-error.ts'

/** mmap(2), madvise(2). */
const protReadWrite = 3
const mapPrivateAnonymous = 0x22
const madviseDontDump = 16
const pageBytes = 4096
/** socket(7), unix(7). */
const solSocket = 1
const soPeerPidfd = 77
/** prctl(2). */
const prSetDumpable = 4
/** setrlimit(2). */
const rlimitCore = 4

/** The few system calls that Node has no function for. Each throws `SyscallError` when the kernel refuses. */
export interface Syscalls {
  /** The process at the other end of a connected Unix socket, as the kernel noted it at connect time (SO_PEERCRED). */
  peerOf(fd: number): PeerCredentials
  /**
   * Whether the process that connected to a Unix socket is there still, and so is the only one with its pid (SO_PEERPIDFD,
   * Linux 6.5). Null on a kernel that does not tell.
   */
  isPeerThere(fd: number): boolean | null
  /** The groups that this process is in beside its `gid`, noted likewise (SO_PEERGROUPS). */
  groupsOf(fd: number): readonly number[]
  /** A second descriptor of the same open file, for the caller to close (dup(2)). */
  dup(fd: number): number
  /** No core dump of this process, and no ptrace by others than root. */
  forbidDumps(): void
  /**
   * Zeroed memory for long-lived keys, kept out of swap and core dumps, never given back. Locking a few pages
   * instead of the whole process: V8 gives pages back with madvise(2), which locked memory refuses.
   */
  lockedBytes(length: number): Uint8Array
}

/** Binds the calls to the C library that the process runs on. */
export function loadSyscalls(): Syscalls {
  const libc = koffi.load(null)
  const credentialsOf = peerCredentialsBy(libc)
  const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ int32_t *, _Inout_ uint32_t *)')
  const groupsOf = peerGroupsBy(libc)
  const dup = libc.func('int dup(int)')
  const prctl = libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)')
  const setrlimit = libc.func('int setrlimit(int, const uint64_t *)')
  const mmap = libc.func('intptr_t mmap(intptr_t, size_t, int, int, int, int64_t)')
  const munmap = libc.func('int munmap(intptr_t, size_t)')
  const mlock = libc.func('int mlock(intptr_t, size_t)')
  const madvise = libc.func('int madvise(intptr_t, size_t, int)')

  const check = (syscall: string, result: number): void => {
    if (result < 0) throw new SyscallError(syscall, koffi.errno())
  }
  return {
    peerOf(fd) {
      const credentials = credentialsOf(fd)
      if (credentials === null) throw new SyscallError('getsockopt', koffi.errno())
      return credentials
    },

    isPeerThere(fd) {
      const pidfd = new Int32Array(1)
      if ((getsockopt(fd, solSocket, soPeerPidfd, pidfd, [pidfd.byteLength]) as number) < 0)
        return koffi.errno() === koffi.os.errno['ENOPROTOOPT'] ? null : false
      const [descriptor = -1] = pidfd
      try {
        // pidfd_open(2): -1 once it was waited for.
        return /^Pid:\t[1-9]/m.test(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))
      } finally {
        closeSync(descriptor)
      }
    },

    groupsOf(fd) {
      const groups = groupsOf(fd)
      if (groups === null) throw new SyscallError('getsockopt', koffi.errno())
      return groups
    },

    dup(fd) {
      const copy = dup(fd) as number
      check('dup', copy)
      return copy
    },

    forbidDumps() {
      check('prctl', prctl(prSetDumpable, 0, 0, 0, 0) as number)
      check('setrlimit', setrlimit(rlimitCore, new BigUint64Array(2)) as number)
    },

    lockedBytes(length) {
      const size = Math.ceil(length / pageBytes) * pageBytes
      const address = mmap(0, size, protReadWrite, mapPrivateAnonymous, -1, 0) as number | bigint
      check('mmap', Number(address))
      try {
        check('mlock', mlock(address, size) as number)
        check('madvise', madvise(address, size, madviseDontDump) as number)
      } catch (error) {
        munmap(address, size)
        throw error
      }
      return new Uint8Array(koffi.view(BigInt(address), size), 0, length)
    }
  }
}
