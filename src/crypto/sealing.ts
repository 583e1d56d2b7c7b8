import { SecretboxError } from '../base/errors.ts'
import { createKeyring, type Keyring } from './keyring.ts'
import { openRootKey, type KeyslotParts } from './keyslots.ts'

/** Whether the vault has its root key, and the keys while it has. */
export interface Sealing {
  /** The keys; opens the vault first when the key file has come. Throws `sealed` with the reason. */
  keyring(): Promise<Keyring>
  isSealed(): boolean
  /** Why the vault is sealed, for people; null when it is not. */
  reason(): string | null
  /** Zeroes the keys; used when the daemon ends. */
  wipe(): void
}

/**
 * Starts sealed; the first call of `keyring` that finds a good key file opens the vault. `onOpen` is done then, before
 * anybody else has the keys.
 */
export function createSealing(
  parts: KeyslotParts,
  storeId: string,
  onOpen: (keyring: Keyring) => Promise<unknown> = () => Promise.resolve()
): Sealing {
  let open: Keyring | null = null
  let why = 'the vault is sealed: its key was not read yet'
  let opening: Promise<Keyring> | null = null

  const unseal = async (): Promise<Keyring> => {
    try {
      const rootKey = await openRootKey(parts, storeId)
      try {
        const keyring = createKeyring({ ...parts, rootKey, storeId })
        await onOpen(keyring)
        open = keyring
        return open
      } finally {
        rootKey.wipe()
      }
    } catch (error) {
      if (!(error instanceof SecretboxError)) throw error
      why = error.code === 'sealed' ? error.message : `the vault is sealed: ${error.message}`
      throw new SecretboxError('sealed', why, error.hint === undefined ? {} : { hint: error.hint })
    } finally {
      opening = null
    }
  }

  return {
    async keyring() {
      // One that is under way may have read what lay there before: who asks now wants what lies there now.
      await opening?.catch(() => undefined)
      return open ?? (opening ??= unseal())
    },
    isSealed: () => open === null,
    reason: () => (open === null ? why : null),
    wipe() {
      open?.wipe()
      open = null
    }
  }
}
