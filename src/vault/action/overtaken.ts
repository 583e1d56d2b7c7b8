import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import type { Write } from '../../store/store.ts'
import type { Details } from '../access/actions.ts'
import type { Permit } from './permit.ts'

/** What was read does not fit together, or was not the newest, since another commit came in between. */
export class Overtaken extends SecretboxError {
  constructor(cause?: unknown) {
    super('conflict', 'others changed the same thing meanwhile', { cause })
    this.name = 'Overtaken'
  }
}

/** Whoever is overtaken was so by somebody who was not, so that only a fault of ours comes near to this. */
const maxAttempts = 1000

/** Does the work, and does it again whenever it was overtaken. */
export async function untilNotOvertaken<T>(work: () => Promise<T>): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Overtaken) || number === maxAttempts) throw error
    }
  }
}

/** What is to be committed, as an action's own read of the store made it, and what to answer once it is. */
export interface Prepared<T> {
  readonly answer: T
  readonly details: Details
  /** Null: there is nothing to do. */
  readonly writes: readonly Write[] | null
}

/** Prepares and commits, and does both again whenever another commit came in between. */
export function commitPrepared<T>(permit: Permit, prepare: () => Promise<Prepared<T>>): Promise<T> {
  return untilNotOvertaken(async () => {
    const { answer, details, writes } = await prepare()
    if (writes === null) return answer
    try {
      await permit.commit(details, writes)
      return answer
    } catch (error) {
      throw isSecretboxError(error, 'conflict') ? new Overtaken(error) : error
    }
  })
}
