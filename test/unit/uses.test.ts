import { expect, test } from 'vitest'
import { copyKeyOf } from '../../src/copies/copy-key.ts'
import { parseMountId, parseVolumeName } from '../../src/base/names.ts'
import type { ProcessIdentity } from '../../src/base/process-identity.ts'
import { createUses, type Uses } from '../../src/lifecycle/engine-calls.ts'

const owner = { volume: parseVolumeName('db'), mount: parseMountId('a') }
const key = copyKeyOf(owner.volume, owner.mount)
const dockerd: ProcessIdentity = { pid: 7, started: '100' }
const nextDockerd: ProcessIdentity = { pid: 7, started: '200' }

function begun(times = 1): Uses {
  const uses = createUses()
  for (let i = 0; i < times; i++) uses.begin(key, owner, dockerd, i > 0)
  return uses
}

test('as many Unmounts as Mounts end the use of a copy', () => {
  const uses = begun(2)
  expect([uses.end(key, owner).isLast, uses.end(key, owner).isLast]).toEqual([false, true])
})

test('an Unmount of what nobody heard of before is the last one', () => {
  expect(createUses().end(key, owner)).toEqual({ isLast: true, isCertain: false })
})

test('a Mount that makes a copy anew forgets how often the old one was mounted', () => {
  const uses = begun(3)
  uses.begin(key, owner, dockerd, false)
  expect(uses.end(key, owner)).toEqual({ isLast: true, isCertain: true })
})

test('a Mount is a repeated one if the same process asks again and no Unmount came between', () => {
  const uses = begun()
  expect([dockerd, nextDockerd, null].map(engineProcess => uses.isRepeated(key, engineProcess))).toEqual([
    true,
    false,
    false
  ])
  uses.begin(key, owner, dockerd, true)
  uses.end(key, owner)
  expect(uses.isRepeated(key, dockerd)).toBe(false)
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
  expect(uses.isRepeated(key, dockerd)).toBe(false)
})

test('a use calls for a look when it began after the last one', () => {
  const before = performance.now() - 1
  const uses = begun()
  expect([uses.areDoubtful(before), uses.areDoubtful(performance.now() + 1)]).toEqual([true, false])
})

test('that the last use has ended is certain only when no call was lost and no doubt is left', () => {
  const shared = begun(2)
  shared.end(key, owner)
  expect(shared.end(key, owner)).toEqual({ isLast: true, isCertain: false })
  const lost = begun()
  lost.doubtAll()
  expect(lost.end(key, owner)).toEqual({ isLast: true, isCertain: false })
})

test('a use counts for its volume until as many Unmounts came as Mounts', () => {
  const uses = begun()
  expect(uses.hasCounted(owner.volume)).toBe(true)
  expect(uses.hasCounted(parseVolumeName('other'))).toBe(false)
  uses.end(key, owner)
  expect(uses.hasCounted(owner.volume)).toBe(false)
})
