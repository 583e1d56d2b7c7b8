import { randomBytes } from 'node:crypto'
import type { Connection } from './calls.ts'

/** Copies of one box, however they are made. */
export interface Copies {
  make: () => Promise<void>
  /** Wipes the one that was made last. */
  wipe: () => Promise<void>
}

/** Copies that the daemon makes for a volume, each under a new mount ID. */
export function daemonCopies(connection: Connection, volume: string): Copies {
  const ids: string[] = []
  return {
    async make() {
      const id = randomBytes(32).toString('hex')
      await connection.call('VolumeDriver.Mount', { Name: volume, ID: id })
      ids.push(id)
    },
    async wipe() {
      await connection.call('VolumeDriver.Unmount', { Name: volume, ID: ids.pop() ?? '' })
    }
  }
}

/** Makes or wipes `count` copies, one after another. */
export async function repeat(count: number, step: () => Promise<void>): Promise<void> {
  for (let done = 0; done < count; done++) await step()
}
