import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearest, nearestPath } from '../../src/base/nearest.ts'

test.each([
  ['passwrd', ['password', 'certs/key.pem'], 'password'],
  ['pasword', ['passwords', 'password'], 'password'],
  ['wbe', ['web', 'db'], 'web'],
  ['web@3', ['db', 'web'], 'web'],
  ['WEB', ['web'], 'web'],
  ['dbb', ['db', 'dbc'], 'db'],
  ['certs/kye.pem', ['certs/key.pem', 'certs/cert.pem'], 'certs/key.pem'],
  ['web', ['web'], null],
  ['no', ['db', 'web'], null],
  ['nothing', ['db', 'web', ''], null],
  ['', ['db'], null],
  ['x'.repeat(300), ['x'.repeat(299)], null]
])('%j among %j: %j', (given, known, meant) => {
  expect(nearest(given, known)).toBe(meant)
})

test.each([
  ['certs/kye.pem', 'certs/key.pem'],
  ['key.pem', 'certs/key.pem'],
  ['other/key.pem', 'certs/key.pem'],
  ['ca.pem', null],
  ['nothing', null]
])('path %j: %j', (given, meant) => {
  expect(nearestPath(given, ['certs/key.pem', 'old/certs/ca.pem', 'new/certs/ca.pem'])).toBe(meant)
})

/** The distance by the book, with the whole table. */
function distance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0))
  )
  const cell = (i: number, j: number): number => table[i]?.[j] ?? Infinity
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const row = table[i] ?? []
      row[j] = Math.min(
        cell(i - 1, j) + 1,
        cell(i, j - 1) + 1,
        cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
        isSwap ? cell(i - 2, j - 2) + 1 : Infinity
      )
    }
  }
  return cell(a.length, b.length)
}

test('a word is near when at most three characters differ, and more than four in ten are right', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 10 })
  fc.assert(
    fc.property(word, word, (given, known) => {
      const far = distance(given, known)
      const length = Math.max(given.length, known.length)
      const isNear = given !== known && far <= 3 && (length - far) / length > 0.4
      expect(nearest(given, [known])).toBe(isNear ? known : null)
    }),
    { numRuns: 2000 }
  )
})
