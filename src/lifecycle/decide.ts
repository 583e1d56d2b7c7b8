import type { Holder } from '../copies/holders.ts'
import { isSameProcess, type ProcessIdentity } from '../base/process-identity.ts'
import type { CopyRecord } from '../volumes/records.ts'
import type { Use } from './engine-calls.ts'
import { recordOf, type Facts, type Look } from './facts.ts'
import { graceOf, mountedJustNow, type PassFacts } from './grace.ts'

/*
 * What becomes of a copy. Nothing here asks anybody, waits or changes anything: facts in, a decision out, and whoever calls
 * obeys. A decision for which a fact is missing says which one it needs.
 *
 * That nobody was found to hold a copy counts only when every mount namespace was looked at, or with other evidence. What is
 * not certain never leads to a wipe.
 */

/** A fact that must be asked for first: the kernel's look, or the Engine's word on the end of the use or on starts. */
export interface Need {
  readonly need: 'look' | 'end' | 'start'
}

/** What a Mount does. */
export type MountDecision =
  | { readonly do: 'share' }
  | {
      readonly do: 'make'
      /** What is there, or is recorded, is released before; what is known of the end of its use. */
      readonly releases: { readonly hasEnded: boolean } | null
      /** The record of the copy that a container holds, or may hold, where it cannot be reached: what is made is its twin. */
      readonly twinOf: CopyRecord | null
    }

/** `engineProcess`: who asks for the copy. */
export function decideMount(facts: Facts, engineProcess: ProcessIdentity | null): MountDecision | Need {
  const { look } = facts
  if (look === null) return { need: 'look' }
  const { here, apart } = look
  if (here !== null && (isHeld(here) || isRepeated(facts.use, engineProcess))) return { do: 'share' }
  const isFree = isFreeForCertain(facts, look)
  if (isFree === null) return { need: 'end' }
  // What cannot be seen may be there: then a copy is not another start's to replace.
  if (here !== null && !isFree) return { do: 'share' }
  const record = recordOf(facts)
  return {
    do: 'make',
    // Whoever a copy of this ID was made for is gone, and this is another start of the container.
    releases: here !== null || record !== null ? { hasEnded: isFree } : null,
    twinOf: apart !== null && (isHeld(apart) || !isFree) ? record : null
  }
}

/** What an Unmount does. */
export type UnmountDecision =
  | { readonly do: 'keep'; readonly why: 'counted' }
  | { readonly do: 'release'; readonly hasEnded: boolean | null }

/** `use`: as it was before this Unmount. */
export function decideUnmount(use: Use | undefined): UnmountDecision {
  if (use !== undefined && use.count > 1) return { do: 'keep', why: 'counted' }
  // This process heard of every Mount and Unmount; otherwise only the Engine knows.
  const heardAll = use?.count === 1 && !use.isDoubtful
  return { do: 'release', hasEnded: heardAll ? true : null }
}

/** What becomes of a copy that is to go unless something holds it. */
export type ReleaseDecision =
  | { readonly do: 'keep'; readonly why: 'held' | 'unclear' }
  /** `stays`: the record is that of a copy which a container holds where it cannot be reached. */
  | { readonly do: 'wipe'; readonly record: 'goes' | 'stays' | 'none' }

export function decideRelease(facts: Facts): ReleaseDecision | Need {
  const { look, row } = facts
  if (look === null) return { need: 'look' }
  if (isHeld(look.here)) return { do: 'keep', why: 'held' }
  const isFree = isFreeForCertain(facts, look)
  if (isFree === null) return { need: 'end' }
  if (!isFree) return { do: 'keep', why: 'unclear' }
  return { do: 'wipe', record: isHeld(look.apart) ? 'stays' : row === null ? 'none' : 'goes' }
}

/** What one pass of reconciliation finds about a copy; the reason is for people. */
export type Judgement =
  | { readonly action: 'keep'; readonly why: 'held' | 'grace' | 'unclear'; readonly reason: string }
  | { readonly action: 'wipe' | 'forget'; readonly reason: string }

/** `graceMs`: see `graceOf`. */
export function decideReconcile(facts: PassFacts, graceMs: number): Judgement | Need {
  const { look } = facts
  if (look === null) return { need: 'look' }
  const { here, apart } = look
  if (isHeld(here)) return { action: 'keep', why: 'held', reason: `held by ${namesOf(here)}` }
  if (here !== null) {
    const grace = needsGrace(facts, graceMs)
    if (typeof grace === 'object' && grace !== null) return grace
    if (grace !== null) return { action: 'keep', why: 'grace', reason: grace }
  } else if (isHeld(apart)) {
    const reason = `held by ${namesOf(apart)}, where it cannot be reached any more`
    return { action: 'keep', why: 'held', reason }
  }
  const isFree = isFreeForCertain(facts, look)
  if (isFree === null) return { need: 'end' }
  if (!isFree) return { action: 'keep', why: 'unclear', reason: unclear }
  return here === null
    ? { action: 'forget', reason: 'nothing is mounted' }
    : { action: 'wipe', reason: 'nobody holds it' }
}

const unclear = 'not every mount table can be read, and the engine does not say that its container has ended'

/** Whether a use that is in doubt is certain again: whoever holds the copy will be heard of when it ends. */
export function decideTrust(facts: Facts, running: ReadonlySet<string | null>): boolean {
  const { use } = facts
  const held = holdersSeen(facts)
  if (use?.isDoubtful !== true || held.length === 0) return false
  return use.count > 0 || held.some(({ containerId }) => running.has(containerId))
}

/** Who holds the copy, here or where it cannot be reached. */
export function holdersSeen({ look }: Facts): readonly Holder[] {
  return look === null ? [] : [...(look.here ?? []), ...(look.apart ?? [])]
}

/** True when the Mount of `engineProcess` repeats one whose reply was lost: the same process asked before, and no Unmount came. */
function isRepeated(use: Use | undefined, engineProcess: ProcessIdentity | null): boolean {
  return (
    use !== undefined && use.count > 0 && !use.isDoubtful && isSameProcess(use.engineProcess, engineProcess)
  )
}

/**
 * Whether those that were not found to hold the copy are not there; null: nobody has said it yet. It is so without a look
 * when there is no file system to be held.
 */
function isFreeForCertain({ hasEnded }: Facts, { here, apart, isComplete }: Look): boolean | null {
  return isComplete || (here === null && apart === null) ? true : hasEnded
}

function isHeld(holders: readonly Holder[] | null): boolean {
  return holders !== null && holders.length > 0
}

/** The grace of a copy that nobody was found to hold. The Engine has let go of it itself: then there is none. */
function needsGrace(facts: PassFacts, graceMs: number): string | null | Need {
  const { use, start, isLookSecond } = facts
  if (use?.count === 0) return null
  if (start === null) return isLookSecond ? mountedJustNow : { need: 'start' }
  // The container may have started while the Engine was asked.
  return isLookSecond ? graceOf(facts, start, graceMs) : { need: 'look' }
}

function namesOf(holders: readonly Holder[] | null): string {
  const names = new Set(
    holders?.map(
      ({ containerId, pid }) =>
        containerId?.slice(0, 12) ?? (pid === null ? 'a mount namespace' : `process ${pid}`)
    )
  )
  return [...names].join(', ')
}
