import type { Withdraw } from '../lifecycle/withdraw.ts'
import type { Chore } from './chores.ts'

/** Takes copies from containers that they are not for, until that is done. */
export function createWithdrawing(withdraw: Pick<Withdraw, 'isOwed' | 'again'>): Chore {
  return {
    name: 'withdraw copies',
    // What is owed is known at any time.
    expect: () => undefined,
    isDue: () => withdraw.isOwed(),
    run: () => withdraw.again()
  }
}
