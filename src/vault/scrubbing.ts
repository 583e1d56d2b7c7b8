import { isSecretboxError, SecretboxError } from '../base/errors.ts'
import type { Store } from '../store/store.ts'

/** Sees to it that what was taken away is in no file of the store any more; `done`: what was, for who learns that this failed. */
export async function scrub(store: Store, done: string): Promise<void> {
  try {
    await store.scrub()
  } catch (error) {
    if (!isSecretboxError(error)) throw error
    throw new SecretboxError(
      error.code,
      `${done}, but traces of it may still lie in the store: ${error.message}`,
      {
        hint: 'they are overwritten in time, and when the daemon ends; make room on the disk if it is full',
        cause: error
      }
    )
  }
}
