import type { Clock } from '../base/clock.ts'
import { internalError, isSecretboxError, quote, SecretboxError, type ErrorCode } from '../base/errors.ts'
import type { VolumeName } from '../base/names.ts'
import { Denial } from '../vault/access/denial.ts'
import type { Granting } from '../vault/granting.ts'
import type { Vault } from '../vault/vault.ts'

/** How the error of every refused Mount begins. The Engine notes it on the container: `failed-starts.ts` knows it by this. */
export function refusalOf(volume: string): string {
  return `cannot mount volume ${quote(volume)}: `
}

/** The refusal of a call that came without a body, as the Engine sends one again whose answer was lost (Engine fact 1). */
export function refusalOfEmpty(call: string): string {
  return `bad request ${call}: the body is empty, it must be JSON`
}

/** What somebody may do about a refused Mount. */
type Change = 'box' | 'grant'

/**
 * What a refused Mount waits for, by its cause. `time`: the key, room on the disk or in memory, the part of the
 * system that does not serve, may be there a moment later. `box`: nothing helps but another box or another version of
 * it, or a store that is put right, and then this daemon begins anew. `grant`: that a container may use it, which is not
 * for the volume's others to wait for.
 */
const waitsFor: Readonly<Record<ErrorCode, 'time' | Change>> = {
  sealed: 'time',
  full: 'time',
  unavailable: 'time',
  internal: 'time',
  conflict: 'time',
  in_use: 'time',
  too_many: 'time',
  not_found: 'box',
  invalid: 'box',
  too_large: 'box',
  damaged: 'box',
  denied: 'grant',
  exists: 'box',
  precondition: 'box'
}

/** The most denied containers that are remembered. */
const mostDenied = 1000

/** The Mounts that this process refused, the newest of each volume: what really was, whatever anybody writes about it. */
export interface Refusals {
  /** The time now, for `refuse`. */
  nowMs(): number
  /**
   * Notes that a Mount fails that began at a time, and gives the error that says so. What changed since it began it may not have
   * seen: that it waits for has come.
   */
  refuse(volume: VolumeName, cause: unknown, begunMs?: number): SecretboxError
  /** The volume was mounted. */
  forget(volume: VolumeName): void
  /** A box was made or changed, or what is granted was: what waited for that may go better now. */
  changed(...what: readonly Change[]): void
  /** Whether the volume's Mount was refused since that moment. */
  wasRefusedSince(volume: string, sinceMs: number): boolean
  /** What the volume waits for is a box: `missing` until one has changed since it was refused, then `come`. Null: it does not. */
  boxFor(volume: string): 'missing' | 'come' | null
  /** The same of a container that may not use a box, and what is granted. */
  grantFor(containerId: string): 'missing' | 'come' | null
  /** When the last Mount was refused, or something changed that Mounts wait for. */
  newestMs(): number
}

/** What the methods take and give of times is of the same clock. */
export function createRefusals({ nowMs }: Pick<Clock, 'nowMs'>): Refusals {
  const newest = new Map<string, { readonly code: ErrorCode; readonly ms: number }>()
  /** When containers were denied what they may not use, by their IDs. */
  const denied = new Map<string, number>()
  const changedMs: Record<Change, number> = { box: -Infinity, grant: -Infinity }
  let newestMs = -Infinity

  return {
    nowMs,
    refuse(volume, cause, begunMs = nowMs()) {
      const error = refusal(volume, cause)
      newestMs = nowMs()
      newest.set(volume, { code: error.code, ms: begunMs })
      // Another container of the volume may be the one that may use it.
      if (cause instanceof Denial) for (const id of cause.containers) denied.set(id, begunMs)
      for (const id of denied.keys()) if (denied.size > mostDenied) denied.delete(id)
      return error
    },
    forget: volume => void newest.delete(volume),
    changed(...what) {
      newestMs = nowMs()
      for (const one of what) changedMs[one] = newestMs
    },
    wasRefusedSince: (volume, sinceMs) => (newest.get(volume)?.ms ?? -Infinity) >= sinceMs,
    boxFor(volume) {
      const last = newest.get(volume)
      if (last === undefined || waitsFor[last.code] !== 'box') return null
      return last.ms > changedMs.box ? 'missing' : 'come'
    },
    grantFor(containerId) {
      const deniedMs = denied.get(containerId)
      if (deniedMs === undefined) return null
      return deniedMs > changedMs.grant ? 'missing' : 'come'
    },
    newestMs: () => newestMs
  }
}

/** The same vault, which tells when a box was made or changed: one that is new, or has a new name, may be open to all. */
export function tellingOfChanges(vault: Vault, changed: Refusals['changed']): Vault {
  const telling = async <T>(done: Promise<T>, ...what: readonly Change[]): Promise<T> => {
    const answer = await done
    changed(...what)
    return answer
  }
  return {
    ...vault,
    create: (...asked) => telling(vault.create(...asked), 'box', 'grant'),
    rename: (...asked) => telling(vault.rename(...asked), 'box', 'grant'),
    change: (...asked) => telling(vault.change(...asked), 'box'),
    rollback: (...asked) => telling(vault.rollback(...asked), 'box')
  }
}

/** The same for what is granted. */
export function tellingOfGrants(granting: Granting, changed: Refusals['changed']): Granting {
  return {
    ...granting,
    async grant(...asked) {
      const made = await granting.grant(...asked)
      changed('grant')
      return made
    }
  }
}

function refusal(volume: VolumeName, cause: unknown): SecretboxError {
  if (!isSecretboxError(cause)) return internalError(refusalOf(volume), cause)
  return new SecretboxError(cause.code, refusalOf(volume) + cause.message, {
    cause,
    ...(cause.hint === undefined ? {} : { hint: cause.hint })
  })
}
