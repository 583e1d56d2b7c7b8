import type { Sealing } from '../crypto/sealing.ts'
import type { Chore } from './chores.ts'

/**
 * Looks for the key while the vault is sealed: it may come at any time, and nobody may ask for anything then. `onTried` is
 * called after each try.
 */
export function createUnsealing(sealing: Pick<Sealing, 'isSealed' | 'keyring'>, onTried: () => void): Chore {
  return {
    name: 'look for the key',
    expect: () => undefined,
    isDue: () => sealing.isSealed(),
    async run() {
      // That it stays sealed is an answer, too; `status` and every call say why.
      await sealing.keyring().catch(() => null)
      onTried()
    }
  }
}
