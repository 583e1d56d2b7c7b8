import { isSecretboxError, SecretboxError } from '../errors.ts'
import type { Change } from '../store/store.ts'
import type { Subject } from './authority.ts'
import type { Permit } from './gate.ts'

/** What is to be committed, as an action's own read of the store made it, and what to answer once it is. */
export interface Attempt<T> {
  readonly answer: T
  readonly subject: Subject
  /** Null: there is nothing to do. */
  readonly changes: readonly Change[] | null
}

/** Each lost attempt is one that someone else won, so that only a fault of ours comes near to this. */
const maxAttempts = 1000

/**
 * Prepares and commits, and does both again whenever another commit came in between. Only a `conflict` of the
 * commit leads to another attempt; what `prepare` throws is thrown.
 */
export async function commitAttempt<T>(permit: Permit, prepare: () => Promise<Attempt<T>>): Promise<T> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const { answer, subject, changes } = await prepare()
    if (changes === null) return answer
    try {
      await permit.commit(subject, changes)
      return answer
    } catch (error) {
      if (!isSecretboxError(error, 'conflict')) throw error
    }
  }
  throw new SecretboxError('conflict', `gave up after ${maxAttempts} attempts: others change the same thing`)
}
