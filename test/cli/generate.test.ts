import { expect, test } from 'vitest'
import { UsageError } from '../../src/cli/output/failure.ts'
import { charsetChoices, generate } from '../../src/cli/input/generate.ts'

test('a secret has the length asked for and only characters of its set', () => {
  expect(generate(40, 'hex').toString()).toMatch(/^[0-9a-f]{40}$/)
  expect(generate(5000, 'alphanumeric').toString()).toMatch(/^[0-9A-Za-z]{5000}$/)
  expect(generate(64, 'letters').toString()).toMatch(/^[A-Za-z]{64}$/)
  expect(generate(64, 'base64url').toString()).toMatch(/^[\w-]{64}$/)
  expect(generate(64, 'printable').toString()).toMatch(/^[!-~]{64}$/)
  expect(generate(64, 'chars:xyz').toString()).toMatch(/^[xyz]{64}$/)
  expect(generate(6, 'digits').toString()).toMatch(/^\d{6}$/)
  expect(generate(100, 'bytes')).toHaveLength(100)
})

test('every character is as likely as any other', () => {
  // 62 does not divide 256: taking a byte modulo 62 would make the first 8 characters a quarter likelier.
  const counts = new Map<number, number>()
  const length = 620_000
  for (const byte of generate(length, 'alphanumeric')) counts.set(byte, (counts.get(byte) ?? 0) + 1)
  expect(counts.size).toBe(62)
  const expected = length / 62
  // Seven standard deviations: a fair draw leaves this once in 10^10 runs.
  const tolerance = 7 * Math.sqrt(expected)
  for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(tolerance)
})

test('two secrets are never the same', () => {
  expect(generate(32, 'alphanumeric').equals(generate(32, 'alphanumeric'))).toBe(false)
})

test('a set that is no set is refused', () => {
  expect(() => generate(8, 'alfanumeric')).toThrow(
    new UsageError('unknown charset "alfanumeric"', `known: ${charsetChoices}`)
  )
  for (const bad of ['', 'a', 'aa', 'aba', 'äö', 'a\n']) {
    expect(() => generate(8, `chars:${bad}`)).toThrow(
      /^bad charset .*: it takes two or more different ASCII characters$/
    )
  }
})
