import type { Sealing } from '../crypto/keyslots/sealing.ts'
import type { Chore } from './chores.ts'

/**
 * Looks for the key while the vault is sealed: it may come at any time, and nobody may ask for anything then. `onTried` is
 * called after each try, and when somebody has unsealed the vault.
 */
export function createUnsealing(sealing: Pick<Sealing, 'isSealed' | 'keyring'>, onTried: () => void): Chore {
  let wasSealed = false
  return {
    name: 'look for the key',
    expect: () => undefined,
    isDue: () => sealing.isSealed() || wasSealed,
    async run() {
      // That it stays sealed is an answer, too; `status` and every call say why.
      await sealing.keyring().catch(() => null)
      wasSealed = sealing.isSealed()
      onTried()
    }
  }
}
