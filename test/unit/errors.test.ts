import { expect, test } from 'vitest'
import { errnoOf, isSecretboxError, quote, reasonOf, SecretboxError } from '../../src/base/errors.ts'

test('an error carries a code, a hint and its cause', () => {
  const cause = new Error('below')
  const error = new SecretboxError('in_use', 'held', { hint: 'let go', cause })
  expect(error).toMatchObject({ code: 'in_use', message: 'held', hint: 'let go', cause })
  expect(isSecretboxError(error)).toBe(true)
  expect(isSecretboxError(error, 'in_use')).toBe(true)
  expect(isSecretboxError(error, 'invalid')).toBe(false)
  expect(isSecretboxError(cause)).toBe(false)
  expect('cause' in new SecretboxError('invalid', 'none')).toBe(false)
})

test('the errno of anything thrown is its name or nothing', () => {
  expect(errnoOf(Object.assign(new Error(), { code: 'ENOSPC' }))).toBe('ENOSPC')
  expect([errnoOf(new Error()), errnoOf({ code: 5 }), errnoOf(null), errnoOf('ENOSPC')]).toEqual([
    null,
    null,
    null,
    null
  ])
})

test('a quoted name is one line, whatever it holds, and no longer than a line', () => {
  expect(quote('a "b"\n\0\ud800')).toBe('"a \\"b\\"\\n\\u0000\\ud800"')
  expect(quote('x'.repeat(5000))).toBe(`"${'x'.repeat(299)}…"`)
})

test('the reason of anything thrown is words where there are any', () => {
  expect(reasonOf(Object.assign(new Error('write'), { code: 'ENOSPC' }))).toBe('no space is left there')
  expect(reasonOf(Object.assign(new Error('write'), { code: 'EIO' }))).toBe('EIO')
  expect(reasonOf(new Error('it broke'))).toBe('it broke')
  expect(reasonOf(7)).toBe('7')
})
