import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readJson, stringBytes, writtenBytes, type JsonValue } from '../../src/cli/input/json-bytes.ts'

/** What a value says, by way of its bytes. */
function said(text: Buffer, value: JsonValue): unknown {
  if (value.type === 'object')
    return Object.fromEntries([...value.members].map(([name, member]) => [name, said(text, member)]))
  if (value.type === 'string') return Buffer.from(stringBytes(text, value).bytes()).toString()
  return JSON.parse(Buffer.from(writtenBytes(text, value).bytes()).toString())
}

test('what JSON.parse reads is read alike, whatever is in it', () => {
  const names = fc.string({ unit: 'grapheme' }).filter(name => name !== '__proto__')
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'grapheme' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value')),
      fc.dictionary(names, tie('value'))
    )
  }))
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 1, '\t'), (given, space) => {
      const text = Buffer.from(` ${JSON.stringify(given, null, space)}\r\n`)
      expect(said(text, readJson(text))).toEqual(JSON.parse(text.toString()))
    })
  )
})

test.each([
  [String.raw`"a\n\"\\\/\b\f\r\t"`, 'a\n"\\/\b\f\r\t'],
  [String.raw`"\u00e4\u20AC\ud83d\ude00\u0000"`, 'ä€😀\0'],
  ['"ä€😀"', 'ä€😀'],
  ['""', '']
])('the string %s is its bytes', (text, bytes) => {
  const json = Buffer.from(text)
  expect(Buffer.from(stringBytes(json, readJson(json)).bytes())).toEqual(Buffer.from(bytes))
})

test('a text that is changed is read, or refused, as JSON.parse does', () => {
  const unit = fc.constantFrom(...Array.from('{}[]",:\\u0aA-+.eEtrufalsn 1\n'))
  const text = fc.oneof(
    fc.string({ unit, maxLength: 12 }),
    fc.string({ unit, maxLength: 6 }).map(s => `["x${s}",1]`)
  )
  fc.assert(
    fc.property(text, given => {
      const bytes = Buffer.from(given)
      const [ours, theirs] = [() => said(bytes, readJson(bytes)), () => JSON.parse(given) as unknown].map(
        read => {
          try {
            return [read()]
          } catch {
            return null
          }
        }
      )
      if (ours !== null) expect(ours).toEqual(theirs)
      // Half a surrogate pair and a name given twice are theirs alone.
      else if (theirs !== null) expect(given).toMatch(/\\u|".*".*".*"/s)
    }),
    { numRuns: 3000 }
  )
})

test.each([
  ['{"a":1,"a":2}', 'line 1, byte 11 has a name that is there already'],
  ['{"a":1,"\\u0061":2}', 'line 1, byte 16 has a name that is there already'],
  ['[\n "secret",]', 'line 2, byte 11 has something that is no value'],
  ['["secret"', 'line 1, byte 10 has something else than ","'],
  ['"secret', 'line 1, byte 8 has a string without its end, or a control character in it'],
  ['"sec\nret"', 'line 1, byte 5 has a string without its end, or a control character in it'],
  ['"\\x"', 'line 1, byte 3 has a backslash before what it cannot be before'],
  ['"\\u12g4"', 'line 1, byte 3 has an escape without four digits'],
  ['"\\u12', 'line 1, byte 3 has an escape without four digits'],
  ['01', 'line 1, byte 2 has something after its end'],
  ['', 'line 1, byte 1 has something that is no value'],
  ['['.repeat(200), 'line 1, byte 102 has too many values in each other']
])('%j is no JSON, and the message says where and nothing else of it', (text, message) => {
  expect(() => readJson(Buffer.from(text))).toThrow(`it is not JSON: ${message}`)
  expect(() => readJson(Buffer.from(text))).not.toThrow('secret')
})

test('bytes that are not UTF-8, and half a surrogate pair, are no text', () => {
  expect(() => readJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow('it is not valid UTF-8')
  for (const half of ['"\\ud800"', '"\\ud800\\u0041"', '"\\udc00"']) {
    const text = Buffer.from(half)
    expect(() => stringBytes(text, readJson(text))).toThrow('line 1, byte 2 has half a surrogate pair')
  }
})
