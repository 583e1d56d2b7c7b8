import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import { coalesce } from '../base/coalesce.ts'
import type { Engine } from '../engine/engine.ts'
import type { Sealing } from '../crypto/sealing.ts'
import type { FailedStarts } from './failed-starts.ts'
import type { DanglingVolumes } from './dangling-volumes.ts'
import type { Reconcile } from '../lifecycle/reconcile.ts'
import type { Uses } from '../lifecycle/engine-calls.ts'

export interface WatchParts {
  readonly engine: Engine
  readonly reconcile: Reconcile
  readonly attach: () => Promise<void>
  readonly uses: Uses
  readonly copies: Copies
  readonly sealing: Sealing
  /** Null when such containers are to be left alone. */
  readonly failedStarts: FailedStarts | null
  readonly danglingVolumes: DanglingVolumes
  readonly log: Logger
}

/** How often copies are looked at while something is in doubt: twice within the 5 s that a lost Unmount may take. */
const lookEveryMs = 2000
/** How soon a broken event stream is opened again. */
const reopenAfterMs = 1000

/**
 * Keeps copies and containers in step for as long as the daemon runs: once at start, whenever the Engine's event
 * stream opens or breaks, and every two seconds while something is in doubt (see `isWorthALook`). Resolves when
 * `signal` aborts.
 */
export async function watchCopies(parts: WatchParts, signal: AbortSignal): Promise<void> {
  const { engine, uses, failedStarts, danglingVolumes, log } = parts
  let streamIsOpen = false
  let inDoubt = true
  let lastPassMs = 0
  const isEnding = (): boolean => signal.aborted

  const pass = coalesce(async () => {
    inDoubt = false
    lastPassMs = performance.now()
    try {
      const { isSettled } = await parts.reconcile({ kind: 'daemon' }, true)
      if (!isSettled) inDoubt = true
      await parts.attach()
      if (await isSealed(parts.sealing)) failedStarts?.expect()
      // Not awaited: what the Engine does takes as long as it takes, and reconciling must go on meanwhile.
      else if (streamIsOpen) {
        if (failedStarts?.areExpected() === true) void failedStarts.startAgain()
        if (danglingVolumes.areExpected()) void danglingVolumes.remove()
      }
    } catch (err) {
      inDoubt = true
      log.error({ err }, 'cannot reconcile')
    }
  })

  /** True when the stream was open. */
  const closeStream = (): boolean => {
    const wasOpen = streamIsOpen
    streamIsOpen = false
    return wasOpen
  }

  const follow = async (): Promise<void> => {
    while (!isEnding()) {
      try {
        await engine.follow(
          event => {
            // `start` comes when the container's own mounts exist.
            if (event.action === 'start')
              void parts.attach().catch((err: unknown) => log.warn({ err }, 'cannot attach'))
            // Whoever it was that had such a volume, and whatever labels it had: anybody may write these.
            else if (event.action === 'destroy') danglingVolumes.expect()
            // What ends gets its Unmount, unless that is lost.
            else inDoubt = true
          },
          () => {
            streamIsOpen = true
            failedStarts?.expect()
            danglingVolumes.expect()
            void pass()
          },
          signal
        )
      } catch (err) {
        log.debug({ err }, 'no event stream of the engine')
      }
      if (closeStream()) void pass()
      await quietly(delay(reopenAfterMs, undefined, { signal, ref: false }))
    }
  }

  /**
   * Something ended or was left undone, a call was lost, a copy is new, nobody tells of events, the key may have come,
   * or the Engine could not do what it was asked for.
   */
  const isWorthALook = async (): Promise<boolean> => {
    if (inDoubt || uses.areDoubtful(lastPassMs) || parts.sealing.isSealed()) return true
    if (streamIsOpen) return failedStarts?.areExpected() === true || danglingVolumes.areExpected()
    try {
      return (await parts.copies.list()).length > 0
    } catch {
      // The pass meets the same trouble, and logs it.
      return true
    }
  }

  const look = async (): Promise<void> => {
    while (!isEnding()) {
      await quietly(delay(lookEveryMs, undefined, { signal, ref: false }))
      if (!isEnding() && (await isWorthALook())) await pass()
    }
  }

  await pass()
  await Promise.all([follow(), look()])
}

async function isSealed(sealing: Sealing): Promise<boolean> {
  await quietly(sealing.keyring())
  return sealing.isSealed()
}

async function quietly(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch {
    // An aborted wait and a vault that stays sealed are both answers here.
  }
}
