import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseBoxName } from '../../src/base/names.ts'
import { rights, type Right } from '../../src/base/rights.ts'
import {
  coversBoxes,
  includesBox,
  parseBoxPattern,
  patternOfBox
} from '../../src/vault/access/box-pattern.ts'
import {
  gives,
  hasAny,
  hasUntil,
  standingOf,
  isClosedBy,
  mayMake,
  usesGranted,
  whyHas,
  type Grant,
  type Policy
} from '../../src/vault/access/grants.ts'
import {
  coversSubject,
  isAnyContainer,
  isPerson,
  parseSubject,
  printSubject
} from '../../src/vault/access/subjects.ts'

const digest = `sha256:${'a'.repeat(64)}`

test.each([
  ['user:0', { kind: 'user', uid: 0 }],
  ['user:4294967294', { kind: 'user', uid: 4294967294 }],
  ['group:27', { kind: 'group', gid: 27 }],
  ['image:postgres:*', { kind: 'image', reference: 'postgres:*' }],
  ['image:Registry/a-b__c/d.e:V1', { kind: 'image', reference: 'Registry/a-b__c/d.e:V1' }],
  ['image:deadbeef', { kind: 'image', reference: 'deadbeef' }],
  ['image:Reg*/a', { kind: 'image', reference: 'Reg*/a' }],
  ['image:registry.example:5000/a/b:1', { kind: 'image', reference: 'registry.example:5000/a/b:1' }],
  [`image:${digest}`, { kind: 'digest', repository: null, digest }],
  [`image:ghcr.io/a/b@${digest}`, { kind: 'digest', repository: 'ghcr.io/a/b', digest }],
  ['compose:shop', { kind: 'compose', project: 'shop', service: null }],
  ['compose:shop/web', { kind: 'compose', project: 'shop', service: 'web' }],
  ['label:a.b/c=x=y z', { kind: 'label', name: 'a.b/c', value: 'x=y z' }],
  ['label:a=', { kind: 'label', name: 'a', value: '' }],
  ['container:web-1', { kind: 'container', name: { literals: ['web-1'] } }],
  ['container:*', { kind: 'container', name: { literals: ['', ''] } }]
])('the subject %s is read once, and written the same way', (text, subject) => {
  expect(parseSubject(text)).toEqual(subject)
  expect(printSubject(parseSubject(text))).toBe(text)
  expect(isPerson(parseSubject(text))).toBe(/^(user|group)/.test(text))
  expect(isAnyContainer(parseSubject(text))).toBe(text === 'container:*')
})

const shortId = 'it looks like an ID: that is sha256: and all 64 digits, as "docker vault approve" finds them'
const composeRule =
  'a project is small letters, digits, "_" and "-"; a service, behind "/", also capital letters and "."'
const containerRule =
  'a name is letters, digits, "_", "-" and ".", and begins with a letter or digit; "*" is any number of them'
test.each([
  ['alice', 'it has no colon'],
  ['User:1', 'there is no kind "User"'],
  ['toString:1', 'there is no kind "toString"'],
  ['user:', 'nothing follows the colon'],
  ['user:alice', 'a user is a number, 0 to 4294967294'],
  ['user:-1', 'a user is a number, 0 to 4294967294'],
  ['user:01', 'a user is a number, 0 to 4294967294'],
  ['user:4294967295', 'a user is a number, 0 to 4294967294'],
  ['group:1.0', 'a group is a number, 0 to 4294967294'],
  ['image:a b', 'an image is a reference without blanks, or a digest: sha256: and 64 hexadecimal digits'],
  [
    'image:sha256:abc',
    'an image is a reference without blanks, or a digest: sha256: and 64 hexadecimal digits'
  ],
  [
    `image:a*@${digest}`,
    'an image is a reference without blanks, or a digest: sha256: and 64 hexadecimal digits'
  ],
  [
    `image:@${digest}`,
    'an image is a reference without blanks, or a digest: sha256: and 64 hexadecimal digits'
  ],
  // What no container can be called.
  ['image:3f2a1b4c5d6e', shortId],
  [`image:${digest.slice('sha256:'.length)}`, shortId],
  ['image:Nginx', 'docker knows no image with a capital letter in its name'],
  ['image:ghcr.io/Acme/app:1', 'docker knows no image with a capital letter in its name'],
  ['image:*/Acme/*', 'docker knows no image with a capital letter in its name'],
  [`image:ghcr.io/Acme/app@${digest}`, 'docker knows no image with a capital letter in its name'],
  ['image:https://ghcr.io/acme/app', 'a reference has no scheme, such as https://'],
  ['image:nginx:', 'behind the colon comes a tag, of letters, digits, "_", "." and "-"'],
  ['image:nginx:-1', 'behind the colon comes a tag, of letters, digits, "_", "." and "-"'],
  ['image:ghcr.io/acme/', 'there is nothing before, behind or between its slashes'],
  ['image:/acme', 'there is nothing before, behind or between its slashes'],
  ['image:ghcr.io//app', 'there is nothing before, behind or between its slashes'],
  ['image:acme/-app', 'a name is small letters and digits, with ".", "_" and "-" between them'],
  ['image:ngin?', 'a name is small letters and digits, with ".", "_" and "-" between them'],
  ['compose:a/b/c', composeRule],
  ['compose:a/', composeRule],
  ['compose:a/*', composeRule],
  ['compose:Shop/web', composeRule],
  ['compose:a.b', composeRule],
  ['label:a', 'a label is NAME=VALUE'],
  ['label:=a', 'a label is NAME=VALUE'],
  ['container:a/b', containerRule],
  ['container:/web', containerRule],
  ['container:-web', containerRule],
  ['label:a=\n', 'it contains a control character, or is no Unicode'],
  ['label:a=\ud800', 'it contains a control character, or is no Unicode'],
  [`label:a=${'x'.repeat(1024)}`, 'it is longer than 1024 bytes']
])('no subject is %j', (text, reason) => {
  expect(() => parseSubject(text)).toThrow(
    expect.objectContaining({
      code: 'invalid',
      message: `bad subject ${JSON.stringify(text).slice(0, 300)}${JSON.stringify(text).length > 300 ? '…"' : ''}: ${reason}`
    })
  )
})

test('what is granted to the wide subject is granted to the narrow one', () => {
  const covers = (wide: string, narrow: string): boolean =>
    coversSubject(parseSubject(wide), parseSubject(narrow))
  for (const [wide, narrow] of [
    ['container:*', 'image:x'],
    ['container:*', 'container:a*'],
    ['container:web-*', 'container:web-1'],
    ['image:postgres:*', 'image:postgres:17'],
    [`image:${digest}`, `image:a@${digest}`],
    ['compose:shop', 'compose:shop/web'],
    ['label:a=b', 'label:a=b'],
    ['user:1', 'user:1']
  ] as const) {
    expect([wide, narrow, covers(wide, narrow)]).toEqual([wide, narrow, true])
    if (wide !== narrow) expect([narrow, wide, covers(narrow, wide)]).toEqual([narrow, wide, false])
  }
  expect(covers('container:*', 'user:1')).toBe(false)
  expect(covers('user:1', 'group:1')).toBe(false)
  expect(covers('label:a=b', 'label:a=c')).toBe(false)
})

test.each([
  ['db', 'db', ['db'], ['dbx', 'xdb', 'd', 'DB']],
  ['db*', 'db*', ['db', 'db-1', 'db*'], ['xdb', 'd']],
  ['*', '*', ['a', 'x y', '日本'], []],
  ['a**b', 'a*b', ['ab', 'axb'], ['a', 'b', 'ba']],
  ['a*b*c', 'a*b*c', ['abc', 'axbxc', 'abbc'], ['ac', 'acb', 'abcx']],
  ['ab*ba', 'ab*ba', ['abba', 'abxba'], ['aba']],
  ['a\\*', 'a\\*', ['a*'], ['ab', 'a\\*']],
  ['a\\b', 'a\\\\b', ['a\\b'], ['ab']],
  ['a\\\\*', 'a\\\\*', ['a\\', 'a\\x'], ['a*']],
  ['.', null, [], []],
  ['', null, [], []],
  ['a/*', null, [], []],
  ['a:b', null, [], []],
  ['x'.repeat(256), null, [], []]
])('the boxes %j', (text, written, included, others) => {
  if (written === null) {
    expect(() => parseBoxPattern(text)).toThrow(expect.objectContaining({ code: 'invalid' }))
    return
  }
  const pattern = parseBoxPattern(text)
  expect(pattern.text).toBe(written)
  expect(parseBoxPattern(pattern.text)).toEqual(pattern)
  for (const name of included) expect([name, includesBox(pattern, parseBoxName(name))]).toEqual([name, true])
  for (const name of others) expect([name, includesBox(pattern, parseBoxName(name))]).toEqual([name, false])
})

test('a box that was made for one container is of no glob, and who may make boxes of that glob may make it', () => {
  const box = parseBoxName(`ephemeral-${'0a'.repeat(16)}`)
  const person = { uid: 1, gids: [1] }
  for (const boxes of ['*', 'ephemeral-*', 'eph*0a']) {
    const policy = { grants: [grant('container:web', boxes), ofPerson(boxes)], owners: new Map() }
    expect([isClosedBy(policy, box), usesGranted(policy, box, now)]).toEqual([false, []])
    for (const right of rights) expect(whyHas(person, right, patternOfBox(box), policy, now)).toBe(null)
    expect(mayMake(person, box, policy, now)).toBe(true)
    expect(mayMake({ uid: 2, gids: [2] }, box, policy, now)).toBe(false)
  }
  const byName = { grants: [grant('container:web', box), ofPerson(box)], owners: new Map() }
  expect([isClosedBy(byName, box), usesGranted(byName, box, now).length]).toEqual([true, 1])
  expect(whyHas(person, 'reveal', patternOfBox(box), byName, now)).not.toBe(null)
  expect(isClosedBy({ grants: [grant('container:web', '*')] }, parseBoxName('ephemeral-mine'))).toBe(true)
})

test('somebody has rights as long as the last grant of the one that ends first says', () => {
  const person = { uid: 1, gids: [1, 27] }
  const until = (day: number): string => `2026-02-0${day}T00:00:00.000Z`
  const grants = [
    grant('user:1', 'd*', { rights: ['manage'], expires: until(1) }),
    grant('group:27', 'db', { rights: ['manage', 'reveal'], expires: until(2) }),
    grant('user:1', '*', { rights: ['reveal'], expires: null }),
    grant('user:2', '*', { rights: ['manage'], expires: null })
  ]
  const end = (boxes: string, ...given: Right[]): number =>
    hasUntil(
      person,
      given,
      parseBoxPattern(boxes),
      { grants, owners: new Map([[parseBoxName('own'), 1]]) },
      now
    )
  expect(end('d*', 'manage')).toBe(Date.parse(until(1)))
  expect(end('db', 'manage')).toBe(Date.parse(until(2)))
  expect(end('db', 'manage', 'reveal')).toBe(Date.parse(until(2)))
  expect(end('web', 'reveal')).toBe(Infinity)
  expect(end('own', 'manage', 'reveal')).toBe(Infinity)
  expect(end('web', 'manage')).toBe(now)
})

const ofPerson = (boxes: string): Grant => grant('user:1', boxes, { rights })

const letters = (...all: string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...all), { minLength: 1, maxLength: 8 }).map(each => each.join(''))

test('boxes are read no further when there are too many characters', () => {
  expect(() => parseBoxPattern('*'.repeat(1025))).toThrow('they have more than 1024 characters')
  expect(parseBoxPattern('*'.repeat(1024)).text).toBe('*')
  expect(parseBoxPattern('\\*'.repeat(255)).name).toBe('*'.repeat(255))
})

test('how well somebody is known', () => {
  const [user, group] = ['user:1', 'group:5'].map(subject => ({
    ...grant(subject, 'db', { rights: ['info'] }),
    expires: '2030-01-01T00:00:00.000Z'
  }))
  const known = (uid: number, gids: number[], grants: Grant[], now = 0): string =>
    standingOf({ uid, gids }, { grants, owners: new Map([[parseBoxName('db'), 7]]) }, now)
  const grants = [user, group].filter(each => each !== undefined)
  expect([known(1, [], grants), known(7, [], []), known(2, [5], grants), known(2, [6], grants)]).toEqual([
    ...['named', 'named', 'grouped', 'stranger']
  ])
  expect(known(1, [5], grants, Date.parse('2031-01-01T00:00:00Z'))).toBe('stranger')
})

test('a glob is what a regular expression of it says, and one that covers another includes whatever that does', () => {
  const glob = letters('a', 'b', '*')
  fc.assert(
    fc.property(glob, glob, letters('a', 'b'), (one, other, text) => {
      const [wide, narrow, box] = [parseBoxPattern(one), parseBoxPattern(other), parseBoxName(text)]
      expect(includesBox(wide, box)).toBe(new RegExp(`^${one.replaceAll('*', '.*')}$`).test(text))
      if (coversBoxes(wide, narrow) && includesBox(narrow, box)) expect(includesBox(wide, box)).toBe(true)
      expect(coversBoxes(wide, wide)).toBe(true)
    })
  )
})

test('a box’s name is a pattern of that box alone, whatever is in it', () => {
  for (const text of ['a*', '\\', 'a\\*b', '*']) {
    const box = parseBoxName(text)
    expect(parseBoxPattern(patternOfBox(box).text)).toEqual(patternOfBox(box))
    expect(includesBox(patternOfBox(box), box)).toBe(true)
    expect(includesBox(patternOfBox(box), parseBoxName(`${text}x`))).toBe(false)
  }
})

const db = parseBoxName('db')
const now = Date.parse('2026-01-31T12:00:00Z')

function grant(subject: string, boxes: string, over: Partial<Grant> = {}): Grant {
  return {
    ...{ id: '0'.repeat(32), subject: parseSubject(subject), boxes: parseBoxPattern(boxes), rights: ['use'] },
    ...{ note: '', by: 0, at: '2026-01-01T00:00:00.000Z', expires: null, ...over }
  }
}

function policyOf(...grants: Grant[]): Policy {
  return { grants, owners: new Map([[db, 1000]]) }
}

test('a grant gives its rights on its boxes until it expires, to the millisecond', () => {
  const ofDb = grant('container:web', 'd*', { expires: '2026-01-31T12:00:00.000Z' })
  expect(gives(ofDb, 'use', db, now - 1)).toBe(true)
  expect(gives(ofDb, 'use', db, now)).toBe(false)
  expect(gives(ofDb, 'info', db, now - 1)).toBe(false)
  expect(gives(ofDb, 'use', parseBoxName('web'), now - 1)).toBe(false)
})

test('containers may use what grants to containers say; a box that has had one is closed, also by one that has expired', () => {
  const expired = grant('image:a', 'db', { expires: '2020-01-01T00:00:00.000Z' })
  const live = grant('compose:shop', 'd*')
  const ofPerson = grant('user:1', '*')
  expect(usesGranted(policyOf(expired, live, ofPerson), db, now)).toEqual([live])
  expect(isClosedBy(policyOf(expired), db)).toBe(true)
  expect(isClosedBy(policyOf(ofPerson), db)).toBe(false)
})

test('a person has what they own, what they were granted, and what their groups were', () => {
  const byGroup = grant('group:27', 'd*', { rights: ['info', 'write'] })
  const policy = policyOf(byGroup, grant('container:*', '*', { rights: ['use'] }))
  const boxes = parseBoxPattern('db')
  const [owner, member, other] = [
    { uid: 1000, gids: [1000] },
    { uid: 1001, gids: [1001, 27] },
    { uid: 1002, gids: [1002, 0] }
  ]
  expect(whyHas({ uid: 0, gids: [0] }, 'reveal', boxes, policy, now)).toBe('root')
  expect(whyHas(owner, 'reveal', boxes, policy, now)).toBe('owner')
  expect(whyHas(owner, 'reveal', parseBoxPattern('d*'), policy, now)).toBe(null)
  expect(whyHas(member, 'write', boxes, policy, now)).toBe(byGroup)
  expect(whyHas(member, 'write', parseBoxPattern('db-*'), policy, now)).toBe(byGroup)
  expect(whyHas(member, 'write', parseBoxPattern('*'), policy, now)).toBe(null)
  expect(whyHas(member, 'reveal', boxes, policy, now)).toBe(null)
  expect(whyHas(other, 'use', boxes, policy, now)).toBe(null)
  expect([owner, member, other].map(person => hasAny(person, policy, now))).toEqual([true, true, false])
})
