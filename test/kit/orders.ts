import { ensureDir } from 'fs-extra/esm'
import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { untilIn, type FaultPoint, type JobPoint } from '../../src/base/fault-points.ts'

/** What the daemon is to do at a fault point. */
export type Order = 'kill' | 'throw' | 'wait'

/** The orders given to a daemon that was built with fault points. */
export interface Orders {
  give(point: FaultPoint | JobPoint, order: Order): Promise<void>
  /** Resolves when the daemon has come to the point. Rejects when `until` settles before it does, or after two minutes. */
  reached(point: FaultPoint | JobPoint, until?: Promise<unknown>): Promise<void>
  /** Lets a daemon that waits at the point go on. */
  release(point: FaultPoint | JobPoint): Promise<void>
  /** The job that has come to the point. */
  jobAt(point: JobPoint): Promise<number>
  /** Takes all orders back. */
  clear(): Promise<void>
}

const reachedWithinMs = 120_000

/** Orders in `directory`, which the daemon knows as SECRETBOX_FAULTS. */
export async function ordersIn(directory: string): Promise<Orders> {
  await ensureDir(directory)
  return {
    async give(point, order) {
      // Whole or not at all: a daemon that comes by would read an empty order, and wait.
      await writeFile(join(directory, `${point}.new`), order)
      await rename(join(directory, `${point}.new`), join(directory, point))
    },

    async reached(point, until = new Promise(() => undefined)) {
      const wasReached = (): boolean => existsSync(join(directory, `${point}.reached`))
      const ending = new AbortController()
      const tooLate = delay(reachedWithinMs, 'two minutes have passed', {
        signal: ending.signal,
        ref: false
      })
      const missed = Promise.race([until, tooLate])
        .catch((error: unknown) => error)
        .then(outcome => {
          if (!wasReached()) throw new Error(`${point} was not reached: ${String(outcome)}`)
        })
      try {
        await Promise.race([untilIn(directory, wasReached, ending.signal), missed])
      } finally {
        ending.abort()
      }
    },

    release: point => rm(join(directory, point), { force: true }),

    jobAt: async point => Number(await readFile(join(directory, `${point}.reached`), 'utf8')),

    async clear() {
      for (const name of await readdir(directory)) await rm(join(directory, name), { force: true })
    }
  }
}
