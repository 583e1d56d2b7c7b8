import { expect, test } from 'vitest'
import { copyKeyOf } from '../../src/copies/copy-key.ts'
import { parseMountId, parseVolumeName } from '../../src/base/names.ts'
import type { Container } from '../../src/engine/engine.ts'
import { decideMount, decideRelease } from '../../src/lifecycle/decide.ts'
import { wordOfEngine } from '../../src/lifecycle/engine-word.ts'
import type { Facts, Look, Observe } from '../../src/lifecycle/facts.ts'
import { createKept } from '../../src/lifecycle/kept.ts'
import { createReconcile, type ReconcileParts } from '../../src/lifecycle/reconcile.ts'
import { settle } from '../../src/lifecycle/settle.ts'
import { idleContainer, silentEngine } from '../copies/engines.ts'
import { createTestClock } from '../kit/clock.ts'

const owner = { volume: parseVolumeName('db'), mount: parseMountId('a') }
const known: Facts = {
  ...{ key: copyKeyOf(owner.volume, owner.mount), owner, use: undefined, row: null },
  ...{ look: null, hasEnded: null }
}

/** What is asked about a copy of which a look says this, in order. */
async function asked(
  look: Look,
  decide: Parameters<typeof settle>[1],
  facts: Facts = known
): Promise<string[]> {
  const questions: string[] = []
  const observe = {
    look: <F extends Facts>(all: readonly F[]) => {
      questions.push('kernel')
      return Promise.resolve(all.map(one => ({ ...one, look })))
    }
  }
  const hasEnded = (): Promise<boolean> => {
    questions.push('Engine')
    return Promise.resolve(false)
  }
  await settle(facts, decide, observe, { hasEnded })
  return questions
}

const holder = { containerId: 'c'.repeat(64), pid: null }

test('the kernel is asked once, and the Engine only about what the kernel cannot say', async () => {
  const mount: Parameters<typeof settle>[1] = facts => decideMount(facts, null)
  for (const decide of [mount, decideRelease]) {
    expect(await asked({ here: [], apart: null, isComplete: true }, decide)).toEqual(['kernel'])
    expect(await asked({ here: [holder], apart: null, isComplete: false }, decide)).toEqual(['kernel'])
    expect(await asked({ here: null, apart: null, isComplete: false }, decide)).toEqual(['kernel'])
    expect(await asked({ here: [], apart: null, isComplete: false }, decide)).toEqual(['kernel', 'Engine'])
  }
})

test('an Unmount that is certain by its own count asks no Engine', async () => {
  const look: Look = { here: [], apart: null, isComplete: false }
  expect(await asked(look, decideRelease, { ...known, hasEnded: true })).toEqual(['kernel'])
})

const stateOf = (state: string): Container => idleContainer({ id: state, state })

test('the Engine is asked for the same thing once, and its silence is no word that anything has ended', async () => {
  let lists = 0
  const engine = {
    ...silentEngine(),
    containers: () => {
      lists++
      return Promise.resolve([stateOf('running'), stateOf('created')])
    },
    isLocked: (id: string) => Promise.resolve(id === 'created')
  }
  const word = wordOfEngine(engine)
  expect(await Promise.all([word.hasEnded(owner.volume), word.hasEnded(owner.volume)])).toEqual([
    false,
    false
  ])
  expect(lists).toBe(1)
  expect(await Promise.all([word.isStarting(owner.volume), word.isStarting(owner.volume)])).toEqual([
    true,
    true
  ])
  expect(lists).toBe(2)
  expect(await word.hasEnded(null)).toBe(false)
  const silent = wordOfEngine(silentEngine())
  expect([await silent.hasEnded(owner.volume), await silent.isStarting(owner.volume)]).toEqual([false, null])
  const idle = wordOfEngine({ ...silentEngine(), containers: () => Promise.resolve([stateOf('exited')]) })
  expect(await idle.hasEnded(owner.volume)).toBe(true)
})

test('in a pass the end is asked for after the last look, also of a volume of which starts are asked', async () => {
  const asked: string[] = []
  const named = (mount: string, count: number): Facts => {
    const one = { ...owner, mount: parseMountId(mount) }
    const use = { ...one, count, sinceMs: 0, engineProcess: null, isDoubtful: true }
    return { ...known, key: copyKeyOf(one.volume, one.mount), owner: one, use }
  }
  // The Engine has let go of the first, and may be about to start with the second.
  const all = [named('a', 0), named('b', 1)]
  const observe: Observe = {
    one: () => known,
    all: () => Promise.resolve({ facts: all, isAll: true }),
    look: facts => {
      asked.push('kernel')
      const look: Look = { here: [], apart: null, isComplete: false }
      return Promise.resolve(facts.map(one => ({ ...one, look })))
    }
  }
  const engine = {
    ...silentEngine(),
    containers: () => {
      asked.push('Engine')
      return Promise.resolve([])
    }
  }
  const parts = { observe, engine, kept: createKept(), clock: createTestClock(), graceMs: 0 }
  await createReconcile({ ...({} as ReconcileParts), ...parts })({ kind: 'daemon' }, false)
  expect(asked).toEqual(['kernel', 'Engine', 'kernel', 'Engine'])
})
