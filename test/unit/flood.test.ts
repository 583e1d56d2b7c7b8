import { expect, test } from 'vitest'
import { createCrowds } from '../../src/http/transport/crowd.ts'
import { createFlood } from '../../src/vault/action/flood.ts'

/** How many are recorded of so many that come at once, and how many those stand for. */
function sent(admit: () => number, count: number): { recorded: number; told: number } {
  const stands = Array.from({ length: count }, admit)
  return {
    recorded: stands.filter(each => each > 0).length,
    told: stands.reduce((sum, each) => sum + each, 0)
  }
}

test('what strangers and each person fill the audit with is bounded, and what is more is counted', () => {
  let now = 0
  const flood = createFlood(() => now)
  expect(sent(() => flood.admit(null), 1000)).toEqual({ recorded: 100, told: 100 })
  expect(sent(() => flood.admit(1), 1000)).toEqual({ recorded: 300, told: 300 })
  // Another is not silenced by that, nor is a stranger by a person.
  expect(sent(() => flood.admit(2), 10)).toEqual({ recorded: 10, told: 10 })
  now += 6000
  expect(flood.admit(null)).toBe(901)
  expect([flood.admit(1), flood.admit(1), flood.admit(1), flood.admit(1)]).toEqual([701, 1, 1, 0])
})

test('what must be recorded is done so often and no more', () => {
  let now = 0
  const flood = createFlood(() => now)
  const done = (uid: number, count: number): number =>
    Array.from({ length: count }, () => flood.mayDo(uid)).filter(Boolean).length
  expect([done(1, 2000), done(2, 10)]).toEqual([1000, 10])
  now += 1000
  expect(done(1, 100)).toBe(10)
})

test('thousands of uids are one beyond some', () => {
  const flood = createFlood(() => 0)
  for (let uid = 1; uid <= 1000; uid++) flood.admit(uid)
  expect(Array.from({ length: 5000 }, (_, i) => flood.admit(2000 + i)).filter(each => each > 0).length).toBe(
    300
  )
})

test('a crowd keeps out its own alone, whatever number of uids it has', () => {
  const crowds = createCrowds({ named: { perUid: 2, all: 3 }, stranger: { perUid: 2, all: 4 } })
  const entered = (kind: 'named' | 'stranger', ...uids: number[]): boolean[] =>
    uids.map(uid => crowds(kind).enter(uid) !== null)
  expect(entered('stranger', 1, 1, 1, 2, 3, 4, 5)).toEqual([true, true, false, true, true, false, false])
  expect(entered('named', 9, 9, 9, 8, 7, 0)).toEqual([true, true, false, true, false, true])
  const leave = crowds('named').enter(0)
  leave?.()
  const again = createCrowds({ one: { perUid: 1, all: 1 } })('one')
  again.enter(1)?.()
  expect(again.enter(2)).not.toBe(null)
})
