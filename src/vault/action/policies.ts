import type { Keyring } from '../../crypto/keyring.ts'
import type { Write } from '../../store/store.ts'
import type { Grant, Policy } from '../access/grants.ts'

/** Where the gate has from what it decides by. */
export interface Policies {
  /** All grants, and the keys of rows that are damaged. */
  grants(
    keyring: Keyring
  ): Promise<{ readonly grants: readonly Grant[]; readonly damaged: readonly string[] }>
  /** All grants, and whose boxes are. */
  current(keyring: Keyring): Promise<Policy>
  /** Told of what was committed, in the order of commits. */
  committed(keyring: Keyring, writes: readonly Write[]): void
  /** Told of a commit that failed: it may have been done all the same. */
  forget(): void
}
