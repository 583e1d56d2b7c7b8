import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Engine } from '../engine/engine.ts'
import type { Sealing } from '../vault/sealing.ts'
import type { Copies } from './copies.ts'
import { sharingRuns } from './fresh.ts'
import { isHeld, type Reconcile } from './reconcile.ts'
import { startFailedContainers } from './restart.ts'
import type { Volumes } from './volumes.ts'

export interface WatchParts {
  readonly engine: Engine
  readonly reconcile: Reconcile
  readonly attach: () => Promise<void>
  readonly volumes: Volumes
  readonly copies: Copies
  readonly sealing: Sealing
  readonly log: Logger
  /** Start containers whose volume could not be mounted, once it can. */
  readonly startFailed: boolean
}

/** How often copies are looked at while something is in doubt: twice within the 5 s that a lost Unmount may take. */
const lookEveryMs = 2000
/** How soon a broken event stream is opened again. */
const reopenAfterMs = 1000

/**
 * Keeps copies and containers in step for as long as the daemon runs: once at start, whenever the Engine's event
 * stream opens or breaks, and every two seconds while a doubt remains (no event stream, a container that just started
 * or ended, a copy that was let go of but is held, a sealed vault). Resolves when `signal` aborts.
 */
export async function watchCopies(parts: WatchParts, signal: AbortSignal): Promise<void> {
  const { engine, log, volumes } = parts
  let streamIsOpen = false
  let inDoubt = true
  let lastPassMs = 0
  const isEnding = (): boolean => signal.aborted
  /** Until it was seen, unsealed and with an Engine that answers, that no container waits for us. */
  let startsPending = parts.startFailed

  const startFailed = async (): Promise<void> => {
    try {
      await startFailedContainers({ engine, volumes, log })
    } catch (err) {
      startsPending = true
      log.warn({ err }, 'cannot start the containers whose volumes could not be mounted before')
    }
  }

  const pass = sharingRuns(async () => {
    inDoubt = false
    lastPassMs = performance.now()
    try {
      const findings = await parts.reconcile({ kind: 'daemon' }, true)
      if (findings.some(finding => finding.action === 'keep' && !isHeld(finding))) inDoubt = true
      await parts.attach()
      if (await isSealed(parts.sealing)) startsPending = parts.startFailed
      else if (startsPending && streamIsOpen) {
        startsPending = false
        // Not awaited: a start takes as long as it takes, and reconciling must go on meanwhile.
        void startFailed()
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
            // What ends gets its Unmount, unless that is lost.
            else inDoubt = true
          },
          () => {
            streamIsOpen = true
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

  const isWorthALook = async (): Promise<boolean> => {
    if (inDoubt || parts.sealing.isSealed() || volumes.leaving.size > 0) return true
    if ([...volumes.uses.values()].some(({ since }) => since > lastPassMs)) return true
    try {
      return !streamIsOpen && (await parts.copies.list()).length > 0
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
