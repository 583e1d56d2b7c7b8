import type { Logger } from 'pino'
import type { Clock } from '../base/clock.ts'
import type { Sealing } from '../crypto/keyslots/sealing.ts'
import type { Engine, EngineEvent } from '../engine/engine.ts'
import type { VolumeName } from '../base/names.ts'
import type { Withdraw } from '../lifecycle/withdraw.ts'
import { createChoreLoop, type Chore } from './chores.ts'
import { createDanglingVolumes, type DanglingVolumesParts } from './dangling-volumes.ts'
import { createEventStream } from './event-stream.ts'
import { createReconciling, type ReconcilingParts } from './reconciling.ts'
import { createReopening, type ReopeningParts } from './reopening.ts'
import { createUnsealing } from './unsealing.ts'
import { createWithdrawing } from './withdrawing.ts'

export interface WatchParts
  extends Omit<ReconcilingParts, 'isTold' | 'copies'>, DanglingVolumesParts, Omit<ReopeningParts, 'copies'> {
  readonly engine: Engine
  readonly copies: ReconcilingParts['copies'] & ReopeningParts['copies']
  readonly sealing: Sealing
  /** Null when such containers are to be left alone. */
  readonly failedStarts: Chore | null
  readonly withdraw: Omit<Withdraw, 'from'>
  readonly clock: Clock
  readonly log: Logger
}

type MountEvent = EngineEvent & { readonly kind: 'mount' }

/**
 * Keeps copies and containers in step for as long as the daemon runs: the chores, and what the Engine's events say of them.
 * Resolves when `signal` aborts.
 */
export async function watchCopies(parts: WatchParts, signal: AbortSignal): Promise<void> {
  const { sealing, log } = parts
  const look = (): void => void loop.look()
  const expect = (...chores: readonly (Chore | null)[]): void => {
    for (const chore of chores) chore?.expect()
  }

  /** At once, beside whatever chore is under way. */
  const nameHolders = async (): Promise<void> => {
    try {
      if (!(await parts.attach())) expect(reconciling)
    } catch (err) {
      log.warn({ err }, 'cannot attach')
    }
  }

  const mountedFor = async ({ volume, containerId, atMs }: MountEvent): Promise<void> => {
    try {
      await parts.withdraw.mountedFor(volume as VolumeName, containerId, atMs)
    } catch (err) {
      log.warn({ err }, 'cannot tell whether a copy came to a container that may use its box')
    }
  }

  const stream = createEventStream(parts, {
    onOpen() {
      expect(reconciling, failedStarts, danglingVolumes)
      look()
    },
    onBroken() {
      expect(reconciling)
      look()
    },
    onEvent(event) {
      if (event.kind === 'mount') {
        void mountedFor(event)
        return
      }
      const { action } = event
      // `start` comes when the container's own mounts exist.
      if (action === 'start') void nameHolders()
      // Whoever it was that had such a volume, and whatever labels it had: anybody may write these.
      else if (action === 'destroy') expect(danglingVolumes)
      // What ends gets its Unmount, unless that is lost.
      else expect(reconciling)
    }
  })

  /** A chore that needs the Engine and the key. What it is about may have left a copy, too. */
  const withAll = (chore: Chore): Chore => ({
    ...chore,
    isDue: nowMs => stream.isOpen() && !sealing.isSealed() && chore.isDue(nowMs),
    run() {
      expect(reconciling)
      return chore.run()
    }
  })
  const reconciling = createReconciling({ ...parts, isTold: () => stream.isOpen() })
  const failedStarts = parts.failedStarts && withAll(parts.failedStarts)
  const danglingVolumes = withAll(createDanglingVolumes(parts))
  const unsealing = createUnsealing(sealing, () => {
    expect(reconciling, failedStarts)
    if (!sealing.isSealed()) look()
  })
  const chores = [
    reconciling,
    createReopening(parts),
    unsealing,
    danglingVolumes,
    createWithdrawing(parts.withdraw),
    ...(failedStarts === null ? [] : [failedStarts])
  ]
  const loop = createChoreLoop(chores, parts)

  await loop.look()
  await Promise.all([stream.follow(signal), loop.keepOn(signal)])
}
