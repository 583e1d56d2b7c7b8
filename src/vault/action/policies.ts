import type { Keyring } from '../../crypto/keyring.ts'
import type { Write } from '../../store/store.ts'
import type { Grant, Policy } from '../access/grants.ts'

/** All grants, the keys of rows that are damaged, and which state of them this is. */
export interface GrantsNow {
  readonly grants: readonly Grant[]
  readonly damaged: readonly string[]
  readonly state: number
}

/** Where the gate has from what it decides by. */
export interface Policies {
  grants(keyring: Keyring): Promise<GrantsNow>
  /** All grants, and whose boxes are. */
  current(keyring: Keyring): Promise<Policy>
  /** What `current` would give, or null while that must be read first. */
  known(): Policy | null
  /** Another number whenever a grant has come, changed or gone. */
  state(): number
  /** Told of what was committed, in the order of commits. */
  committed(keyring: Keyring, writes: readonly Write[]): void
  /** Told of a commit that failed: it may have been done all the same. */
  forget(): void
}
