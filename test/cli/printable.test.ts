import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable } from '../../src/cli/printable.ts'

test('escapes what could steer a terminal', () => {
  expect(printable('a\nb\tc\rd')).toBe('a\\nb\\tc\\rd')
  expect(printable('\u001b[2J\u0007\u007f\u009b')).toBe('\\u001b[2J\\u0007\\u007f\\u009b')
  expect(printable('\u202etxt.exe\u2066\u2028')).toBe('\\u202etxt.exe\\u2066\\u2028')
})

test('leaves letters of every script alone', () => {
  expect(printable('Schlüssel 鍵 🔑 \\ "x"')).toBe('Schlüssel 鍵 🔑 \\ "x"')
})

test('never lets a control character through', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => !/\p{Cc}/u.test(printable(text))))
})
