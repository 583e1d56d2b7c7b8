import type { Copies } from '../copies/copies.ts'
import type { Clock } from '../base/clock.ts'
import type { Uses } from '../lifecycle/engine-calls.ts'
import type { Reconcile } from '../lifecycle/reconcile.ts'
import type { Chore } from './chores.ts'

export interface ReconcilingParts {
  readonly reconcile: Reconcile
  /** Notes which containers hold the copies; false when it must be tried again. */
  readonly attach: () => Promise<boolean>
  readonly uses: Pick<Uses, 'areDoubtful'>
  readonly copies: Pick<Copies, 'list'>
  /** Whether the Engine tells of what happens to containers. */
  readonly isTold: () => boolean
  readonly clock: Pick<Clock, 'nowMs'>
}

/**
 * Passes of reconciliation: when something ended or was left undone, a call was lost, a copy is new, or nobody tells of
 * events while there are copies.
 */
export function createReconciling(parts: ReconcilingParts): Chore {
  let isExpected = true
  let lastPassMs = 0
  return {
    name: 'reconcile',
    expect() {
      isExpected = true
    },
    async isDue() {
      if (isExpected || parts.uses.areDoubtful(lastPassMs)) return true
      return !parts.isTold() && (await parts.copies.list()).length > 0
    },
    async run() {
      isExpected = false
      lastPassMs = parts.clock.nowMs()
      const { isSettled } = await parts.reconcile({ kind: 'daemon' }, true)
      const isAttached = await parts.attach()
      if (!isSettled || !isAttached) isExpected = true
    }
  }
}
