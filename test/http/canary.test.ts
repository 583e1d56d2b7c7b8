import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { foundInMemory } from '../kit/memory.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { ask, type Answer } from '../kit/ask.ts'

const tar = 'application/x-tar'
let daemon: Daemon
beforeEach(async () => {
  // As in the plugin: memory that is given back to the C library is overwritten.
  daemon = await startDaemon({
    MALLOC_PERTURB_: '165',
    // The collector comes by often, and moves what lies in its heap.
    NODE_OPTIONS: '--max-semi-space-size=1',
    MAX_BOX_BYTES: String(8 << 20),
    MAX_BOX_ENTRIES: '20',
    LOG_LEVEL: 'trace'
  })
  await call('PUT', '/vault/db/')
})
afterEach(() => daemon.stop())

async function call(
  method: string,
  url: string,
  body?: Buffer,
  headers?: Record<string, string>
): Promise<Answer> {
  const answer = await ask(daemon.adminSocket, {
    method,
    url,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers })
  })
  return answer
}

async function driver(method: string, body: unknown): Promise<Record<string, unknown>> {
  const request = { method: 'POST', url: `/VolumeDriver.${method}`, body: JSON.stringify(body) }
  return JSON.parse((await ask(daemon.pluginSocket, request)).body.toString()) as Record<string, unknown>
}

/** Secrets that nobody else has, one for each way they go, and nowhere in this program's arguments. */
function secrets(...ways: string[]): Record<string, Buffer> {
  return Object.fromEntries(ways.map(way => [way, randomBytes(24)]))
}

/** A secret as contents: by itself, or over and over. */
function contents(secret: Buffer | undefined, bytes?: number): Buffer {
  if (secret === undefined) throw new Error('no such secret')
  return bytes === undefined ? Buffer.from(secret) : Buffer.alloc(bytes, secret)
}

function archiveOf(files: Record<string, Buffer>): Promise<Buffer> {
  const archive = pack()
  for (const [name, bytes] of Object.entries(files)) archive.entry({ name }, bytes)
  archive.finalize()
  return buffer(archive)
}

/** Everything the daemon keeps and tells, beside its memory. */
function keptAndTold(): Buffer {
  const data = join(daemon.directory, 'data')
  const files = readdirSync(data, { withFileTypes: true }).filter(entry => entry.isFile())
  expect(files.map(({ name }) => name)).toContain('store.db-wal')
  return Buffer.concat([
    Buffer.from(daemon.log()),
    ...files.map(({ name }) => readFileSync(join(data, name)))
  ])
}

function expectNotKept(all: Record<string, Buffer>): void {
  const bytes = keptAndTold()
  const kept = Object.entries(all).filter(([, secret]) =>
    (['hex', 'base64', 'latin1'] as const).some(encoding =>
      bytes.includes(secret.toString(encoding), 0, 'latin1')
    )
  )
  expect(kept.map(([way]) => way)).toEqual([])
}

test('a secret in the daemon’s memory would be found', async () => {
  const all = secrets('path')
  // A path is no secret, and is kept in a string.
  const path = all['path']?.toString('hex') ?? ''
  await call('PUT', `/vault/db/${path}`, Buffer.from('x'))
  expect(await foundInMemory(daemon.pid, { path: Buffer.from(path) })).not.toEqual([])
})

describe('a secret that went through the daemon is not in its memory afterwards, nor in what it keeps and tells', () => {
  test('by putting and reading files', async () => {
    const all = secrets('small', 'inline', 'medium', 'large', 'replaced')
    const { small, inline, medium, large, replaced } = all
    await call('PUT', '/vault/db/small', contents(small))
    await call('PUT', '/vault/db/inline', contents(inline, 16_000))
    await call('PUT', '/vault/db/medium', contents(medium, 100_000))
    await call('PUT', '/vault/db/large', contents(large, 3_000_000))
    await call('PUT', '/vault/db/replaced', contents(replaced))
    await call('PUT', '/vault/db/replaced', Buffer.from('x'))
    for (const [way, secret] of Object.entries(all)) {
      if (way === 'replaced') continue
      const { body } = await call('GET', `/vault/db/${way}`)
      expect(body.subarray(0, secret.length).equals(secret)).toBe(true)
    }
    expect(await foundInMemory(daemon.pid, all)).toEqual([])
    expectNotKept(all)
  })

  test.skipIf(cannotMount)('by fields of credentials, in the files that are made of them', async () => {
    const all = secrets('pgpass', 'json')
    // Characters that formats escape none of, so that the whole of each would be found.
    for (const [way, secret] of Object.entries(all)) all[way] = Buffer.from(secret.toString('hex'))
    await call('PUT', '/vault/pg/?type=postgres&scope=host%3Dh')
    await call('PUT', '/vault/pg/user', Buffer.from('u'))
    await call('PUT', '/vault/pg/password', contents(all['pgpass']))
    await call('PUT', '/vault/js/?type=json')
    await call('PUT', '/vault/js/key', contents(all['json']))
    for (const box of ['pg', 'js']) {
      await driver('Create', { Name: box, Opts: {} })
      expect(await driver('Mount', { Name: box, ID: box })).toHaveProperty('Mountpoint')
      await driver('Unmount', { Name: box, ID: box })
    }
    expect(await foundInMemory(daemon.pid, all)).toEqual([])
    expectNotKept(all)
  })

  test('from the key file', async () => {
    // "secretbox key 1\n", the vault's id, the key (src/crypto/key-file.ts).
    const key = readFileSync(join(daemon.directory, 'key', 'key')).subarray(32, 64)
    expect(await foundInMemory(daemon.pid, { key })).toEqual([])
    expectNotKept({ key })
  })

  test('by trees in and out', async () => {
    const all = secrets('small', 'large')
    const { small, large } = all
    const body = await archiveOf({ small: contents(small), large: contents(large, 2_000_000) })
    expect((await call('PUT', '/vault/db/', body, { 'Content-Type': tar })).status).toBe(200)
    const out = await call('GET', '/vault/db/', undefined, { Accept: tar })
    for (const secret of Object.values(all)) expect(out.body.includes(secret)).toBe(true)
    await call('PATCH', '/vault/db/', Buffer.from('{"rollback":1}'))
    await call('PATCH', '/vault/db/', Buffer.from('{"rollback":2}'))
    expect(await foundInMemory(daemon.pid, all)).toEqual([])
    expectNotKept(all)
  })

  test.skipIf(cannotMount)('by copies that were mounted and unmounted (takes root)', async () => {
    const all = secrets('small', 'large')
    const { small, large } = all
    await call('PUT', '/vault/db/small', contents(small))
    await call('PUT', '/vault/db/large', contents(large, 3_000_000))
    await driver('Create', { Name: 'db' })
    for (const ID of ['one', 'two']) {
      const { Mountpoint } = (await driver('Mount', { Name: 'db', ID })) as { Mountpoint: string }
      expect(readFileSync(join(Mountpoint, 'small')).equals(contents(small))).toBe(true)
    }
    for (const ID of ['one', 'two']) await driver('Unmount', { Name: 'db', ID })
    expect(await foundInMemory(daemon.pid, all)).toEqual([])
    expectNotKept(all)
  })

  test('by requests that were refused', async () => {
    const all = secrets(
      'too large',
      'too large in a tree',
      'bad path',
      'below a file',
      'cut off',
      'no box',
      'no body',
      'too many'
    )
    const large = 9 << 20
    const many = Array.from({ length: 40 }, (_, i) => `f${i}`)
    const tree = { 'Content-Type': tar }
    const refusals: [way: string, answer: Promise<Answer>][] = [
      ['too large', call('PUT', '/vault/db/f', contents(all['too large'], large))],
      [
        'too large in a tree',
        call('PUT', '/vault/db/', await archiveOf({ f: contents(all['too large in a tree'], large) }), tree)
      ],
      [
        'cut off',
        call(
          'PUT',
          '/vault/db/',
          (await archiveOf({ f: contents(all['cut off'], 400_000) })).subarray(0, 300_000),
          tree
        )
      ],
      [
        'too many',
        call(
          'PUT',
          '/vault/db/',
          await archiveOf(Object.fromEntries(many.map(name => [name, contents(all['too many'], 500)]))),
          tree
        )
      ],
      ['no box', call('PUT', '/vault/none/f', contents(all['no box'], 300_000))],
      ['no body', call('PUT', '/vault/other/', contents(all['no body'], 300_000))]
    ]
    for (const [way, answer] of refusals) expect((await answer).status, way).toBeGreaterThanOrEqual(400)
    const partly = await call(
      'PUT',
      '/vault/db/',
      await archiveOf({
        ['x'.repeat(256)]: contents(all['bad path'], 2_000_000),
        f: Buffer.from('x'),
        'f/below': contents(all['below a file'])
      }),
      tree
    )
    expect((JSON.parse(partly.body.toString()) as { errors: unknown[] }).errors).toHaveLength(2)
    expect(await foundInMemory(daemon.pid, all)).toEqual([])
    expectNotKept(all)
  })

  test('by transfers that were broken off', async () => {
    const all = secrets('up', 'up in a tree', 'down', 'down in a tree')
    const bytes = 4 << 20
    for (const [way, url, body, headers] of [
      ['up', '/vault/db/f', contents(all['up'], bytes), {}],
      [
        'up in a tree',
        '/vault/db/',
        await archiveOf({ f: contents(all['up in a tree'], bytes) }),
        { 'Content-Type': tar }
      ]
    ] as const) {
      const sent = request({
        socketPath: daemon.adminSocket,
        method: 'PUT',
        path: url,
        headers: { ...headers, 'Content-Length': bytes * 2 }
      })
      const failed = once(sent, 'error')
      for (let at = 0; at < body.length; at += 65_536)
        if (!sent.write(body.subarray(at, at + 65_536))) await once(sent, 'drain')
      sent.destroy(new Error(way))
      await failed
    }
    for (const [way, url, headers] of [
      ['down', '/vault/db/g', {}],
      ['down in a tree', '/vault/db/', { Accept: tar }]
    ] as const) {
      await call('PUT', '/vault/db/g', contents(all[way], bytes))
      const [answer] = (await once(
        request({ socketPath: daemon.adminSocket, path: url, headers }).end(),
        'response'
      )) as [IncomingMessage]
      await once(answer, 'readable')
      answer.destroy()
    }
    // It has seen all of these end when it answers a request that came later.
    await call('GET', '/status')
    expect(await foundInMemory(daemon.pid, all)).toEqual([])
    expectNotKept(all)
  })
})
