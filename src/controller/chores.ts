import type { Logger } from 'pino'
import { coalesce } from '../base/coalesce.ts'
import type { Clock } from '../base/clock.ts'

/** Something that is to be done again and again, whenever it is due. */
export interface Chore {
  /** For the log. */
  readonly name: string
  /** There may be something to do now, whatever was found before. */
  expect(): void
  /** Whether it is to be done now. It is asked often, and must cost little. `nowMs`: by the clock that passes. */
  isDue(nowMs: number): boolean | Promise<boolean>
  /** Does it. Never runs twice at the same time. It notes by itself what is left to be done; after a throw it is expected again. */
  run(): Promise<void>
}

/** The one loop of the daemon. */
export interface ChoreLoop {
  /** Does now what is due now, or right after what is under way. Resolves when that is done. */
  look(): Promise<void>
  /** Looks at each chore every two seconds until `signal` aborts, which resolves. None waits for another. */
  keepOn(signal: AbortSignal): Promise<void>
}

/** Twice within the 5 s that a lost Unmount may take. */
export const lookEveryMs = 2000

export function createChoreLoop(
  chores: readonly Chore[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger }
): ChoreLoop {
  const looks = chores.map(chore =>
    coalesce(async () => {
      try {
        if (await chore.isDue(clock.nowMs())) await chore.run()
      } catch (err) {
        chore.expect()
        log.error({ err }, `cannot ${chore.name}`)
      }
    })
  )
  return {
    async look() {
      await Promise.all(looks.map(look => look()))
    },
    async keepOn(signal) {
      const keepOne = async (look: () => Promise<void>): Promise<void> => {
        for (;;) {
          await clock.wait(lookEveryMs, signal)
          if (signal.aborted) return
          await look()
        }
      }
      await Promise.all(looks.map(keepOne))
    }
  }
}
