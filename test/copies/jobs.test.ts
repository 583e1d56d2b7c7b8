import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { childrenOf } from '../kit/daemon-process.ts'
import { comesTo } from '../kit/eventually.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { contentsOf, newKey, newPlace, plain, type Place } from './place.ts'

const contents = contentsOf({ password: { file: 'x' } })

/** The processes that wait for jobs or do them; the first child of a supervisor looks. */
function workers({ supervisor }: Place): number[] {
  return childrenOf(supervisor.child.pid ?? 0).slice(1)
}

describe.skipIf(cannotMount)('jobs (takes root)', () => {
  test('that follow each other are done by one process, which waits for the next', async () => {
    const place = await newPlace()
    const first = workers(place)
    expect(first).toHaveLength(1)
    for (const key of [newKey(), newKey()]) {
      await place.copies.make(key, contents, plain)
      expect(await place.copies.wipe(key)).toBe(true)
    }
    expect(workers(place)).toEqual(first)
  })

  test('that come at once are done side by side, and one process stays', async () => {
    const place = await newPlace()
    const keys = Array.from({ length: 8 }, newKey)
    await Promise.all(keys.map(key => place.copies.make(key, contents, plain)))
    for (const key of keys) expect(readFileSync(`${place.copies.pathOf(key)}/password`, 'utf8')).toBe('x')
    await Promise.all(keys.map(key => place.copies.wipe(key)))
    await comesTo(() => workers(place).length === 1)
  })

  test('are done though the process that waited for them was killed', async () => {
    const place = await newPlace()
    const [waiting = 0] = workers(place)
    const key = newKey()
    process.kill(waiting, 'SIGKILL')
    await place.copies.make(key, contents, plain)
    expect(place.copies.deviceOf(key)).not.toBe(null)
    expect(workers(place)).not.toContain(waiting)
  })

  test('after one that failed are done by another process, and find nothing of it', async () => {
    const place = await newPlace()
    const [first = 0] = workers(place)
    const broken = {
      ...contents,
      read() {
        throw new Error('the store is away')
      }
    }
    const key = newKey()
    await expect(place.copies.make(key, broken, plain)).rejects.toThrow('the store is away')
    expect(place.copies.deviceOf(key)).toBe(null)
    await place.copies.make(key, contents, plain)
    expect(readFileSync(`${place.copies.pathOf(key)}/password`, 'utf8')).toBe('x')
    expect(workers(place)).not.toContain(first)
  })
})
