import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BadPattern, readCharacters, readPattern } from '../../src/vault/credentials/pattern.ts'

const counts = ['', '', '*', '+', '?', '{2}', '{1,}', '{0,2}', '{1,3}']
const characters = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\x61', '[a-]', '\\.')
const step = fc.tuple(characters, fc.constantFrom(...counts)).map(parts => parts.join(''))
const row = fc.array(step, { maxLength: 4 }).map(steps => steps.join(''))
const ways = fc.array(row, { minLength: 1, maxLength: 3 }).map(rows => rows.join('|'))
const expression = fc
  .array(
    fc.oneof(
      row,
      ways.map(each => `(${each})`),
      ways.map(each => `(?:${each})`)
    ),
    { maxLength: 3 }
  )
  .map(parts => parts.join(''))
const text = fc.array(fc.constantFrom('a', 'b', '1', '-', '.'), { maxLength: 6 }).map(all => all.join(''))

test('an expression says what the regular expression of it says of all of a text', () => {
  fc.assert(
    fc.property(
      fc.oneof(expression, ways),
      fc.array(text, { minLength: 1, maxLength: 10 }),
      (source, texts) => {
        const [own, known] = [readPattern(source), new RegExp(`^(?:${source})$`, 'u')]
        for (const each of texts)
          expect([source, each, own.test(each)]).toEqual([source, each, known.test(each)])
      }
    ),
    { numRuns: 1000 }
  )
})

test.each([
  ['https?://[!-~]+', ['http://a', 'https://a:1/?b'], ['https:/a', 'http://', 'x http://a', 'http://a\n']],
  ['(ssh|ecdsa)-[a-z]+ [^\\s]+', ['ssh-rsa AAAA'], ['ssh-rsa', 'dsa-x y']],
  ['disable|require', ['disable', 'require'], ['disablerequire', 'disabl', 'xdisable', '']],
  ['\\p{L}{2,3}', ['äö', '日本語'], ['ä', 'abcd', '12']],
  ['.', ['😀', 'a'], ['', 'ab', '\n']],
  ['\\u{1f600}|\\[\\]', ['😀', '[]'], ['[', '\\']],
  ['', [''], ['a']],
  ['a|', ['', 'a'], ['aa']]
])('the expression %j', (source, fitting, others) => {
  const pattern = readPattern(source)
  expect(pattern.source).toBe(source)
  expect([...fitting, ...others].map(each => pattern.test(each))).toEqual([
    ...fitting.map(() => true),
    ...others.map(() => false)
  ])
})

test.each([
  ['a)|(?:b', 'there is a ")" too many'],
  ['a)', 'there is a ")" too many'],
  ['(a', 'a group has no end'],
  ['(a+)+', 'an expression repeats no group and refers to none'],
  ['(?:a|b){2}', 'an expression repeats no group and refers to none'],
  ['(a)\\1', '"\\\\1" is not known in an expression'],
  ['(?=a)a', '"(?=a)a" is not known in an expression'],
  ['(?<n>a)', '"(?<n>a)" is not known in an expression'],
  ['^a', '"^a" is not known in an expression'],
  ['a$', '"$" is not known in an expression'],
  ['a++', '"+" is not known in an expression'],
  ['*', '"*" is not known in an expression'],
  ['a{2', '"{2" is not known in an expression'],
  ['a{3,2}', '{3,2} counts backwards'],
  ['[a', '"[a" is not known in an expression'],
  ['[z-a]', 'Invalid regular expression: /^[z-a]$/u: Range out of order in character class'],
  ['\\p{Nothing}', 'Invalid regular expression: /^\\p{Nothing}$/u: Invalid property name']
])('no expression is %j', (source, message) => {
  expect(() => readPattern(source)).toThrow(new BadPattern(message))
})

test('characters are those in the brackets, and nothing ends these', () => {
  const some = readCharacters('a-c\\]^')
  expect(['a', 'c', ']', '^', 'd', '\\', 'ab', ''].map(each => some.test(each))).toEqual([
    ...[true, true, true, true, false, false, false, false]
  ])
  expect(some.source).toBe('[a-c\\]^]')
  for (const bad of ['a]|[^b', ']', 'a\\', 'a]+[b'])
    expect(() => readCharacters(bad)).toThrow('a bracket among characters has a backslash before it')
})

test('how long it takes is not for the value to say', () => {
  // Each of these would take longer than the host will last, were one way tried after the other.
  const long = 'a'.repeat(64 << 10)
  expect(readPattern(`${'a*'.repeat(60)}b`).test(long)).toBe(false)
  expect(readPattern(`${'(a|a)'.repeat(30)}b`).test('a'.repeat(30))).toBe(false)
  expect(readPattern(`${'a{0,9999}'.repeat(20)}b`).test(long)).toBe(false)
  expect(readPattern(`${'a*'.repeat(60)}b`).test(`${long}b`)).toBe(true)
})
