import koffi from 'koffi'

const errnoNames = new Map(Object.entries(koffi.os.errno).map(([name, errno]) => [errno, name]))

/** A system call that failed: `code` is the errno's name, as in Node's own errors. */
export class SyscallError extends Error {
  readonly code: string
  readonly syscall: string

  constructor(syscall: string, errno: number) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`
    super(`${syscall}: ${code}`)
    this.name = 'SyscallError'
    this.code = code
    this.syscall = syscall
  }
}
