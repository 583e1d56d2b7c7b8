import type { Action, Details } from '../access/actions.ts'
import type { Caller } from '../access/authority.ts'

/**
 * Shells ask for names at each press of a key. What is asked again for the same thing within this time is not recorded
 * again; contents always are, and denials.
 */
const repeatMs = 10 * 60_000
const mostRemembered = 1000

/** Which completions were asked for before, by the same caller for the same thing, so that they need not be recorded again. */
export function createRepetitions(): (caller: Caller, action: Action, details: Details) => boolean {
  const asked = new Map<string, number>()
  return (caller, action, { box }) => {
    if (caller.kind !== 'user' || caller.purpose !== 'completion') return false
    if (action !== 'box.list' && action !== 'box.inspect') return false
    const key = JSON.stringify([caller.uid, action, box])
    const now = performance.now()
    if (now - (asked.get(key) ?? -Infinity) < repeatMs) return true
    if (asked.size >= mostRemembered) asked.clear()
    asked.set(key, now)
    return false
  }
}
