import { describe, expect, test } from 'vitest'
import { copyKeyOf } from '../../src/copies/copy-key.ts'
import type { Holder } from '../../src/copies/holders.ts'
import { parseBoxName, parseMountId, parseVolumeName } from '../../src/base/names.ts'
import type { ProcessIdentity } from '../../src/base/process-identity.ts'
import {
  decideMount,
  decideReconcile,
  decideRelease,
  decideTrust,
  decideUnmount,
  type Judgement,
  type MountDecision,
  type Need,
  type ReleaseDecision
} from '../../src/lifecycle/decide.ts'
import type { Use } from '../../src/lifecycle/engine-calls.ts'
import type { Facts, Look } from '../../src/lifecycle/facts.ts'
import { lastUseMs, lingerMs, ownUseMs, type PassFacts, type StartWord } from '../../src/lifecycle/grace.ts'
import type { CopyRecord, CopyRow } from '../../src/volumes/records.ts'

const owner = { volume: parseVolumeName('db'), mount: parseMountId('a'.repeat(64)) }
const key = copyKeyOf(owner.volume, owner.mount)
const dockerd: ProcessIdentity = { pid: 7, started: '100' }
const nextDockerd: ProcessIdentity = { pid: 7, started: '200' }
const container: Holder = { containerId: 'c'.repeat(64), pid: 1 }
const program: Holder = { containerId: null, pid: 2 }
const graceMs = 45_000
const now = { ms: 1_000_000, dateMs: Date.parse('2026-01-01T00:00:00Z') }

/** When a copy was made, as moments that each limit divides; and one before any. */
const agesMs = [0, lastUseMs, ownUseMs, graceMs] as const

function recordOfAge(ageMs: number): CopyRecord {
  const created = new Date(now.dateMs - ageMs).toISOString()
  return {
    ...{ ...owner, box: parseBoxName('db'), version: 1, created, container: null, madeFor: null },
    device: { number: 50, boot: 'this' }
  }
}

function useOf(
  count: number,
  isDoubtful: boolean,
  ageMs = 0,
  engineProcess: Use['engineProcess'] = dockerd
): Use {
  return { ...owner, count, isDoubtful, sinceMs: now.ms - ageMs, engineProcess }
}

/** Every combination of one value for each name. */
function* combinations<T extends object>(values: { readonly [K in keyof T]: readonly T[K][] }): Generator<T> {
  const names = Object.keys(values) as (keyof T)[]
  const [name, ...others] = names
  if (name === undefined) {
    yield {} as T
    return
  }
  const rest = Object.fromEntries(others.map(other => [other, values[other]])) as typeof values
  for (const value of values[name]) for (const more of combinations(rest)) yield { [name]: value, ...more }
}

const holders: readonly (readonly Holder[] | null)[] = [null, [], [container], [program]]
const looksWith = (held: typeof holders): readonly (Look | null)[] => [
  null,
  ...combinations<Look>({ here: held, apart: held, isComplete: [true, false] })
]
const uses: readonly (Use | undefined)[] = [
  undefined,
  ...[0, 1, 2].flatMap(count =>
    [true, false].flatMap(isDoubtful =>
      agesMs.flatMap(ageMs =>
        [dockerd, nextDockerd, null].map(engineProcess => useOf(count, isDoubtful, ageMs, engineProcess))
      )
    )
  )
]
const rows: readonly (CopyRow | 'unread' | null)[] = [
  null,
  'unread',
  { ...owner, record: null },
  ...agesMs.map(ageMs => ({ ...owner, record: recordOfAge(ageMs) }))
]
const words: readonly (boolean | null)[] = [null, true, false]

/** Every combination of facts that may be known of a copy. What is out of reach was recorded: it cannot be without a record. */
function* allFacts(): Generator<Facts> {
  const all = combinations<Pick<Facts, 'owner' | 'use' | 'row' | 'look' | 'hasEnded'>>({
    owner: [owner, null],
    use: uses,
    row: rows,
    look: looksWith(holders),
    hasEnded: words
  })
  for (const facts of all) {
    const record = facts.row !== 'unread' && facts.row?.record
    if (!record && facts.look !== null && facts.look.apart !== null) continue
    if (facts.owner === null && facts.row !== null) continue
    yield { key, ...facts }
  }
}

const starts: readonly (StartWord | null)[] = [
  null,
  ...combinations<StartWord>({ isStarting: words, engineHasEnded: [true, false] })
]

/** The same of a pass, without what makes no difference to any: who holds a copy, and why there is no record. */
function* allPassFacts(): Generator<PassFacts> {
  const all = combinations<Omit<PassFacts, 'key' | 'owner' | 'now'>>({
    use: uses.filter(use => use === undefined || use.engineProcess === dockerd),
    row: [null, ...[0, 2 * graceMs].map(ageMs => ({ ...owner, record: recordOfAge(ageMs) }))],
    look: looksWith([null, [], [container]]),
    hasEnded: words,
    start: starts,
    isLookSecond: [true, false],
    wasHeld: [true, false],
    orphanedMs: [null, now.ms, now.ms - lingerMs]
  })
  for (const facts of all) {
    if (facts.row === null && facts.look !== null && facts.look.apart !== null) continue
    yield { key, owner, now, ...facts }
  }
}

const isThere = (one: readonly Holder[] | null | undefined): boolean => one !== null && one !== undefined
const isHeld = (one: readonly Holder[] | null | undefined): boolean => (one?.length ?? 0) > 0
const isAnywhere = ({ look }: Facts): boolean => look !== null && (look.here !== null || look.apart !== null)
/** Nobody can say whether something holds it that was not found. */
const isUncertain = (facts: Facts): boolean =>
  isAnywhere(facts) && facts.look?.isComplete === false && facts.hasEnded !== true
const needs = (decision: object): Need['need'] | null => ('need' in decision ? (decision as Need).need : null)

/** What is true of every decision; the facts of those of which it is not. */
function expectAlways<F, D extends object>(
  cases: Iterable<F>,
  decide: (facts: F) => D,
  rules: Readonly<Record<string, (facts: F, decision: D) => boolean>>
): void {
  const broken = new Map<string, unknown>()
  const met = new Set<string>()
  let count = 0
  for (const facts of cases) {
    const decision = decide(facts)
    count++
    met.add(JSON.stringify(decision, ['do', 'need', 'action', 'why']))
    for (const [rule, holds] of Object.entries(rules))
      if (!broken.has(rule) && !holds(facts, decision)) broken.set(rule, { facts, decision })
  }
  expect(Object.fromEntries(broken)).toEqual({})
  // That rules hold of decisions which are never made says nothing.
  expect(count).toBeGreaterThan(1000)
  expect(met.size).toBeGreaterThan(3)
}

describe('whatever is known of a copy', () => {
  test('Mount replaces none that something holds or may hold, and asks for no more than it needs', () => {
    const shares = (decision: MountDecision | Need): boolean => 'do' in decision && decision.do === 'share'
    const makes = (decision: MountDecision | Need): Extract<MountDecision, { do: 'make' }> | null =>
      'do' in decision && decision.do === 'make' ? decision : null
    expectAlways<Facts, MountDecision | Need>(allFacts(), facts => decideMount(facts, dockerd), {
      'what is held here is shared': (facts, decision) => !isHeld(facts.look?.here) || shares(decision),
      'only what is mounted is shared': (facts, decision) => !shares(decision) || isThere(facts.look?.here),
      'incomplete evidence never leads to another copy in the place of one': (facts, decision) =>
        !(isThere(facts.look?.here) && isUncertain(facts)) || makes(decision) === null,
      'a repeated Mount keeps its copy': ({ use, look }, decision) =>
        !(isThere(look?.here) && use && use.count > 0 && !use.isDoubtful && use.engineProcess === dockerd) ||
        shares(decision),
      'an Unmount, a lost call or another Engine makes it another start': ({ use, look }, decision) =>
        !(isThere(look?.here) && !isHeld(look?.here) && look?.isComplete === true) ||
        (use !== undefined && use.count > 0 && !use.isDoubtful && use.engineProcess === dockerd) ||
        makes(decision) !== null,
      'one that is held out of reach, or may be, gets a twin and keeps its record': (facts, decision) => {
        const made = makes(decision)
        if (made === null) return true
        const isApart = isThere(facts.look?.apart) && (isHeld(facts.look?.apart) || isUncertain(facts))
        return (made.twinOf !== null) === isApart
      },
      'what is there, or was, is released before': (facts, decision) => {
        const made = makes(decision)
        const record = facts.row !== 'unread' && facts.row?.record
        return made === null || (made.releases !== null) === (isThere(facts.look?.here) || !!record)
      },
      'and that as over only with evidence': (facts, decision) =>
        makes(decision)?.releases?.hasEnded !== true || !isUncertain(facts),
      'the kernel is asked before all else': ({ look }, decision) =>
        (look === null) === (needs(decision) === 'look'),
      'the Engine only when the kernel cannot say it, and once': (facts, decision) =>
        needs(decision) !== 'end' ||
        (facts.hasEnded === null && facts.look?.isComplete === false && isAnywhere(facts)),
      'and never about starts, which would wait for this Mount': (_, decision) => needs(decision) !== 'start'
    })
  })

  test('Unmount leaves what is counted, and takes its own count for evidence only if it heard all', () => {
    for (const use of uses) {
      const decision = decideUnmount(use)
      if (use !== undefined && use.count > 1) expect(decision).toEqual({ do: 'keep', why: 'counted' })
      else {
        const heardAll = use?.count === 1 && !use.isDoubtful
        expect(decision).toEqual({ do: 'release', hasEnded: heardAll ? true : null })
      }
    }
  })

  test('a release wipes only what nobody holds for certain, and keeps the record of what is held elsewhere', () => {
    const wipes = (decision: ReleaseDecision | Need): Extract<ReleaseDecision, { do: 'wipe' }> | null =>
      'do' in decision && decision.do === 'wipe' ? decision : null
    expectAlways<Facts, ReleaseDecision | Need>(allFacts(), decideRelease, {
      'a copy that something holds is never wiped': (facts, decision) =>
        !isHeld(facts.look?.here) || wipes(decision) === null,
      'incomplete evidence never leads to a wipe': (facts, decision) =>
        !isUncertain(facts) || wipes(decision) === null,
      'nothing is wiped without a look': ({ look }, decision) => look !== null || needs(decision) === 'look',
      'the record of a copy that is held out of reach stays': (facts, decision) =>
        !isHeld(facts.look?.apart) || [undefined, 'stays'].includes(wipes(decision)?.record),
      'with certainty what nobody holds is wiped': (facts, decision) =>
        facts.look === null || isHeld(facts.look.here) || isUncertain(facts) || wipes(decision) !== null,
      'a record that is damaged, or cannot be read, goes like any': ({ row }, decision) =>
        [undefined, 'stays', row === null ? 'none' : 'goes'].includes(wipes(decision)?.record),
      'the Engine is asked only when the kernel cannot say it, and once': (facts, decision) =>
        needs(decision) !== 'end' ||
        (facts.hasEnded === null && facts.look?.isComplete === false && isAnywhere(facts))
    })
  })

  test('a pass wipes only what nobody holds for certain, or is about to hold', () => {
    const action = (decision: Judgement | Need): string | null =>
      'action' in decision ? decision.action : null
    const why = (decision: Judgement | Need): string | null => ('why' in decision ? decision.why : null)
    const isGone = (decision: Judgement | Need): boolean =>
      action(decision) === 'wipe' || action(decision) === 'forget'
    expectAlways<PassFacts, Judgement | Need>(allPassFacts(), facts => decideReconcile(facts, graceMs), {
      'what is held here is kept as held': (facts, decision) =>
        !isHeld(facts.look?.here) || why(decision) === 'held',
      'what is held out of reach is not forgotten': (facts, decision) =>
        !isHeld(facts.look?.apart) || action(decision) !== 'forget',
      'incomplete evidence never leads to a wipe, nor to forgetting': (facts, decision) =>
        !isUncertain(facts) || !isGone(decision),
      'nothing mounted is wiped, nothing mounted is forgotten': ({ look }, decision) =>
        action(decision) !== (!isThere(look?.here) ? 'wipe' : 'forget'),
      'a copy with a starting container is kept': (facts, decision) =>
        !(facts.start?.isStarting === true && facts.use?.count !== 0 && isThere(facts.look?.here)) ||
        !isGone(decision),
      'one that the Engine has let go of has no grace': ({ use }, decision) =>
        use?.count !== 0 || why(decision) !== 'grace',
      'nothing that may be starting is wiped but after a second look': (facts, decision) =>
        action(decision) !== 'wipe' || facts.isLookSecond || facts.use?.count === 0,
      'nor before the Engine was asked about starts': (facts, decision) =>
        action(decision) !== 'wipe' || facts.start !== null || facts.use?.count === 0,
      'one that is as old as any grace, with an Engine that lives and nothing starting, has none': (
        facts,
        decision
      ) =>
        (facts.use?.sinceMs ?? 0) > now.ms - graceMs ||
        facts.use === undefined ||
        facts.start === null ||
        facts.start.isStarting === true ||
        facts.start.engineHasEnded ||
        why(decision) !== 'grace',
      'questions are asked in this order: look, start, look again, end': (facts, decision) => {
        const need = needs(decision)
        if (need === 'look') return facts.look === null || (facts.start !== null && !facts.isLookSecond)
        if (need === 'start') return facts.look !== null && facts.start === null && !facts.isLookSecond
        return need !== 'end' || (facts.hasEnded === null && facts.look?.isComplete === false)
      },
      'and about starts only of what is mounted and nobody holds': (facts, decision) =>
        needs(decision) !== 'start' || (isThere(facts.look?.here) && !isHeld(facts.look?.here))
    })
  })

  test('a doubt is taken away only from a use whose copy something holds', () => {
    const running = new Set<string | null>([container.containerId])
    for (const facts of allFacts()) {
      const held = [...(facts.look?.here ?? []), ...(facts.look?.apart ?? [])]
      const counted = (facts.use?.count ?? 0) > 0
      const expected =
        facts.use?.isDoubtful === true && held.length > 0 && (counted || held.includes(container))
      if (decideTrust(facts, running) !== expected)
        expect({ facts, trusted: !expected }).toEqual({ facts, trusted: expected })
    }
  })
})

const fresh = (here: Look['here'], apart: Look['apart'] = null, isComplete = true): Look => ({
  ...{ here, apart, isComplete }
})
const record = recordOfAge(0)

/** Facts of a copy that is mounted, that nobody holds, and of which all was seen; with `changes`. */
function factsWith(changes: Partial<PassFacts>): PassFacts {
  return {
    ...{ key, owner, now, use: undefined, row: { ...owner, record }, look: fresh([]), hasEnded: null },
    ...{ wasHeld: false, orphanedMs: null, start: null, isLookSecond: true },
    ...changes
  }
}

const made = { do: 'make', releases: { hasEnded: true }, twinOf: null }
test.each<[string, Partial<Facts>, object]>([
  ['the first of an ID', { row: null, look: fresh(null) }, { ...made, releases: null }],
  ['docker cp from a running container', { look: fresh([container]) }, { do: 'share' }],
  ['a reply that was lost', { use: useOf(1, false) }, { do: 'share' }],
  ['an ID again after an Unmount', { use: useOf(0, true) }, made],
  ['a crash of dockerd: its next process asks', { use: useOf(1, false, 0, nextDockerd) }, made],
  ['a record of an earlier boot', { look: fresh(null) }, made],
  ['a copy held out of reach', { look: fresh(null, [container]) }, { ...made, twinOf: record }],
  ['an older kernel, not asked the Engine yet', { look: fresh([], null, false) }, { need: 'end' }],
  ['and the Engine says that none runs', { look: fresh([], null, false), hasEnded: true }, made],
  ['and says that one does, or nothing', { look: fresh([], null, false), hasEnded: false }, { do: 'share' }],
  [
    'out of reach on an older kernel, without the Engine',
    { look: fresh(null, [], false), hasEnded: false },
    { do: 'make', releases: { hasEnded: false }, twinOf: record }
  ]
])('Mount: %s', (_, changes, decision) => {
  expect(decideMount(factsWith(changes), dockerd)).toEqual(decision)
})

test.each<[string, Partial<Facts>, object]>([
  ['nobody holds it', {}, { do: 'wipe', record: 'goes' }],
  ['a container holds it', { look: fresh([container]) }, { do: 'keep', why: 'held' }],
  ['the twin of one that is held', { look: fresh([], [container]) }, { do: 'wipe', record: 'stays' }],
  ['whose it is nothing tells', { owner: null, row: null }, { do: 'wipe', record: 'none' }],
  ['the store does not answer', { row: 'unread' }, { do: 'wipe', record: 'goes' }],
  ['an older kernel', { look: fresh([], null, false) }, { need: 'end' }],
  ['and no word', { look: fresh([], null, false), hasEnded: false }, { do: 'keep', why: 'unclear' }],
  ['and the Engine’s word', { look: fresh([], null, false), hasEnded: true }, { do: 'wipe', record: 'goes' }]
])('Unmount, when it is the last: %s', (_, changes, decision) => {
  expect(decideRelease(factsWith(changes))).toEqual(decision)
})

const answered = (isStarting: boolean | null, engineHasEnded = false): StartWord => ({
  ...{ isStarting, engineHasEnded }
})
const kept = (why: string, reason: unknown): object => ({ action: 'keep', why, reason })
const grace = (reason: string): object => kept('grace', reason)
const wiped = { action: 'wipe', reason: 'nobody holds it' }
const just = grace('it was mounted just now')
const young = grace('the engine does not answer and the copy is young')
const lingering = grace('the engine that asked for it ended just now')
const unclear = kept('unclear', expect.stringMatching(/^not every mount table can be read, and the engine/))
const counted = (ageMs: number): Use => useOf(1, false, ageMs)

test.each<[string, Partial<PassFacts>, object]>([
  [
    'held by a container',
    { look: fresh([container, program]) },
    kept('held', 'held by cccccccccccc, process 2')
  ],
  [
    'held by what no process is in',
    { look: fresh([{ containerId: null, pid: null }]) },
    kept('held', 'held by a mount namespace')
  ],
  [
    'held out of reach',
    { look: fresh(null, [container]) },
    kept('held', 'held by cccccccccccc, where it cannot be reached any more')
  ],
  ['only a record', { look: fresh(null) }, { action: 'forget', reason: 'nothing is mounted' }],
  ['let go of', { use: useOf(0, true), isLookSecond: false }, wiped],
  ['not asked the Engine yet', { isLookSecond: false }, { need: 'start' }],
  ['asked the Engine, not looked again', { isLookSecond: false, start: answered(false) }, { need: 'look' }],
  ['held at the first look, and not at the second', {}, just],
  ['a container is starting', { start: answered(true) }, grace('a container is just starting')],
  ['the Engine uses it itself', { start: answered(false), use: counted(ownUseMs - 1) }, just],
  ['it has done so', { start: answered(false), use: counted(ownUseMs) }, wiped],
  ['a container held it', { start: answered(false), use: counted(lastUseMs), wasHeld: true }, wiped],
  ['a moment ago', { start: answered(false), use: counted(lastUseMs - 1), wasHeld: true }, just],
  ['a call was lost', { start: answered(false), use: useOf(1, true) }, wiped],
  ['its Engine has ended, and another answers', { start: answered(false, true), use: counted(0) }, wiped],
  ['this process has heard nothing of it', { start: answered(false) }, wiped],
  ['no Engine answers', { start: answered(null), use: counted(graceMs - 1) }, young],
  ['and a container held it', { start: answered(null), use: counted(lastUseMs), wasHeld: true }, wiped],
  ['for long', { start: answered(null), use: counted(graceMs) }, wiped],
  ['no Engine answers, by the record', { start: answered(null) }, young],
  [
    'for long, by the record',
    { start: answered(null), row: { ...owner, record: recordOfAge(graceMs) } },
    wiped
  ],
  ['no Engine answers and nothing says how old it is', { start: answered(null), row: null }, wiped],
  ['its Engine has ended just now', { start: answered(null, true), use: counted(graceMs) }, lingering],
  ['a while ago', { start: answered(null, true), use: counted(0), orphanedMs: now.ms - lingerMs }, wiped],
  ['an older kernel', { look: fresh([], null, false), start: answered(false) }, { need: 'end' }],
  ['and no word', { look: fresh([], null, false), start: answered(false), hasEnded: false }, unclear],
  ['and no word, out of reach', { look: fresh(null, [], false), hasEnded: false }, unclear],
  ['and the Engine’s word', { look: fresh([], null, false), start: answered(false), hasEnded: true }, wiped]
])('a pass: %s', (_, changes, decision) => {
  expect(decideReconcile(factsWith(changes), graceMs)).toEqual(decision)
})
