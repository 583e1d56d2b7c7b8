import { describe, expect, test } from 'vitest'
import { coalesce } from '../../src/base/coalesce.ts'
import { createKeyedMutex } from '../../src/base/keyed-mutex.ts'

/** Work that ends when it is told to. */
function gate(): { open: () => void; wait: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  return { open: () => resolve(undefined), wait: promise }
}

describe('a lock', () => {
  test('lets work under one name run one after another, in the order of asking', async () => {
    const locks = createKeyedMutex()
    const first = gate()
    const order: string[] = []
    const runs = [
      locks.run('a', async () => {
        order.push('1 begins')
        await first.wait
        order.push('1 ends')
      }),
      locks.run('a', () => Promise.resolve(order.push('2'))),
      locks.run('a', () => Promise.resolve(order.push('3')))
    ]
    await locks.run('b', () => Promise.resolve(order.push('b')))
    expect(order).toEqual(['1 begins', 'b'])
    first.open()
    await Promise.all(runs)
    expect(order).toEqual(['1 begins', 'b', '1 ends', '2', '3'])
  })

  test('is free again after work that failed, and passes the failure and the result on', async () => {
    const locks = createKeyedMutex()
    const failed = locks.run('a', () => Promise.reject(new Error('midway')))
    const next = locks.run('a', () => Promise.resolve('next'))
    await expect(failed).rejects.toThrow('midway')
    expect(await next).toBe('next')
  })
})

describe('shared runs', () => {
  test('calls during a run share the next one, so that no answer is older than its question', async () => {
    const gates = [gate(), gate(), gate()]
    let begun = 0
    const ask = coalesce(async () => {
      const run = begun++
      await gates[run]?.wait
      return run
    })
    const first = ask()
    await Promise.resolve()
    await Promise.resolve()
    expect(begun).toBe(1)
    const [second, third] = [ask(), ask()]
    for (const { open } of gates) open()
    expect(await Promise.all([first, second, third])).toEqual([0, 1, 1])
    expect(await ask()).toBe(2)
    expect(begun).toBe(3)
  })

  test('a run that fails does so for those who share it alone', async () => {
    let begun = 0
    const ask = coalesce(() => (++begun === 1 ? Promise.reject(new Error('once')) : Promise.resolve(begun)))
    await expect(ask()).rejects.toThrow('once')
    expect(await ask()).toBe(2)
  })
})
