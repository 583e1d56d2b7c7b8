import { expect, test } from 'vitest'
import { copyKeyOf } from '../../src/copies/copy-key.ts'
import { parseMountId, parseVolumeName } from '../../src/base/names.ts'
import type { ProcessIdentity } from '../../src/base/process-identity.ts'
import { createUses, type Uses } from '../../src/lifecycle/engine-calls.ts'
import { createTestClock } from '../kit/clock.ts'

const owner = { volume: parseVolumeName('db'), mount: parseMountId('a') }
const key = copyKeyOf(owner.volume, owner.mount)
const dockerd: ProcessIdentity = { pid: 7, started: '100' }

function begun(times = 1, clock = createTestClock()): Uses {
  const uses = createUses(clock)
  for (let i = 0; i < times; i++) uses.begin(key, owner, dockerd, i > 0)
  return uses
}

test('as many Unmounts as Mounts end the use of a copy, and each tells how it was before', () => {
  const uses = begun(2)
  const known = { ...owner, sinceMs: 0, engineProcess: dockerd }
  expect(uses.end(key, owner)).toEqual({ ...known, count: 2, isDoubtful: false })
  expect(uses.end(key, owner)).toEqual({ ...known, count: 1, isDoubtful: true })
  expect(uses.end(key, owner)).toEqual({ ...known, count: 0, isDoubtful: true })
})

test('an Unmount of what nobody heard of before puts it in doubt', () => {
  const uses = createUses(createTestClock())
  expect(uses.end(key, owner)).toBe(undefined)
  expect(uses.of(key)).toMatchObject({ count: 0, isDoubtful: true, engineProcess: null })
})

test('a Mount that makes a copy anew forgets how often the old one was mounted', () => {
  const uses = begun(3)
  uses.begin(key, owner, dockerd, false)
  expect(uses.end(key, owner)).toMatchObject({ count: 1, isDoubtful: false })
})

test('what an Unmount left is in doubt until it is trusted or forgotten', () => {
  for (const settle of [
    (uses: Uses) => uses.forget(key),
    (uses: Uses) => {
      const use = uses.of(key)
      if (use !== undefined) uses.trust(key, use)
    }
  ]) {
    const uses = begun(2)
    uses.end(key, owner)
    expect(uses.areDoubtful(Infinity)).toBe(true)
    settle(uses)
    expect(uses.areDoubtful(Infinity)).toBe(false)
  }
})

test('a doubt that came later is not taken away by a judgement about what was before', () => {
  const uses = begun(2)
  const before = uses.of(key)
  if (before === undefined) throw new Error('it has begun')
  uses.end(key, owner)
  uses.trust(key, before)
  expect(uses.areDoubtful(Infinity)).toBe(true)
})

test('a lost call puts every use in doubt', () => {
  const uses = begun()
  expect(uses.areDoubtful(Infinity)).toBe(false)
  uses.doubtAll()
  expect(uses.areDoubtful(Infinity)).toBe(true)
  expect(uses.end(key, owner)).toMatchObject({ count: 1, isDoubtful: true })
})

test('a use calls for a look when it began after the last one', () => {
  const clock = createTestClock()
  clock.pass(1)
  const uses = begun(1, clock)
  expect([uses.areDoubtful(0), uses.areDoubtful(1)]).toEqual([true, false])
})

test('a use counts for its volume until as many Unmounts came as Mounts', () => {
  const uses = begun()
  expect(uses.hasCounted(owner.volume)).toBe(true)
  expect(uses.hasCounted(parseVolumeName('other'))).toBe(false)
  uses.end(key, owner)
  expect(uses.hasCounted(owner.volume)).toBe(false)
})
