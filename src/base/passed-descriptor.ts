import koffi from 'koffi'
import { SyscallError } from './syscall-error.ts'

/** An answer over a Unix socket, and the descriptor that came with it, for the caller to close; null when there came none. */
export interface PassedDescriptor {
  readonly answer: Buffer
  readonly descriptor: number | null
}

/**
 * Sends a message to whoever listens on a Unix socket, and waits for an answer of so many bytes and the descriptor with it
 * (unix(7), SCM_RIGHTS), which Node's own sockets drop. Null when the answer ended before, or did not come in time. Throws
 * `SyscallError` when nobody listens.
 */
export type AskForDescriptor = (
  path: string,
  message: Uint8Array,
  answerBytes: number,
  withinSeconds: number
) => Promise<PassedDescriptor | null>

/** socket(7), unix(7), recv(2). */
const unixStream = { family: 1, type: 1 | 0o2000000 } as const
const solSocket = 1
const soReceiveTimeout = 20
const noSignal = 0x4000
const waitForAll = 0x100
const closeOnExec = 0x4000_0000
/** cmsg(3): its length, its level and its type, here SCM_RIGHTS, come before the descriptor. */
const passedRights = { length: 20, level: solSocket, type: 1 } as const
/** `struct sockaddr_un`. */
const longestPath = 107

/*
 * Where things lie in the memory that recvmsg(2) is given: a `struct msghdr`, its one `struct iovec`, a control message, and
 * the answer. All machines that secretbox runs on lay them out alike: 64 bits, the lower end first.
 */
const place = { vector: 64, control: 80, controlBytes: 24, answer: 128 } as const

/** Binds the calls to the C library that the process runs on. */
export function loadAskForDescriptor(): AskForDescriptor {
  const libc = koffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const connect = libc.func('int connect(int, const uint8_t *, uint32_t)')
  const setsockopt = libc.func('int setsockopt(int, int, int, const int64_t *, uint32_t)')
  const send = libc.func('intptr_t send(int, const uint8_t *, size_t, int)')
  const recvmsg = libc.func('intptr_t recvmsg(int, intptr_t, int)')
  const close = libc.func('int close(int)')

  const check = (syscall: string, result: number | bigint): number => {
    if (result < 0) throw new SyscallError(syscall, koffi.errno())
    return Number(result)
  }

  /** On a thread of its own: the answer may take as long as a job. */
  const receive = async (fd: number, answerBytes: number): Promise<PassedDescriptor | null> => {
    const length = place.answer + answerBytes
    const memory = koffi.alloc('uint8_t', length) as unknown
    try {
      const address = koffi.address(memory)
      const view = Buffer.from(koffi.view(memory, length))
      view.fill(0)
      view.writeBigUInt64LE(address + BigInt(place.vector), 16)
      view.writeBigUInt64LE(1n, 24)
      view.writeBigUInt64LE(address + BigInt(place.control), 32)
      view.writeBigUInt64LE(BigInt(place.controlBytes), 40)
      view.writeBigUInt64LE(address + BigInt(place.answer), place.vector)
      view.writeBigUInt64LE(BigInt(answerBytes), place.vector + 8)
      const received = await new Promise<number>((resolve, reject) => {
        recvmsg.async(
          fd,
          address,
          waitForAll | closeOnExec,
          (error: Error | null, result: number | bigint) =>
            error === null ? resolve(Number(result)) : reject(error)
        )
      })
      const descriptor = descriptorIn(view)
      if (received === answerBytes) return { answer: Buffer.from(view.subarray(place.answer)), descriptor }
      if (descriptor !== null) close(descriptor)
      return null
    } finally {
      koffi.free(memory)
    }
  }

  return async (path, message, answerBytes, withinSeconds) => {
    const address = addressOf(path)
    const fd = check('socket', socket(unixStream.family, unixStream.type, 0) as number)
    try {
      check('connect', connect(fd, address, address.length) as number)
      const time = BigInt64Array.of(BigInt(withinSeconds), 0n)
      check('setsockopt', setsockopt(fd, solSocket, soReceiveTimeout, time, time.byteLength) as number)
      const sent = send(fd, message, message.length, noSignal) as number | bigint
      return Number(sent) === message.length ? await receive(fd, answerBytes) : null
    } finally {
      close(fd)
    }
  }
}

function addressOf(path: string): Buffer {
  const bytes = Buffer.from(path)
  if (bytes.length > longestPath) throw new SyscallError('connect', koffi.os.errno['ENAMETOOLONG'] ?? 0)
  return Buffer.concat([Buffer.of(unixStream.family, 0), bytes, Buffer.of(0)])
}

function descriptorIn(view: Buffer): number | null {
  const { length, level, type } = passedRights
  const isPassed =
    Number(view.readBigUInt64LE(place.control)) === length &&
    view.readInt32LE(place.control + 8) === level &&
    view.readInt32LE(place.control + 12) === type
  return isPassed ? view.readInt32LE(place.control + 16) : null
}
