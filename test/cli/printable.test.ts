import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable, printableJson } from '../../src/cli/output/printable.ts'

test('escapes what could steer a terminal', () => {
  expect(printable('a\nb\tc\rd')).toBe('a\\nb\\tc\\rd')
  expect(printable('\u001b[2J\u0007\u007f\u009b')).toBe('\\u001b[2J\\u0007\\u007f\\u009b')
  expect(printable('\u202etxt.exe\u2066\u2028')).toBe('\\u202etxt.exe\\u2066\\u2028')
})

test.each([
  ['zero-width', '\u200b\u200c\u200d\u2060\ufeff', '\\u200b\\u200c\\u200d\\u2060\\ufeff'],
  ['formats', '\u00ad\u061c\u180e\u{e0041}\u{1d173}', '\\u00ad\\u061c\\u180e\\u{e0041}\\u{1d173}'],
  ['fillers', '\u034f\u115f\u3164\uffa0\u2800', '\\u034f\\u115f\\u3164\\uffa0\\u2800'],
  ['variation selectors', 'a\ufe0f\u{e0100}', 'a\\ufe0f\\u{e0100}'],
  ['spaces that are none', 'a \u00a0\u2003\u3000b', 'a \\u00a0\\u2003\\u3000b'],
  ['halves of characters', '\ud800x\udfff', '\\ud800x\\udfff'],
  ['private and unassigned', '\ue000\u{10ffff}\uffff', '\\ue000\\u{10ffff}\\uffff']
])('escapes what is there without being seen: %s', (_, text, shown) => {
  expect(printable(text)).toBe(shown)
})

test('leaves letters of every script alone', () => {
  for (const text of ['Schlüssel 鍵 🔑 \\ "x"', 'مفتاح', 'מפתח', 'कुंजी', 'u\u0308'])
    expect(printable(text)).toBe(text)
})

test('JSON is escaped likewise, and means the same', () => {
  const value = { 'a\u009b': ['\u202e', '\u{e0041}', 'ü\n"\\'], b: null }
  expect(printableJson(value)).toBe('{"a\\u009b":["\\u202e","\\udb40\\udc41","ü\\n\\"\\\\"],"b":null}')
  expect(printableJson({ a: [1] }, 2)).toBe('{\n  "a": [\n    1\n  ]\n}')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(JSON.parse(printableJson(text))).toBe(text)
      expect(printableJson(text)).toMatch(/^[^\p{C}]*$/u)
    })
  )
})

test('never lets a control character through', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => !/\p{C}/u.test(printable(text))))
})
