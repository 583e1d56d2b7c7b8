import type { Logger } from 'pino'
import type { Clock } from '../base/clock.ts'
import type { EngineEvent, Engine } from '../engine/engine.ts'

/** The Engine's events, as long as it tells them. */
export interface EventStream {
  isOpen(): boolean
  /** Follows them, again and again, until `signal` aborts, which resolves. */
  follow(signal: AbortSignal): Promise<void>
}

/** How soon a broken event stream is opened again. */
const reopenAfterMs = 1000

export function createEventStream(
  parts: { readonly engine: Pick<Engine, 'follow'>; readonly clock: Clock; readonly log: Logger },
  tell: {
    readonly onEvent: (event: EngineEvent) => void
    readonly onOpen: () => void
    /** One that was open is no more. */
    readonly onBroken: () => void
  }
): EventStream {
  let isOpen = false
  return {
    isOpen: () => isOpen,
    async follow(signal) {
      while (!signal.aborted) {
        const opened = (): void => {
          isOpen = true
          tell.onOpen()
        }
        await parts.engine.follow(tell.onEvent, opened, signal).catch((err: unknown) => {
          parts.log.debug({ err }, 'no event stream of the engine')
        })
        const wasOpen = isOpen
        isOpen = false
        if (wasOpen) tell.onBroken()
        await parts.clock.wait(reopenAfterMs, signal)
      }
    }
  }
}
