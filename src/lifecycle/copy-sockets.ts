import type { CopyKey } from '../copies/copy-key.ts'
import type { OwnedCopy } from './make-copy.ts'

/** The sockets of copies, at which containers ask for themselves. */
export interface CopySockets {
  /** Serves at the socket of a copy; at once when it does so already. Throws what `Copies.listen` throws. */
  open(copy: OwnedCopy): Promise<void>
  /** Serves there no more, and ends what is under way. */
  close(key: CopyKey): void
}
