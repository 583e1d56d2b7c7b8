import { reasonOf, SecretboxError } from '../base/errors.ts'

/** Memory for long-lived keys, which `lock` keeps out of swap. Throws `unavailable` where the kernel refuses. */
export function lockedMemory(lock: (length: number) => Uint8Array, length: number): Uint8Array {
  try {
    return lock(length)
  } catch (error) {
    throw new SecretboxError('unavailable', `cannot lock memory for its keys: ${reasonOf(error)}`, {
      hint: 'give the daemon the capability IPC_LOCK, or raise its limit of locked memory (ulimit -l)',
      cause: error
    })
  }
}
