import type { Clock } from '../../src/base/clock.ts'
import { eventually } from './eventually.ts'

/** A clock that goes on when the test says so. */
export interface TestClock extends Clock {
  /** Lets so much time pass: what waits for it goes on. */
  pass(ms: number): void
  /** Lets the time pass, as fast as what goes on in it can follow, until it holds; rejects when it never does. */
  passUntil(holds: () => boolean | Promise<boolean>): Promise<void>
}

export function createTestClock(): TestClock {
  const waiting = new Set<{ readonly dueMs: number; readonly go: () => void }>()
  let passedMs = 0
  const clock: TestClock = {
    nowMs: () => passedMs,
    // Not only when the test says so: what records other things has the clock on the wall.
    dateMs: () => Date.now() + passedMs,
    wait: (ms, signal) =>
      new Promise(resolve => {
        const one = {
          dueMs: passedMs + ms,
          go: () => {
            waiting.delete(one)
            resolve()
          }
        }
        waiting.add(one)
        if (signal.aborted) one.go()
        signal.addEventListener('abort', () => one.go(), { once: true })
      }),
    pass(ms) {
      passedMs += ms
      for (const one of [...waiting]) if (one.dueMs <= passedMs) one.go()
    },
    async passUntil(holds) {
      const came = await eventually(async () => {
        if (await holds()) return true
        clock.pass(1000)
        return null
      })
      if (came === null) throw new Error('it did not come to that')
    }
  }
  return clock
}
