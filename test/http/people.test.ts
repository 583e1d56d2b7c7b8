import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { actions } from '../../src/base/actions.ts'
import { rights } from '../../src/base/rights.ts'
import { rightFor } from '../../src/vault/access/authority.ts'
import { ask, type Answer } from '../kit/ask.ts'
import { driverAt } from '../kit/driver.ts'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'

/* People who are not root, at the socket that all may connect to: they are known by the kernel, and do what they were granted. */

let daemon: Daemon
const [alice, bob, stranger] = [61_001, 61_002, 61_003]

beforeAll(async () => {
  daemon = await startDaemon()
  for (const box of ['db', 'theirs']) {
    await byRoot('PUT', `/vault/${box}/`)
    await byRoot('PUT', `/vault/${box}/f`, 'x')
  }
})
afterAll(() => daemon.stop())

async function byRoot(method: string, url: string, body?: unknown): Promise<Answer> {
  const answer = await as(0, method, url, body)
  expect(answer.status, `${method} ${url}: ${answer.body.toString()}`).toBeLessThan(300)
  return answer
}

function as(uid: number, method: string, url: string, body?: unknown): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return ask(
    daemon.publicSocket,
    {
      method,
      url,
      ...(body === undefined ? {} : { body: text, headers: { 'Content-Type': 'application/octet-stream' } })
    },
    uid
  )
}

const grant = (subject: string, boxes: string, ...given: string[]): Promise<Answer> =>
  byRoot('POST', '/grants', { subject, boxes, rights: given })
const jsonOf = ({ body }: Answer): unknown => JSON.parse(body.toString())

test('all may connect, the socket says; root has one of its own', () => {
  expect(statSync(daemon.publicSocket).mode & 0o777).toBe(0o666)
  expect(statSync(daemon.adminSocket).mode & 0o777).toBe(0o600)
  expect(statSync(daemon.directory).mode & 0o777).toBe(0o711)
})

/** What is asked about a box, the right that it takes, and how it is answered to who has that. */
const questions: readonly [right: string, method: string, url: (box: string) => string, body?: unknown][] = [
  ['info', 'GET', box => `/vault/${box}/`],
  ['info', 'HEAD', box => `/vault/${box}/f`],
  ['info', 'GET', box => `/versions/${box}/`],
  ['reveal', 'GET', box => `/vault/${box}/?digests=1`],
  ['reveal', 'GET', box => `/vault/${box}/f`],
  ['write', 'PUT', box => `/vault/${box}/f`, 'y'],
  ['write', 'PATCH', box => `/vault/${box}/`, { rollback: 1 }],
  ['write', 'DELETE', box => `/vault/${box}/f`],
  ['manage', 'PUT', box => `/vault/${box}/`],
  ['manage', 'GET', box => `/grants?box=${box}`],
  ['manage', 'GET', box => `/can?subject=user:1&right=info&box=${box}`],
  ['manage', 'GET', box => `/audit?box=${box}`],
  ['manage', 'PATCH', box => `/vault/${box}/`, { rename: 'theirs' }],
  ['manage', 'DELETE', box => `/vault/${box}/`],
  ['owner', 'PATCH', box => `/vault/${box}/`, { owner: 1 }]
]

test('who has no right is answered alike whether there is such a box or not', async () => {
  await grant(`user:${alice}`, 'alice-*', ...rights)
  for (const uid of [alice, stranger])
    for (const [, method, url, body] of questions) {
      const [there, missing] = await Promise.all(['db', 'none'].map(box => as(uid, method, url(box), body)))
      expect(there?.status, `${method} ${url('db')}`).toBe(403)
      expect(missing?.status).toBe(403)
      expect(there?.body).toEqual(missing?.body)
      const headersOf = ({ headers: { date: _, ...others } }: Answer): object => others
      expect(there && headersOf(there)).toEqual(missing && headersOf(missing))
    }
})

test('each right gives what it says, and nothing else', async () => {
  for (const given of rights) {
    await grant(`user:${bob}`, 'db', given)
    for (const [right, method, url, body] of questions) {
      // These take the box, or another name.
      if (right === 'manage' && (method === 'DELETE' || method === 'PATCH')) continue
      const { status } = await as(bob, method, url('db'), body)
      expect([given, method, url('db'), status === 403]).toEqual([given, method, url('db'), right !== given])
    }
    await byRoot('PUT', '/vault/db/f', 'x')
    await byRoot('POST', '/revoke', { subject: `user:${bob}`, boxes: 'db' })
  }
  expect((await as(bob, 'GET', '/vault/')).status).toBe(403)
})

test('every action has its right, or is root’s', () => {
  expect(Object.keys(rightFor).sort()).toEqual([...actions].sort())
})

test('a group’s grant is for who is in it, as the kernel knows', async () => {
  await grant('group:0', 'db', 'info')
  // The connections of this test keep root's groups; a stranger's uid alone has changed.
  expect((await as(stranger, 'GET', '/vault/db/')).status).toBe(200)
  await byRoot('POST', '/revoke', { subject: 'group:0', boxes: 'db' })
  expect((await as(stranger, 'GET', '/vault/db/')).status).toBe(403)
})

test('a person makes boxes of a glob that they manage, owns them, and sees no others', async () => {
  expect((await as(alice, 'PUT', '/vault/alice-1/')).status).toBe(201)
  expect((await as(alice, 'PUT', '/vault/elsewhere/')).status).toBe(403)
  expect((await as(alice, 'PUT', '/vault/db/')).status).toBe(403)
  await byRoot('POST', '/revoke', { subject: `user:${alice}`, boxes: 'alice-*' })
  expect((await as(alice, 'PUT', '/vault/alice-2/')).status).toBe(403)
  expect((await as(alice, 'PUT', '/vault/alice-1/f', 'mine')).status).toBe(200)
  expect((await as(alice, 'GET', '/vault/alice-1/f')).body.toString()).toBe('mine')
  expect(jsonOf(await as(alice, 'GET', '/vault/alice-1/'))).toMatchObject({
    owner: alice,
    reveal: 'granted',
    closed: false
  })
  expect(jsonOf(await as(alice, 'GET', '/vault/'))).toMatchObject({ boxes: [{ name: 'alice-1' }] })
  expect((await as(alice, 'GET', '/status')).status).toBe(403)
})

test('who has write alone is told of what they name, and of nothing else that is there', async () => {
  await byRoot('PUT', '/vault/told/')
  for (const path of ['aimed/at/file', 'present']) await byRoot('PUT', `/vault/told/${path}`, 'x')
  await byRoot('PUT', '/vault/told/led?type=symlink', 'aimed/at')
  await byRoot('PUT', '/vault/told/long?type=symlink', 'aimed/'.repeat(600))
  await grant(`user:${bob}`, 'told', 'write')
  const tar = execFileSync('tar', ['-c', '-C', '/proc/self', 'cwd'])
  const asked: readonly [method: string, url: string, body?: unknown, status?: number][] = [
    ['DELETE', '/vault/told/presen', undefined, 404],
    ['DELETE', '/vault/told/aimed', undefined, 400],
    ['PUT', '/vault/told/led/file/below', 'x', 400],
    ['PUT', `/vault/told/long/${'y'.repeat(250)}/${'y'.repeat(250)}/${'y'.repeat(250)}`, 'x', 400],
    ['PUT', '/vault/told/present/below', 'x', 400],
    ['PATCH', '/vault/told/', { remove: [{ path: 'presen', recursive: false }] }],
    ['PATCH', '/vault/told/', { remove: [{ path: 'led/fil', recursive: false }] }],
    ['PATCH', '/vault/told/', { rollback: 3 }],
    ['PUT', '/vault/told/?in=led', tar]
  ]
  for (const [method, url, body, status = 200] of asked) {
    const { body: answered, status: got } = await ask(
      daemon.publicSocket,
      {
        ...{ method, url },
        ...(body === undefined
          ? {}
          : Buffer.isBuffer(body)
            ? { body, headers: { 'Content-Type': 'application/x-tar' } }
            : { body: typeof body === 'string' ? body : JSON.stringify(body) })
      },
      bob
    )
    const text = answered.toString()
    expect([method, url, got, text]).toEqual([method, url, status, text])
    const named = JSON.stringify([url, body])
    for (const secret of ['aimed', 'at/file', 'present', 'dangling'])
      if (!named.includes(secret)) expect([url, text]).toEqual([url, expect.not.stringContaining(secret)])
  }
  // How many entries a version has.
  expect(jsonOf(await as(bob, 'PATCH', '/vault/told/', { rollback: 3 }))).toMatchObject({ applied: 1 })
  expect(jsonOf(await as(0, 'PATCH', '/vault/told/', { rollback: 3 }))).toMatchObject({ applied: 4 })
  const { hint } = jsonOf(await as(0, 'DELETE', '/vault/told/presen')) as { hint: string }
  expect(hint).toContain('present')
})

test('a manager grants what is not theirs to have, but for reveal; and who asks about themselves is answered', async () => {
  await grant(`user:${bob}`, 'theirs', 'manage')
  const give = (...given: string[]): Promise<Answer> =>
    as(bob, 'POST', '/grants', { subject: `user:${stranger}`, boxes: 'theirs', rights: given })
  expect((await give('info', 'use', 'write', 'manage')).status).toBe(200)
  const refused = await give('info', 'reveal')
  expect(refused.status).toBe(403)
  expect(jsonOf(refused)).toMatchObject({
    hint: 'ask as root, or for a grant of the rights "manage" and "reveal"'
  })
  expect(jsonOf(await as(bob, 'PATCH', '/vault/theirs/', { rename: 'mine' }))).toMatchObject({
    hint: 'ask as root, or for a grant of the rights "manage" and "reveal"'
  })
  expect(
    (await as(bob, 'POST', '/grants', { subject: 'user:1', boxes: 'the*', rights: ['info'] })).status
  ).toBe(403)
  const canOf = async (uid: number, subject: string, right: string): Promise<unknown> =>
    jsonOf(await as(uid, 'GET', `/can?subject=${subject}&right=${right}&box=theirs`))
  expect(await canOf(stranger, `user:${stranger}`, 'write')).toMatchObject({
    can: true,
    because: 'grant',
    grant: { by: bob, boxes: 'theirs' }
  })
  expect(await canOf(stranger, `user:${stranger}`, 'reveal')).toEqual({
    can: false,
    because: null,
    grant: null
  })
  expect(jsonOf(await as(stranger, 'GET', '/grants'))).toMatchObject({
    grants: [{ boxes: 'theirs' }, { boxes: 'theirs' }]
  })
  await byRoot('POST', '/revoke', { subject: `user:${stranger}`, boxes: 'theirs' })
  expect((await as(stranger, 'GET', '/grants')).status).toBe(403)
})

test('who may use or manage a box learns nothing of what is in it by injecting or renaming it', async () => {
  await byRoot('PUT', '/vault/asked/')
  await byRoot('PUT', '/vault/asked/f', 'guess=\n')
  for (const right of ['use', 'write', 'manage'])
    await byRoot('POST', '/grants', { subject: `user:${bob}`, boxes: 'asked', rights: [right] })
  const every = ['info', 'use', 'write', 'manage', 'reveal']
  await byRoot('POST', '/grants', { subject: `user:${bob}`, boxes: 'own-*', rights: every })
  const wanted = { files: [{ box: 'asked', target: '/t' }], environment: [{ box: 'asked', path: 'f' }] }
  expect((await as(bob, 'POST', '/injected', wanted)).status).toBe(403)
  expect((await as(bob, 'PATCH', '/vault/asked/', { rename: 'own-asked' })).status).toBe(403)
  await byRoot('POST', '/grants', { subject: `user:${bob}`, boxes: 'asked', rights: ['reveal'] })
  expect((await as(bob, 'POST', '/injected', wanted)).status).toBe(200)
  expect((await as(bob, 'PATCH', '/vault/asked/', { rename: 'own-asked' })).status).toBe(200)
})

test('a wish for a grant names no right more often than there are rights', async () => {
  const rights = Array.from({ length: 6 }, () => 'use')
  for (const url of ['/grants', '/revoke'])
    expect((await as(0, 'POST', url, { subject: 'user:1', boxes: 'x', rights })).status).toBe(400)
})

test('what uses a box keeps it, also what its manager may not know of, and names nothing of that', async () => {
  await byRoot('PUT', '/vault/shown/')
  const driver = driverAt(daemon.pluginSocket)
  await driver.call('Create', { Name: 'shows-it', Opts: { box: 'shown' } })
  driver.close()
  await grant(`user:${bob}`, 'shown', 'manage', 'reveal')
  await grant(`user:${bob}`, 'also-*', 'manage')
  const rename = async (): Promise<unknown> =>
    jsonOf(await as(bob, 'PATCH', '/vault/shown/', { rename: 'also-shown' }))
  expect(await rename()).toMatchObject({
    code: 'in_use',
    message: 'cannot rename box "shown": it is in use'
  })
  await grant(`user:${bob}`, 'shown', 'info')
  expect(await rename()).toMatchObject({
    message: 'cannot rename box "shown": it is in use by volume "shows-it"'
  })
})

test('what is never revealed is so for root, too, and its files can be changed all the same', async () => {
  await byRoot('PUT', '/vault/never/?reveal=never')
  await byRoot('PUT', '/vault/never/f', 'x')
  for (const url of ['/vault/never/f', '/vault/never/?digests=1']) {
    const answer = await as(0, 'GET', url)
    expect([answer.status, jsonOf(answer)]).toMatchObject([
      403,
      { code: 'denied', message: 'box "never" is never revealed' }
    ])
  }
  const tar = await ask(daemon.publicSocket, {
    method: 'GET',
    url: '/vault/never/',
    headers: { Accept: 'application/x-tar' }
  })
  expect(tar.status).toBe(403)
  const given = await as(0, 'POST', '/grants', { subject: 'user:1', boxes: 'never', rights: ['reveal'] })
  expect(given.status).toBe(403)
  expect(jsonOf(await as(0, 'GET', '/can?subject=user:0&right=reveal&box=never'))).toMatchObject({
    can: false
  })
  await byRoot('PATCH', '/vault/never/', { rename: 'renamed' })
  expect((await as(0, 'GET', '/vault/renamed/f')).status).toBe(403)
  expect(jsonOf(await byRoot('GET', '/vault/renamed/'))).toMatchObject({ reveal: 'never' })
})

test('the first grant to containers closes a box, also one of a glob, and it stays closed', async () => {
  const closed = async (box: string): Promise<unknown> =>
    (jsonOf(await byRoot('GET', `/vault/${box}/`)) as { closed: boolean }).closed
  await byRoot('PUT', '/vault/prod-1/')
  expect(await closed('prod-1')).toBe(false)
  await grant('user:1', 'prod-*', 'use')
  expect(await closed('prod-1')).toBe(false)
  await grant('compose:shop/web', 'prod-*', 'use')
  expect([await closed('prod-1'), await closed('db')]).toEqual([true, false])
  const can = async (subject: string, box: string): Promise<unknown> =>
    jsonOf(await byRoot('GET', `/can?subject=${subject}&right=use&box=${box}`))
  expect(await can('compose:shop/web', 'prod-1')).toMatchObject({ can: true, because: 'grant' })
  expect(await can('image:a', 'prod-1')).toMatchObject({ can: false })
  expect(await can('image:a', 'db')).toMatchObject({ can: true, because: 'open' })
  await byRoot('POST', '/revoke', { subject: 'compose:shop/web', boxes: 'prod-*' })
  expect(await closed('prod-1')).toBe(true)
  expect(await can('compose:shop/web', 'prod-1')).toMatchObject({ can: false })
  await grant('container:*', 'prod-1', 'use')
  expect(await can('image:a', 'prod-1')).toMatchObject({ can: true })
})

test('grants and what is revoked are in the audit, with whom and what', async () => {
  const { entries } = jsonOf(await byRoot('GET', '/audit?limit=1000&box=prod-1')) as { entries: object[] }
  expect(entries).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        action: 'grant.add',
        subject: 'container:*',
        box: 'prod-1',
        rights: ['use']
      }),
      expect.objectContaining({
        action: 'grant.add',
        subject: 'compose:shop/web',
        boxes: 'prod-*',
        rights: ['use']
      }),
      expect.objectContaining({
        action: 'grant.revoke',
        subject: 'compose:shop/web',
        boxes: 'prod-*',
        rights: ['use']
      })
    ])
  )
})

test('a stranger’s denials do not fill the audit', async () => {
  const newest = async (): Promise<number> =>
    (jsonOf(await byRoot('GET', '/audit?limit=1')) as { check: { newest: number } }).check.newest
  const before = await newest()
  for (let i = 0; i < 20; i++)
    await Promise.all(Array.from({ length: 20 }, () => as(stranger + i, 'GET', '/vault/db/')))
  expect((await newest()) - before).toBeLessThan(200)
})

/** Sends the head of a request and nothing of its body; the status that comes all the same. */
async function headAlone(uid: number, method: string, url: string): Promise<number> {
  process.seteuid?.(uid)
  const socket = connect(daemon.publicSocket)
  process.seteuid?.(0)
  socket.write(`${method} ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: ${4 << 20}\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return Number(answer.toString().split(' ')[1])
}

test('who can be allowed nothing is denied before a body is read, and others may send no more than they need', async () => {
  const [nobody, reader, writer] = [61_010, 61_011, 61_012]
  for (const url of ['/grants', '/revoke', '/injected', '/prune'])
    expect([url, await headAlone(nobody, 'POST', url)]).toEqual([url, 403])
  await byRoot('PUT', '/vault/head/')
  await grant(`user:${reader}`, 'head', 'info', 'use')
  await grant(`user:${writer}`, 'head', 'write')
  for (const uid of [nobody, reader]) expect(await headAlone(uid, 'PATCH', '/vault/head/')).toBe(403)
  // These are read, up to what is too much.
  const long = (bytes: number): string => JSON.stringify({ remove: [{ path: 'x'.repeat(bytes) }] })
  expect((await as(writer, 'PATCH', '/vault/head/', long(1 << 20))).status).toBe(200)
  expect((await as(writer, 'POST', '/injected', long(300 << 10))).status).toBe(413)
  expect((await as(0, 'POST', '/injected', long(300 << 10))).status).toBe(400)
  expect((await as(0, 'POST', '/grants', long(65 << 10))).status).toBe(413)
})

test('so many may follow the audit, and who leaves makes room', async () => {
  const follower = 61_020
  await byRoot('PUT', '/vault/followed/')
  await grant(`user:${follower}`, 'followed', 'manage')
  const follow = async (): Promise<[status: number, socket: Socket]> => {
    process.seteuid?.(follower)
    const socket = connect(daemon.publicSocket)
    process.seteuid?.(0)
    socket.write(
      'GET /audit?box=followed&follow=1 HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n'
    )
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return [Number(answer.toString().split(' ')[1]), socket]
  }
  const open: [status: number, socket: Socket][] = []
  for (let i = 0; i < 5; i++) open.push(await follow())
  expect(open.map(([status]) => status)).toEqual([200, 200, 200, 200, 429])
  open[0]?.[1].destroy()
  // The daemon hears of it at its own time.
  let again = await follow()
  while (again[0] === 429) again = await follow()
  expect(again[0]).toBe(200)
  for (const [, socket] of [...open, again]) socket.destroy()
})

test('one user’s connections keep nobody else out', async () => {
  const held: Socket[] = []
  process.seteuid?.(bob)
  try {
    for (let i = 0; i < 40; i++) held.push(connect(daemon.publicSocket))
  } finally {
    process.seteuid?.(0)
  }
  const ended = held.map(socket => once(socket.on('error', () => undefined).resume(), 'close'))
  await Promise.race(ended)
  // It may be hung up on before it has said what it wants.
  const refused = await as(bob, 'GET', '/vault/theirs/').catch(() => null)
  expect([503, undefined]).toContain(refused?.status)
  expect((await as(alice, 'GET', '/vault/alice-1/')).status).toBe(200)
  for (const socket of held) socket.destroy()
  await Promise.all(ended)
})
