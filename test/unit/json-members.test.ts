import { expect, test } from 'vitest'
import { membersOf } from '../../src/vault/credentials/json-members.ts'

const numbers = [
  '0',
  '-0',
  '1',
  '10',
  '-12.50',
  '1e5',
  '1E+5',
  '1.0e-05',
  '00',
  '01',
  '-',
  '+1',
  '1.',
  '.5',
  '1e',
  '1e+',
  '0x1',
  '1.2.3',
  '1-2'
]

test.each(numbers)('the number %s is one for us if it is one for JSON.parse', text => {
  const whole = `{"a":${text},"b":[${text}, {"c":${text}}]}`
  const isJson = ((): boolean => {
    try {
      JSON.parse(whole)
      return true
    } catch {
      return false
    }
  })()
  const members = membersOf(Buffer.from(whole))
  expect(members !== null).toBe(isJson)
  if (isJson)
    expect([...(members ?? [])].map(([name, value]) => [name, value.toString()])[0]).toEqual(['a', text])
})

test('members are those of the outermost object alone, under the names that are written', () => {
  const members = membersOf(Buffer.from('{"a b": {"inner": 1}, "": [2]}'))
  expect([...(members ?? [])].map(([name, value]) => [name, value.toString()])).toEqual([
    ['a b', '{"inner": 1}'],
    ['', '[2]']
  ])
})
