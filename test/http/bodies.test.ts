import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { removeHome, startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { ask } from '../kit/ask.ts'

const maxBoxBytes = 2_000_000
const tar = { 'Content-Type': 'application/x-tar' }
const settings = { MAX_BOX_BYTES: String(maxBoxBytes), MAX_BOX_ENTRIES: '1000' }
let daemon: Daemon
beforeAll(async () => {
  daemon = await startWithBox()
})
afterAll(() => daemon.stop())

async function startWithBox(): Promise<Daemon> {
  const started = await startDaemon(settings)
  await ask(started.adminSocket, { method: 'PUT', url: '/vault/db/' })
  return started
}

/**
 * Sends a request with all of its body, whatever is answered meanwhile, and then another one, on one connection.
 * Gives all that is answered. Node's own client gives up a body once it has an answer.
 */
async function sendAll(head: string, body: Iterable<Buffer>, next: string): Promise<string> {
  const socket = connect(daemon.adminSocket)
  const answers = buffer(socket)
  socket.write(`${head}\r\nHost: admin\r\nTransfer-Encoding: chunked\r\n\r\n`)
  for (const piece of body) {
    if (piece.length === 0) continue
    socket.write(`${piece.length.toString(16)}\r\n`)
    socket.write(piece)
    if (!socket.write('\r\n')) await once(socket, 'drain')
  }
  socket.write(`0\r\n\r\n${next} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n`)
  return (await answers).toString()
}

function* pieces(bytes: number, begin: Buffer = Buffer.of()): Generator<Buffer> {
  yield begin
  for (let left = bytes; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536), 7)
}

async function tarHead(name: string, size: number): Promise<Buffer> {
  const archive = pack()
  archive.entry({ name, size })
  await once(archive, 'readable')
  return archive.read() as Buffer
}

describe('a caller who sends all of a body that is refused', () => {
  const long = 8 << 20
  const cases: [
    name: string,
    method: string,
    path: string,
    headers: Record<string, string>,
    begin: () => Promise<Buffer>,
    code: string
  ][] = [
    ['a file that is too large', 'PUT', '/vault/db/f', {}, () => Promise.resolve(Buffer.of()), 'too_large'],
    ['a tree that is too large', 'PUT', '/vault/db/', tar, () => tarHead('f', long), 'too_large'],
    ['what is no tree', 'PUT', '/vault/db/', tar, () => Promise.resolve(randomBytes(2000)), 'invalid'],
    ['a body for a new box', 'PUT', '/vault/other/', {}, () => Promise.resolve(Buffer.of()), 'invalid'],
    [
      'a body for a directory',
      'PUT',
      '/vault/db/d?type=directory',
      {},
      () => Promise.resolve(Buffer.of()),
      'invalid'
    ],
    [
      'a symlink without end',
      'PUT',
      '/vault/db/l?type=symlink',
      {},
      () => Promise.resolve(Buffer.of()),
      'invalid'
    ],
    ['a file for no box', 'PUT', '/vault/missing/f', {}, () => Promise.resolve(Buffer.of()), 'not_found'],
    [
      'a file with a bad mode',
      'PUT',
      '/vault/db/f?mode=9',
      {},
      () => Promise.resolve(Buffer.of()),
      'invalid'
    ],
    ['JSON without end', 'PATCH', '/vault/db/', {}, () => Promise.resolve(Buffer.from('{"')), 'too_large']
  ]

  test.each(cases)(
    'gets the answer for %s, and another one on the same connection',
    async (_name, method, path, headers, begin, code) => {
      const lines = Object.entries(headers).map(([name, value]) => `\r\n${name}: ${value}`)
      const head = `${method} ${path} HTTP/1.1${lines.join('')}`
      const answers = await sendAll(head, pieces(long, await begin()), 'GET /status')
      expect(answers).toContain(`{"code":"${code}"`)
      expect(answers).toMatch(/^HTTP\/1\.1 4.*HTTP\/1\.1 200 OK\r\n.*"sealed":false/s)
    }
  )
})

/** How many records there are by kind, once the daemon has ended as in a crash. */
async function recordsLeft(daemon: Daemon): Promise<Record<string, number>> {
  await daemon.kill('SIGKILL')
  const store = await openSqliteStore(join(daemon.directory, 'data/store.db'), { create: false })
  const left: Record<string, number> = {}
  for (const kind of ['blob', 'staging', 'manifest']) left[kind] = await store.count(`${kind}/`)
  await store.close()
  await removeHome(daemon.directory)
  return left
}

describe('an upload that breaks off', () => {
  test.each<[string, string, Record<string, string>, () => Promise<Buffer>]>([
    ['of a file', '/vault/db/f', {}, () => Promise.resolve(Buffer.of())],
    ['of a tree', '/vault/db/', tar, () => tarHead('f', 1_900_000)]
  ])('%s leaves nothing, and no version', async (_name, path, headers, begin) => {
    const daemon = await startWithBox()
    const sent = httpRequest({
      socketPath: daemon.adminSocket,
      method: 'PUT',
      path,
      headers: { ...headers, 'Content-Length': 1_900_512 }
    })
    const failed = once(sent, 'error')
    for (const piece of pieces(1_500_000, await begin())) if (!sent.write(piece)) await once(sent, 'drain')
    // Looking at the box on another connection takes long enough for some of it to be stored.
    await ask(daemon.adminSocket, { method: 'GET', url: '/vault/db/' })
    sent.destroy(new Error('gone'))
    await failed
    const { body } = await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/db/other', body: 'x' })
    expect(JSON.parse(body.toString())).toMatchObject({ version: 2 })
    expect(daemon.log()).not.toContain('internal error')
    expect(await recordsLeft(daemon)).toEqual({ blob: 0, staging: 0, manifest: 2 })
  })

  test('of a tree that ends too early leaves nothing and says so', async () => {
    const daemon = await startWithBox()
    const head = await tarHead('f', 500_000)
    const body = Buffer.concat([head, randomBytes(400_000)])
    const answer = await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/db/', headers: tar, body })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: 'invalid',
      message: 'bad tar archive: it ends in the middle',
      hint: 'it was cut short on its way, or is not finished'
    })
    expect(await recordsLeft(daemon)).toEqual({ blob: 0, staging: 0, manifest: 1 })
  })
})

describe('bodies that are no change', () => {
  const patch = async (body: string): Promise<unknown> => {
    const answer = await ask(daemon.adminSocket, { method: 'PATCH', url: '/vault/db/', body })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    return JSON.parse(answer.body.toString())
  }

  test('are refused without being repeated', async () => {
    expect(await patch('hunter2 is no JSON')).toEqual({
      code: 'invalid',
      message: 'bad request: the body is not JSON'
    })
    const rule =
      'bad change: it must be {"remove": [{"path", "recursive"}]}, {"rollback": version}, {"rename": name} or {"owner": uid}'
    for (const body of [
      '',
      '{}',
      '[]',
      'null',
      '{"remove":[]}',
      '{"remove":"a"}',
      '{"rollback":0}',
      '{"rollback":1,"remove":[{"path":"a"}]}',
      '{"remove":[{"path":1}]}'
    ])
      expect(await patch(body), body).toEqual({
        code: 'invalid',
        message: body === 'null' ? 'bad request: the body is not JSON' : rule
      })
  })

  test('and too long name the limit', async () => {
    expect(await patch(`{"x":"${'x'.repeat(10 << 20)}"}`)).toEqual({
      code: 'too_large',
      message: 'bad request: the body may have at most 4194304 bytes'
    })
  })
})

test('what is no HTTP is refused, and the daemon goes on', async () => {
  const socket = connect(daemon.adminSocket)
  socket.write('\x16\x03\x01 no HTTP\r\n\r\n')
  expect((await buffer(socket)).toString()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect((await ask(daemon.adminSocket, { method: 'GET', url: '/status' })).status).toBe(200)
})
