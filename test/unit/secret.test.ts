import { PassThrough } from 'node:stream'
import { format, inspect } from 'node:util'
import pino from 'pino'
import { expect, test } from 'vitest'
import { releaseBytes, Secret } from '../../src/base/secret.ts'

const text = 'correct horse battery staple'
const printed = `[secret, ${text.length} bytes]`
const secret = (): Secret => new Secret(Buffer.from(text))

test.each<[string, (secret: Secret) => string]>([
  ['String', String],
  ['a template', one => `<${one as unknown as string}>`.slice(1, -1)],
  ['concatenation', one => ('<' + (one as unknown as string)).slice(1)],
  ['inspect', one => inspect(one)],
  ['inspect with everything shown', one => inspect(one, { showHidden: true, depth: Infinity })],
  ['console formatting', one => format('%s', one)],
  ['console formatting of objects', one => format('%o', one)]
])('a secret prints its length alone by way of %s', (_name, print) => {
  expect(print(secret())).toBe(printed)
})

test('a secret inside of things prints its length alone', () => {
  expect(JSON.stringify({ list: [secret()] })).toBe(`{"list":["${printed}"]}`)
  expect(inspect({ list: [secret()] })).toBe(`{ list: [ ${printed} ] }`)
})

test('a logger and an error that carries a secret print its length alone', () => {
  const lines = new PassThrough()
  const log = pino({ base: null }, lines)
  log.info({ secret: secret(), err: Object.assign(new Error('failed'), { secret: secret() }) }, 'see')
  const logged = String(lines.read())
  expect(logged).toContain(printed)
  expect(logged).not.toContain(text)
  expect(logged).not.toContain([...Buffer.from(text)].join(','))
})

test('a secret has no enumerable properties to copy it by', () => {
  expect(Object.keys(secret())).toEqual([])
  expect(Object.assign({}, secret())).toEqual({})
})

test('wiping a secret overwrites its buffer, and twice is harmless', () => {
  const bytes = Buffer.from(text)
  const one = new Secret(bytes)
  expect(one.bytes()).toBe(bytes)
  one.wipe()
  one.wipe()
  expect(bytes.every(byte => byte === 0)).toBe(true)
  expect(one.length).toBe(0)
  expect(String(one)).toBe('[secret, 0 bytes]')
})

test('released bytes are zeroed, and nothing beside them', () => {
  const memory = Buffer.from('before SECRET after')
  releaseBytes(memory.subarray(7, 13))
  expect(memory.toString()).toBe('before \0\0\0\0\0\0 after')
})

test('released bytes that have memory of their own give it back', () => {
  const bytes = Buffer.alloc(1 << 20, 7)
  releaseBytes(bytes)
  expect(bytes.length).toBe(0)
  expect(() => releaseBytes(bytes)).not.toThrow()
})
