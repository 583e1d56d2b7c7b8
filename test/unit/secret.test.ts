import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { format, inspect } from 'node:util'
import pino from 'pino'
import { expect, test } from 'vitest'
import { releaseBytes, Secret } from '../../src/base/secret.ts'
import { foundInMemory } from '../kit/memory.ts'

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

/** Writes bytes that only the parent can tell, has the collector move what it moves, overwrites them and waits. */
const moved = `
  const { newBytes } = await import(process.argv[1])
  const allocate = { newBytes, alloc: length => Buffer.alloc(length) }[process.argv[2]]
  const masked = Buffer.from(process.argv[3], 'hex')
  const bytes = allocate(masked.length)
  for (const at of bytes.keys()) bytes[at] = masked[at] ^ 0xff
  gc({ type: 'minor' })
  gc({ type: 'minor' })
  bytes.fill(0)
  process.stdout.write('overwritten')
  process.stdin.resume()
`

test.each<[string, string, string[]]>([
  ['new bytes that are overwritten are nowhere else', 'newBytes', []],
  ['where V8 keeps others, they still are', 'alloc', ['bytes in anonymous memory']]
])('%s, when the collector has come by meanwhile', async (_name, how, found) => {
  const bytes = randomBytes(32)
  const masked = Buffer.from(bytes.map(byte => byte ^ 0xff))
  const secrets = new URL('../../src/base/secret.ts', import.meta.url).href
  const options = [
    '--expose-gc',
    '--input-type=module',
    '--eval',
    moved,
    secrets,
    how,
    masked.toString('hex')
  ]
  const child = spawn(process.execPath, options, { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    expect(await foundInMemory(child.pid ?? 0, { bytes })).toEqual(found)
  } finally {
    child.stdin.end()
    await once(child, 'close')
  }
})
