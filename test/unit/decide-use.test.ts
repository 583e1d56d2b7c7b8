import { describe, expect, test } from 'vitest'
import { patternOfBox } from '../../src/vault/access/box-pattern.ts'
import { isToContainer, type Grant, type GrantTo } from '../../src/vault/access/grants.ts'
import { parseSubject, type ContainerSubject } from '../../src/vault/access/subjects.ts'
import { decideUse, type StartCandidate, type UseFacts } from '../../src/vault/access/uses.ts'
import { parseBoxName } from '../../src/base/names.ts'

const digestOf = (digit: string): string => `sha256:${digit.repeat(64)}`

function granted(...subjects: string[]): GrantTo<ContainerSubject>[] {
  return subjects
    .map((subject): Grant => ({
      ...{ id: '0'.repeat(32), rights: ['use'], note: '', by: 0, at: '2026-01-01T00:00:00Z', expires: null },
      subject: parseSubject(subject),
      boxes: patternOfBox(parseBoxName('db'))
    }))
    .filter(isToContainer)
}

function candidate(name: string, changes: Partial<StartCandidate> = {}): StartCandidate {
  return {
    id: name,
    name,
    image: name,
    imageId: digestOf('a'),
    digests: [digestOf('a')],
    platform: null,
    labels: {},
    ofImage: null,
    ...changes
  }
}

function facts(subjects: readonly string[], changes: Partial<UseFacts>): UseFacts {
  return { grants: granted(...subjects), candidates: null, locked: new Map(), ...changes }
}

const [good, alsoGood, bad, worse] = ['good', 'also-good', 'bad', 'worse'].map(name => candidate(name)) as [
  StartCandidate,
  StartCandidate,
  StartCandidate,
  StartCandidate
]
const grants = ['container:good', 'container:also-good']

describe('who may use a closed box', () => {
  test('anybody by container:*, and nobody is asked anything', () => {
    expect(decideUse(facts(['container:*'], {}))).toEqual({ do: 'allow', to: null })
    expect(decideUse(facts(['container:*'], { candidates: 'away' }))).toEqual({ do: 'allow', to: null })
  })

  test('nobody when the Engine does not answer, or has no container that may be starting', () => {
    expect(decideUse(facts(grants, {}))).toEqual({ need: 'candidates' })
    expect(decideUse(facts(grants, { candidates: 'away' }))).toEqual({ do: 'refuse', why: 'away', whom: [] })
    expect(decideUse(facts(grants, { candidates: [] }))).toEqual({ do: 'refuse', why: 'nobody', whom: [] })
  })

  test('whoever is granted, when all are; and nobody, when none is: none of them is asked about', () => {
    const candidates = [good, alsoGood]
    expect(decideUse(facts(grants, { candidates }))).toEqual({ do: 'allow', to: candidates })
    expect(decideUse(facts(grants, { candidates: [bad, worse] }))).toEqual({
      do: 'refuse',
      why: 'ungranted',
      whom: [bad, worse]
    })
    expect(decideUse(facts([], { candidates: [good] }))).toMatchObject({ do: 'refuse', whom: [good] })
  })

  test('what is said of an image is asked for when it matters', () => {
    const pinned = [`image:${digestOf('b')}`]
    const unasked = { candidates: [good, alsoGood, candidate('unknown', { imageId: null })] }
    expect(decideUse(facts(pinned, unasked))).toEqual({ need: 'images', of: [good, alsoGood] })
    const labelled = candidate('labelled', { labels: { tier: 'db' } })
    expect(decideUse(facts(['label:tier=db'], { candidates: [good, labelled] }))).toEqual({
      need: 'images',
      of: [labelled]
    })
    const [called, not] = [
      candidate('good', { ofImage: { repoDigests: [`db@${digestOf('b')}`], labels: {} } }),
      candidate('good', { ofImage: { repoDigests: [], labels: {} } })
    ]
    expect(decideUse(facts(pinned, { candidates: [called] }))).toEqual({ do: 'allow', to: [called] })
    expect(decideUse(facts(pinned, { candidates: [not] }))).toMatchObject({ why: 'ungranted' })
    expect(decideUse(facts([...pinned, 'container:good'], { candidates: [good] }))).toMatchObject({
      do: 'allow'
    })
  })
})

/** Whether each of these is locked: `unknown` is what was not asked. */
type Lock = boolean | 'unknown'

test('containers of one image are judged alike, and those whose image may be named by an ID are not', () => {
  const [one, other] = ['one', 'other'].map(name => candidate(name, { image: 'acme/app:1' }))
  const named = candidate('named', {
    image: 'abc',
    digests: [digestOf('a'), `sha256:${'abc'.padEnd(64, '0')}`]
  })
  const called = candidate('called', { image: 'abc' })
  if (one === undefined || other === undefined) throw new Error('they are there')
  const decide = (subject: string, ...candidates: StartCandidate[]): unknown =>
    decideUse(facts([subject], { candidates, locked: new Map(candidates.map(({ id }) => [id, false])) }))
  expect(decide('image:acme/*:1', one, other)).toEqual({ do: 'allow', to: [one, other] })
  expect(decide('image:abc', named, called)).toEqual({ do: 'allow', to: [called] })
  expect(decide('image:abc', called, named)).toEqual({ do: 'allow', to: [called] })
})

describe('with several of which not all are granted', () => {
  test('it is asked which of them is locked, as the one that starts is', () => {
    expect(decideUse(facts(grants, { candidates: [good, bad] }))).toEqual({
      need: 'locked',
      first: ['bad'],
      also: ['good']
    })
  })

  const states: readonly Lock[] = [true, false, 'unknown']
  const combinations = states.flatMap(a => states.flatMap(b => states.map(c => [a, b, c] as const)))
  test.each(combinations)('granted: %s, not granted: %s and %s', (ofGood, ofBad, ofWorse) => {
    const asked = [
      ['good', ofGood],
      ['bad', ofBad],
      ['worse', ofWorse]
    ] as const
    const locked = new Map(asked.flatMap(([name, lock]) => (lock === 'unknown' ? [] : [[name, lock]])))
    const decision = decideUse(facts(grants, { candidates: [good, bad, worse], locked }))
    if (ofBad === 'unknown' || ofWorse === 'unknown') expect(decision).toMatchObject({ need: 'locked' })
    // It is allowed only when none of those that are not granted can be the one that starts.
    else if (!ofBad && !ofWorse) expect(decision).toEqual({ do: 'allow', to: [good] })
    else {
      const whom = [...(ofBad ? [bad] : []), ...(ofWorse ? [worse] : [])]
      const why = ofGood === false ? 'ungranted' : 'unclear'
      expect(decision).toEqual({ do: 'refuse', why, whom })
    }
  })
})
