import { expect, test } from 'vitest'
import { parseMountId, parseVolumeName } from '../../src/vault/names.ts'
import type { Asker } from '../../src/volumes/asker.ts'
import { createUses, type Uses } from '../../src/volumes/uses.ts'

const [id, volume] = [parseMountId('a'), parseVolumeName('db')]
const dockerd: Asker = { pid: 7, started: '100' }
const nextDockerd: Asker = { pid: 7, started: '200' }

function begun(times = 1): Uses {
  const uses = createUses()
  for (let i = 0; i < times; i++) uses.begin(id, volume, dockerd, i > 0)
  return uses
}

test('as many Unmounts as Mounts end the use of a copy', () => {
  const uses = begun(2)
  expect([uses.end(id, volume), uses.end(id, volume)]).toEqual([false, true])
})

test('an Unmount of what nobody heard of before is the last one', () => {
  expect(createUses().end(id, volume)).toBe(true)
})

test('a Mount that makes a copy anew forgets how often the old one was mounted', () => {
  const uses = begun(3)
  uses.begin(id, volume, dockerd, false)
  expect(uses.end(id, volume)).toBe(true)
})

test('a Mount is a repeated one if the same process asks again and no Unmount came between', () => {
  const uses = begun()
  expect([dockerd, nextDockerd, null].map(asker => uses.isRepeated(id, asker))).toEqual([true, false, false])
  uses.begin(id, volume, dockerd, true)
  uses.end(id, volume)
  expect(uses.isRepeated(id, dockerd)).toBe(false)
})

test('what an Unmount left is in doubt until it is trusted or forgotten', () => {
  for (const settle of [
    (uses: Uses) => uses.forget(id),
    (uses: Uses) => {
      const use = uses.of(id)
      if (use !== undefined) uses.trust(id, use)
    }
  ]) {
    const uses = begun(2)
    uses.end(id, volume)
    expect(uses.callForALook(Infinity)).toBe(true)
    settle(uses)
    expect(uses.callForALook(Infinity)).toBe(false)
  }
})

test('a doubt that came later is not taken away by a judgement about what was before', () => {
  const uses = begun(2)
  const before = uses.of(id)
  if (before === undefined) throw new Error('it has begun')
  uses.end(id, volume)
  uses.trust(id, before)
  expect(uses.callForALook(Infinity)).toBe(true)
})

test('a lost call puts every use in doubt', () => {
  const uses = begun()
  expect(uses.callForALook(Infinity)).toBe(false)
  uses.doubtAll()
  expect(uses.callForALook(Infinity)).toBe(true)
  expect(uses.isRepeated(id, dockerd)).toBe(false)
})

test('a use calls for a look when it began after the last one', () => {
  const before = performance.now() - 1
  const uses = begun()
  expect([uses.callForALook(before), uses.callForALook(performance.now() + 1)]).toEqual([true, false])
})
