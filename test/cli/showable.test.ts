import { expect, test } from 'vitest'
import { followText } from '../../src/cli/output/showable.ts'

test('text in any language is shown, however it is cut into pieces', () => {
  const text = Buffer.from('one\ttwo\r\n ü é 鍵 🔑 \u00a0 مفتاح')
  for (let size = 1; size <= text.length; size++) {
    const { isText, isWhole } = followText()
    for (let at = 0; at < text.length; at += size) expect(isText(text.subarray(at, at + size))).toBe(true)
    expect(isWhole()).toBe(true)
  }
})

test.each([
  ['a NUL', 'a\x00b'],
  ['an escape', '\x1b[2J'],
  ['a bell', '\x07'],
  ['DEL', '\x7f'],
  ['C1', '\xc2\x9b31m'],
  ['C1 as a byte', '\x9b31m'],
  ['no UTF-8', '\xff\xfe'],
  ['an overlong form', '\xc0\x80'],
  ['half of a surrogate pair', '\xed\xa0\x80'],
  ['a character cut short by another', '\xe9\x8da']
])('%s is not, however it is cut into pieces', (_, latin1) => {
  const bytes = Buffer.from(latin1, 'latin1')
  for (let size = 1; size <= bytes.length; size++) {
    const { isText } = followText()
    const pieces = []
    for (let at = 0; at < bytes.length; at += size)
      pieces.push(isText(Buffer.from(bytes.subarray(at, at + size))))
    expect(pieces).toContain(false)
  }
})

test('what ends within a character is not whole', () => {
  const { isText, isWhole } = followText()
  expect(isText(Buffer.from([0x61, 0xf0, 0x9f]))).toBe(true)
  expect(isWhole()).toBe(false)
})
