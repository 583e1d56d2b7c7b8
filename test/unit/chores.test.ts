import pino from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { createChoreLoop, lookEveryMs, type Chore, type ChoreLoop } from '../../src/controller/chores.ts'
import { createReconciling } from '../../src/controller/reconciling.ts'
import { createUnsealing } from '../../src/controller/unsealing.ts'
import { createTestClock, type TestClock } from '../kit/clock.ts'

/** A chore that counts how often it was done. It is due when it is expected; what it does may be set. */
interface Counting extends Chore {
  done: number
  work: () => Promise<void>
}

function counting(name = 'count'): Counting {
  let isExpected = false
  const chore: Counting = {
    ...{ name, done: 0, work: () => Promise.resolve() },
    expect() {
      isExpected = true
    },
    isDue: () => isExpected,
    async run() {
      isExpected = false
      chore.done++
      await chore.work()
    }
  }
  return chore
}

function looping(chores: readonly Chore[]): {
  loop: ChoreLoop
  clock: TestClock
  lines: string[]
  begin: () => void
} {
  const [clock, lines]: [TestClock, string[]] = [createTestClock(), []]
  const log = pino({ base: null }, { write: line => void lines.push(line) })
  const loop = createChoreLoop(chores, { clock, log })
  return {
    ...{ loop, clock, lines },
    begin: () => {
      const ending = new AbortController()
      const ended = loop.keepOn(ending.signal)
      onTestFinished(() => {
        ending.abort()
        return ended
      })
    }
  }
}

/** Lets what waits for nothing but other code go on. */
async function idle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('what is due is done at a look, and what is not is left', async () => {
  const [due, other] = [counting(), counting()]
  const { loop } = looping([due, other])
  due.expect()
  await loop.look()
  await loop.look()
  expect([due.done, other.done]).toEqual([1, 0])
})

test('each is looked at every two seconds, until the end', async () => {
  const chore = counting()
  const { loop, clock } = looping([chore])
  const ending = new AbortController()
  const ended = loop.keepOn(ending.signal)
  chore.expect()
  clock.pass(lookEveryMs - 1)
  await idle()
  expect(chore.done).toBe(0)
  clock.pass(1)
  await idle()
  expect(chore.done).toBe(1)
  chore.expect()
  ending.abort()
  await ended
  expect(chore.done).toBe(1)
})

test('one that takes long keeps no other waiting, and does not run twice at the same time', async () => {
  const [slow, quick] = [counting(), counting()]
  const { loop, clock, begin } = looping([slow, quick])
  begin()
  const going = Promise.withResolvers<undefined>()
  slow.work = () => going.promise
  for (let i = 1; i <= 3; i++) {
    slow.expect()
    quick.expect()
    clock.pass(lookEveryMs)
    await idle()
    expect([slow.done, quick.done]).toEqual([1, i])
  }
  const looked = loop.look()
  slow.work = () => Promise.resolve()
  going.resolve(undefined)
  await looked
  expect(slow.done).toBe(2)
})

test('what is asked for while it is done is done right after', async () => {
  const chore = counting()
  const { loop } = looping([chore])
  chore.expect()
  let again = Promise.resolve()
  chore.work = () => {
    if (chore.done === 1) {
      chore.expect()
      again = loop.look()
    }
    return Promise.resolve()
  }
  await loop.look()
  await again
  expect(chore.done).toBe(2)
})

test('one that fails is told of, and expected again', async () => {
  const chore = counting('sweep')
  const { loop, lines } = looping([chore])
  chore.expect()
  chore.work = () => Promise.reject(new Error('no broom'))
  await loop.look()
  expect(lines.join('')).toContain('"msg":"cannot sweep"')
  chore.work = () => Promise.resolve()
  await loop.look()
  expect(chore.done).toBe(2)
})

test('a pass of reconciliation is due until all is settled, for what is new or in doubt, and for copies that nobody tells of', async () => {
  const now = { isSettled: true, isAttached: true, isDoubtful: false, isTold: true, copies: [] as never[] }
  const chore = createReconciling({
    reconcile: () => Promise.resolve({ findings: [], isSettled: now.isSettled }),
    attach: () => Promise.resolve(now.isAttached),
    uses: { areDoubtful: () => now.isDoubtful },
    copies: { list: () => Promise.resolve(now.copies) },
    isTold: () => now.isTold,
    clock: createTestClock()
  })
  const isDueAfter = async (changes: Partial<typeof now>): Promise<boolean> => {
    Object.assign(now, changes)
    await chore.run()
    return chore.isDue(0)
  }
  expect(await chore.isDue(0)).toBe(true)
  expect(await isDueAfter({})).toBe(false)
  expect(await isDueAfter({ isSettled: false })).toBe(true)
  expect(await isDueAfter({ isSettled: true, isAttached: false })).toBe(true)
  expect(await isDueAfter({ isAttached: true, isDoubtful: true })).toBe(true)
  expect(await isDueAfter({ isDoubtful: false, isTold: false })).toBe(false)
  expect(await isDueAfter({ copies: ['0'.repeat(32)] as never[] })).toBe(true)
  expect(await isDueAfter({ isTold: true })).toBe(false)
  chore.expect()
  expect(await chore.isDue(0)).toBe(true)
})

test('the key is looked for while the vault is sealed, and each try is told of', async () => {
  let isSealed = true
  let tries = 0
  const sealing = {
    isSealed: () => isSealed,
    keyring: () => (isSealed ? Promise.reject(new Error('sealed')) : Promise.resolve({} as never))
  }
  const chore = createUnsealing(sealing, () => {
    tries++
  })
  expect(await chore.isDue(0)).toBe(true)
  await chore.run()
  expect(tries).toBe(1)
  // Somebody has unsealed it: what waited for that is told once.
  isSealed = false
  expect(await chore.isDue(0)).toBe(true)
  await chore.run()
  expect(tries).toBe(2)
  expect(await chore.isDue(0)).toBe(false)
})
