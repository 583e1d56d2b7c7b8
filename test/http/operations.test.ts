import { chmod, mkdtemp, rename, rm } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { ErrorAnswer, httpStatuses } from '../../src/api/errors.ts'
import { commonHeaders, commonRefusals, type Operation } from '../../src/api/operation.ts'
import { operations } from '../../src/api/operations.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { adminApi, type AdminParts } from '../../src/http/admin/admin.ts'
import { ask, type Answer, type Request } from '../kit/ask.ts'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { strictly } from '../kit/json-schemas.ts'

/* The daemon's answers against src/api, which docs/openapi.yaml says for people (test/unit/openapi.test.ts). */

type Id = keyof typeof operations
const all = Object.entries<Operation>(operations) as [id: Id, operation: Operation][]
const maxBoxBytes = 50_000
const mountId = 'a'.repeat(64)
const tar = 'application/x-tar'
let home: string
/** An Engine that has no containers. */
const engine = createServer((_request, response) => response.end('[]'))
let daemon: Daemon

/** One request to an operation: what replaces its path's parameters, and the status that it is answered with. */
interface Case {
  readonly id: Id
  readonly box?: string
  readonly path?: string
  readonly query?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer | (() => Buffer)
  readonly status: number
  /** Nothing can be mounted then. */
  readonly isSealed?: true
}

const archive = await tarWith({ 'a/new': 'x', 'a/../../b': 'y' })
const bad = { 'If-Match': '"99"' }
const json = { 'Content-Type': 'application/json' }
const passphrase = 'correct horse battery staple'
const cases: readonly Case[] = [
  { id: 'addKeyslot', query: 'name=safe&kind=recovery', status: 201 },
  { id: 'addKeyslot', query: 'name=safe&kind=recovery', status: 409 },
  { id: 'addKeyslot', query: 'name=mine&kind=passphrase', body: passphrase, status: 201 },
  { id: 'addKeyslot', query: 'name=short&kind=passphrase', body: 'short', status: 400 },
  { id: 'addKeyslot', query: 'name=long&kind=passphrase', body: 'x'.repeat(5000), status: 413 },
  { id: 'addKeyslot', query: 'name=A&kind=recovery', status: 400 },
  { id: 'addKeyslot', query: 'name=b&kind=tpm', status: 400 },
  { id: 'listKeyslots', status: 200 },
  { id: 'testKeyslot', query: 'name=mine&kind=passphrase', body: passphrase, status: 200 },
  { id: 'testKeyslot', query: 'name=safe&kind=recovery', body: 'no code', status: 400 },
  { id: 'testKeyslot', query: 'name=safe&kind=key-file', body: 'no file', status: 400 },
  { id: 'testKeyslot', query: 'name=none&kind=recovery', body: 'x', status: 404 },
  { id: 'replaceKeyslot', query: 'name=safe&kind=key-file', status: 200 },
  { id: 'replaceKeyslot', query: 'name=none&kind=key-file', status: 404 },
  { id: 'removeKeyslot', query: 'name=safe', status: 200 },
  { id: 'removeKeyslot', query: 'name=safe', status: 404 },
  { id: 'unseal', query: 'kind=passphrase', body: passphrase, status: 409 },
  { id: 'rotateRoot', status: 200 },
  { id: 'rotateBox', query: 'box=db', status: 200 },
  { id: 'rotateBox', query: 'box=none', status: 404 },
  { id: 'rotateBox', query: 'box=a:b', status: 400 },
  { id: 'seal', status: 200 },
  { id: 'unseal', query: 'kind=passphrase', body: 'another passphrase', status: 403, isSealed: true },
  { id: 'unseal', query: 'kind=passphrase', body: 'another passphrase', status: 429, isSealed: true },
  {
    id: 'unseal',
    query: 'kind=key-file&name=key-file',
    body: () => readFileSync(join(home, 'key/key')),
    status: 200,
    isSealed: true
  },
  { id: 'listBoxes', status: 200 },
  { id: 'readBox', status: 200 },
  { id: 'readBox', query: 'version=1', status: 200 },
  { id: 'readBox', query: 'digests=1', status: 200 },
  { id: 'readBox', query: 'digests=1', headers: { Accept: tar }, status: 400 },
  { id: 'headBox', query: 'digests=', status: 200 },
  { id: 'readBox', headers: { Accept: tar }, status: 200 },
  { id: 'readBox', query: 'version=0', status: 400 },
  { id: 'readBox', query: 'version=99', status: 404 },
  { id: 'readBox', box: 'missing', status: 404 },
  { id: 'readBox', box: 'a:b', status: 400 },
  { id: 'headBox', status: 200 },
  { id: 'headBox', headers: { Accept: tar }, status: 200 },
  { id: 'headBox', box: 'missing', status: 404 },
  { id: 'putBox', box: 'fresh box', status: 201 },
  { id: 'putBox', status: 409 },
  { id: 'putBox', box: 'absent', headers: { 'If-Match': '"3"' }, status: 400 },
  { id: 'putBox', body: 'no tree', headers: { 'Content-Type': 'text/plain' }, status: 400 },
  { id: 'putBox', headers: { 'Content-Type': tar }, body: archive, status: 200 },
  { id: 'putBox', headers: { 'Content-Type': tar, 'If-None-Match': '*' }, body: archive, status: 200 },
  { id: 'putBox', headers: { 'Content-Type': tar }, body: 'no archive', status: 400 },
  { id: 'putBox', box: 'missing', headers: { 'Content-Type': tar }, body: archive, status: 404 },
  { id: 'putBox', headers: { 'Content-Type': tar, ...bad }, body: archive, status: 412 },
  {
    id: 'putBox',
    headers: { 'Content-Type': tar },
    body: await tarWith({ big: 'x'.repeat(maxBoxBytes + 1) }),
    status: 413
  },
  { id: 'changeBox', headers: json, body: '{"remove":[{"path":"none"},{"path":"link"}]}', status: 200 },
  { id: 'changeBox', headers: json, body: '{"remove":[{"path":"none"}]}', status: 200 },
  { id: 'changeBox', box: 'old', headers: json, body: '{"rollback":1}', status: 200 },
  { id: 'changeBox', headers: json, body: '{"rollback":99}', status: 404 },
  { id: 'changeBox', headers: json, body: '{"colour":"red"}', status: 400 },
  { id: 'changeBox', headers: json, body: `{"remove":[${'{},'.repeat(200_000)}{}]}`, status: 400 },
  { id: 'changeBox', headers: json, body: 'not JSON', status: 400 },
  { id: 'changeBox', headers: { ...json, ...bad }, body: '{"rollback":1}', status: 412 },
  { id: 'changeBox', headers: json, body: `{"x":"${'x'.repeat(5 << 20)}"}`, status: 413 },
  { id: 'changeBox', box: 'fresh box', headers: json, body: '{"rename":"named anew"}', status: 200 },
  { id: 'changeBox', box: 'old', headers: json, body: '{"rename":"named anew"}', status: 409 },
  { id: 'destroyBox', box: 'doomed', status: 200 },
  { id: 'destroyBox', box: 'old', query: 'force=1', status: 200 },
  { id: 'destroyBox', query: 'force=perhaps', status: 400 },
  { id: 'destroyBox', status: 409 },
  { id: 'destroyBox', box: 'missing', status: 404 },
  { id: 'destroyBox', headers: bad, status: 412 },
  { id: 'destroyBox', headers: { 'If-Match': '3' }, status: 400 },
  { id: 'readFile', path: 'tls/key.pem', status: 200 },
  { id: 'readFile', path: 'tls/key.pem', query: 'version=3', headers: { Accept: tar }, status: 200 },
  { id: 'readFile', path: 'tls', headers: { Accept: tar }, status: 200 },
  { id: 'readFile', path: 'tls', status: 400 },
  { id: 'readFile', path: 'none', status: 404 },
  { id: 'headFile', path: 'tls/key.pem', status: 200 },
  { id: 'headFile', path: 'tls', headers: { Accept: tar }, status: 200 },
  { id: 'headFile', path: 'none', status: 404 },
  { id: 'putEntry', path: 'tls/cert.pem', query: 'mode=0640', body: 'certificate', status: 200 },
  { id: 'putEntry', path: 'once', headers: { 'If-None-Match': '*' }, body: 'x', status: 200 },
  { id: 'putEntry', path: 'any', headers: { 'If-Match': '*' }, body: 'x', status: 200 },
  { id: 'putEntry', path: 'tls/key.pem', headers: { 'If-None-Match': '*' }, body: 'x', status: 409 },
  { id: 'putEntry', path: 'empty', query: 'type=directory&mode=0700', status: 200 },
  { id: 'putEntry', path: 'another link', query: 'type=symlink', body: 'tls/key.pem', status: 200 },
  { id: 'putEntry', path: 'x', query: 'mode=8', body: 'x', status: 400 },
  { id: 'putEntry', path: 'x', query: 'type=fifo', body: 'x', status: 400 },
  { id: 'putEntry', path: 'x', headers: { 'If-None-Match': '"1"' }, body: 'x', status: 400 },
  { id: 'putEntry', box: 'missing', path: 'x', body: 'x', status: 404 },
  { id: 'putEntry', path: 'x', headers: bad, body: 'x', status: 412 },
  { id: 'putEntry', path: 'x', body: Buffer.alloc(maxBoxBytes + 1), status: 413 },
  { id: 'removeEntry', path: 'spare/file', status: 200 },
  { id: 'removeEntry', path: 'spare', query: 'recursive=1', status: 200 },
  { id: 'removeEntry', path: 'tls', status: 400 },
  { id: 'removeEntry', path: 'none', status: 404 },
  { id: 'removeEntry', path: 'tls/key.pem', headers: bad, status: 412 },
  { id: 'listVersions', status: 200 },
  { id: 'listVersions', box: 'missing', status: 404 },
  { id: 'listVersions', box: '..', status: 400 },
  { id: 'listBoxes', query: 'fields=1', status: 200 },
  { id: 'listBoxes', query: 'uuid=1', status: 400 },
  { id: 'listBoxes', query: 'owner=0&name=db', status: 200 },
  { id: 'listBoxes', query: 'owner=me', status: 400 },
  { id: 'putBox', box: 'typed', query: 'type=postgres&scope=host%3Dh%26use%3Dx', status: 201 },
  { id: 'readBox', box: 'typed', status: 200 },
  { id: 'listBoxes', query: 'fields=1', status: 200 },
  { id: 'putBox', box: 'other', query: 'type=none', status: 404 },
  { id: 'putBox', box: 'other', query: 'scope=a%3Db', status: 400 },
  { id: 'listTypes', status: 200 },
  {
    id: 'grant',
    headers: json,
    body: '{"subject":"user:1000","rights":["info"],"boxes":"d*","note":"n","expires":"2999-01-01T00:00:00+01:00"}',
    status: 200
  },
  { id: 'grant', headers: json, body: '{"subject":"image:a","rights":["use"],"boxes":"db"}', status: 200 },
  {
    id: 'grant',
    headers: json,
    body: '{"subject":"user:1000","rights":["info"],"boxes":"missing"}',
    status: 404
  },
  {
    id: 'grant',
    headers: json,
    body: '{"subject":"user:alice","rights":["info"],"boxes":"db"}',
    status: 400
  },
  { id: 'grant', headers: json, body: '{"subject":"user:1","rights":["all"],"boxes":"db"}', status: 400 },
  {
    id: 'grant',
    headers: json,
    body: '{"subject":"user:1","rights":["info"],"boxes":"db","expires":"9999-12-31T23:59:59-05:00"}',
    status: 400
  },
  {
    id: 'grant',
    headers: json,
    body: '{"subject":"user:1","rights":["info"],"boxes":"db","expires":"soon"}',
    status: 400
  },
  { id: 'grant', headers: json, body: '{"subject":"image:a","rights":["reveal"],"boxes":"db"}', status: 400 },
  { id: 'grant', headers: json, body: `{"x":"${'x'.repeat(5 << 20)}"}`, status: 413 },
  { id: 'listGrants', status: 200 },
  { id: 'listGrants', query: 'box=db', status: 200 },
  { id: 'listGrants', query: 'box=a/b', status: 400 },
  { id: 'can', query: 'subject=user:1000&right=info&box=db&groups=1,2', status: 200 },
  { id: 'can', query: 'subject=image:b&right=use&box=db', status: 200 },
  { id: 'can', query: 'subject=user:1000&right=info', status: 400 },
  { id: 'can', query: 'subject=user:1000&right=all&box=db', status: 400 },
  { id: 'can', query: 'subject=user:1000&right=info&box=db&groups=a', status: 400 },
  {
    id: 'revoke',
    headers: json,
    body: '{"subject":"user:1000","boxes":"d*","rights":["info"]}',
    status: 200
  },
  { id: 'revoke', headers: json, body: '{"subject":"user:1000","boxes":"d*"}', status: 404 },
  { id: 'revoke', headers: json, body: '{"subject":"user:1000"}', status: 400 },
  { id: 'revoke', headers: json, body: `{"x":"${'x'.repeat(5 << 20)}"}`, status: 413 },
  { id: 'discardGrant', query: 'record=grant/a', status: 404 },
  { id: 'discardGrant', query: 'record=box/a', status: 400 },
  { id: 'discardGrant', status: 400 },
  { id: 'putBox', box: 'never shown', query: 'reveal=never', status: 201 },
  { id: 'putBox', box: 'never', query: 'reveal=always', status: 400 },
  { id: 'readFile', box: 'never shown', path: 'x', status: 403 },
  { id: 'readBox', box: 'never shown', query: 'digests=1', status: 403 },
  { id: 'listVolumes', status: 200 },
  { id: 'listUnused', status: 200 },
  { id: 'listUnused', query: 'all=1', status: 200 },
  { id: 'listUnused', query: 'all=maybe', status: 400 },
  { id: 'prune', headers: json, body: '{"volumes":["db","none"],"boxes":["db"]}', status: 200 },
  { id: 'prune', headers: json, body: '{"volumes":"db"}', status: 400 },
  { id: 'prune', headers: json, body: '{"volumes":["a/b"],"boxes":[]}', status: 400 },
  { id: 'prune', headers: json, body: `{"x":"${'x'.repeat(5 << 20)}"}`, status: 413 },
  {
    id: 'describeInjected',
    headers: json,
    body: '{"files":[{"box":"db","target":"/x"}],"environment":[]}',
    status: 200
  },
  {
    id: 'describeInjected',
    headers: json,
    body: '{"files":[],"environment":[{"box":"db","path":"tls"}]}',
    status: 400
  },
  { id: 'describeInjected', headers: json, body: '{"files":[]}', status: 400 },
  {
    id: 'describeInjected',
    headers: json,
    body: '{"files":[],"environment":[{"box":"missing"}]}',
    status: 404
  },
  { id: 'describeInjected', headers: json, body: `{"x":"${'x'.repeat(5 << 20)}"}`, status: 413 },
  { id: 'reconcile', status: 200 },
  { id: 'reconcile', query: 'apply=1', status: 200 },
  { id: 'reconcile', query: 'apply=perhaps', status: 400 },
  { id: 'status', status: 200 },
  { id: 'showIdentity', status: 200 },
  { id: 'showIdentity', query: 'private=1', status: 400 },
  { id: 'readAudit', status: 200 },
  { id: 'readAudit', query: 'limit=2', status: 200 },
  { id: 'readAudit', query: 'limit=all', status: 400 }
]

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'secretbox-api-'))
  engine.listen(join(home, 'docker.sock'))
  daemon = await startDaemonAtHome()
  const put = async (url: string, body = ''): Promise<void> => {
    const { status } = await ask(daemon.adminSocket, { method: 'PUT', url: `/vault/${url}`, body })
    expect(status, url).toBeLessThan(300)
  }
  for (const box of ['db', 'old', 'doomed']) await put(`${box}/`)
  await put('old/file', 'x')
  await put('db/tls/key.pem', 'key')
  await put('db/link?type=symlink', 'tls/key.pem')
  await put('db/spare/file', 'x')
  await callDriver('Create', { Name: 'db', Opts: { uid: '1000', optional: 'true' } })
})

afterAll(async () => {
  await callDriver('Unmount', { Name: 'db', ID: mountId })
  await daemon.stop()
  engine.close()
  await rm(home, { recursive: true })
})

test.each(cases.map(one => [titleOf(one), one] as const))('%s as described', async (_title, one) => {
  const operation = operations[one.id]
  const request = requestOf(operation, one)
  // Half of what is told of volumes is about copies; this one has no container, and grace for some seconds.
  if (one.isSealed !== true) await callDriver('Mount', { Name: 'db', ID: mountId })
  const answer = await ask(daemon.adminSocket, request)
  expect(answer.status, answer.body.toString().slice(0, 300)).toBe(one.status)
  expectRequestAsDescribed(operation, one)
  expectAsDescribed(operation, answer)
})

test('every operation is asked for what it is there for', () => {
  const asked = cases.filter(({ status }) => status < 300).map(({ id }) => id)
  // No request makes a record that cannot be read: test/store/grants.test.ts.
  asked.push('discardGrant')
  expect(all.map(([id]) => id).filter(id => !asked.includes(id))).toEqual([])
})

test.each([
  ['PATCH', '/vault/db/', '{"rollback":1}'],
  ['DELETE', '/vault/db/'],
  ['DELETE', '/vault/db/file']
])('a condition that %s %s does not have is refused, and nothing is done', async (method, url, body = '') => {
  const headers = { ...json, 'If-None-Match': '*' }
  const answer = await ask(daemon.adminSocket, { method, url, headers, body })
  expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([
    400,
    { code: 'invalid', message: `${method} takes no If-None-Match` }
  ])
})

test('nothing is answered from what the client has', async () => {
  const url = '/vault/db/'
  const { headers } = await ask(daemon.adminSocket, { method: 'GET', url })
  const ifNoneMatch = { 'If-None-Match': String(headers['etag']) }
  expect((await ask(daemon.adminSocket, { method: 'GET', url, headers: ifNoneMatch })).status).toBe(200)
})

test('every operation but that for public keys refuses a caller who is not root, as described', async () => {
  await chmod(daemon.directory, 0o711)
  await chmod(daemon.adminSocket, 0o666)
  for (const [id, operation] of all) {
    const one = cases.find(each => each.id === id)
    const answer = await ask(daemon.adminSocket, requestOf(operation, one), 65_534)
    // Public keys are for all.
    expect(answer.status, id).toBe(id === 'showIdentity' ? 200 : 403)
    expectAsDescribed(operation, answer)
  }
})

test('a method that is not described is refused, and the answer names those that are', async () => {
  for (const path of new Set(all.map(([, operation]) => operation.path))) {
    const described = all.map(([, operation]) => operation).filter(operation => operation.path === path)
    for (const method of ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE']) {
      if (described.some(operation => operation.method === method)) continue
      const url = path.replace('{box}', 'db').replace('{path}', 'tls/key.pem')
      const { status, headers } = await ask(daemon.adminSocket, {
        method,
        url,
        body: method === 'PATCH' ? '{}' : ''
      })
      expect(status, `${method} ${url}`).toBe(405)
      // HEAD is answered wherever GET is.
      const allowed = described.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : method))
      expect(headers['allow']?.split(', ').sort()).toEqual([...new Set(allowed)].sort())
    }
  }
})

test('a parameter that is not described is refused', async () => {
  for (const [id, operation] of all) {
    const one = cases.find(each => each.id === id && each.status < 300)
    const { url, ...request } = requestOf(operation, one)
    const answer = await ask(daemon.adminSocket, {
      ...request,
      url: `${url}${url.includes('?') ? '&' : '?'}verison=1`
    })
    expect(answer.status, id).toBe(400)
    if (operation.method === 'HEAD') continue
    const { message } = JSON.parse(answer.body.toString()) as { message: string }
    const takes = Object.keys(operation.query).join(', ') || 'none'
    expect(message).toBe(
      `unknown parameter "verison": ${operation.method} ${JSON.stringify(url.split('?')[0])} takes ${takes}`
    )
  }
})

test('/v1 is the same API, and there is no other version', async () => {
  for (const url of [
    '/vault/',
    '/vault/db/',
    '/vault/db/tls/key.pem?version=2',
    '/versions/db/',
    '/volumes/'
  ]) {
    const [plain, first] = await Promise.all(
      [url, `/v1${url}`].map(each => ask(daemon.adminSocket, { method: 'GET', url: each }))
    )
    expect(first?.status, url).toBe(200)
    expect(first?.body).toEqual(plain?.body)
  }
  for (const url of ['/v2/status', '/v1', '/v1/', '/v1/v1/status', '/v12/status']) {
    const { status, body } = await ask(daemon.adminSocket, { method: 'GET', url })
    expect({ status, ...(JSON.parse(body.toString()) as object) }).toEqual({
      status: 404,
      code: 'not_found',
      message: `no such endpoint: GET ${url}`,
      hint: 'docs/openapi.yaml lists them'
    })
  }
})

test('every route of the API is described', () => {
  // Nothing of the parts is used before a request comes.
  const { router } = adminApi({} as AdminParts)
  const routes = router.stack.flatMap(({ route }) => (route === undefined ? [] : [route]))
  expect(routes.length).toBeGreaterThan(4)
  for (const route of routes) {
    const [, first = ''] = route.path.split('/')
    for (const { method } of route.stack.filter(layer => layer.method)) {
      const described = all.some(
        ([, operation]) => operation.path.split('/')[1] === first && operation.method === method.toUpperCase()
      )
      expect(described, `${method} ${route.path}`).toBe(true)
    }
  }
})

test('a sealed vault answers as described, and its status says why', async () => {
  await callDriver('Unmount', { Name: 'db', ID: mountId })
  await daemon.stop()
  await rename(join(home, 'key/key'), join(home, 'key/elsewhere'))
  daemon = await startDaemonAtHome()
  for (const [id, operation] of all.filter(([id]) => id !== 'unseal')) {
    const one = cases.find(each => each.id === id)
    const answer = await ask(daemon.adminSocket, requestOf(operation, one))
    const answers = ['status', 'listVolumes', 'listKeyslots', 'reconcile'].includes(id)
    expect(answer.status, id).toBe(answers ? 200 : 503)
    expectAsDescribed(operation, answer)
  }
  const { body } = await ask(daemon.adminSocket, { method: 'GET', url: '/status' })
  expect(JSON.parse(body.toString())).toMatchObject({
    sealed: true,
    reason: `the vault is sealed: there is no key file "${home}/key/key"`
  })
})

function titleOf({ id, box, path, query, headers = {}, status }: Case): string {
  const asked = [box, path, query, ...Object.entries(headers).map(header => header.join(': '))]
  return `${id} (${asked.filter(each => each !== undefined).join(', ')}) answers ${status}`
}

/** A daemon whose store and key outlive it. */
function startDaemonAtHome(): Promise<Daemon> {
  return startDaemon({
    SECRETBOX_DATA_DIR: join(home, 'data'),
    SECRETBOX_KEY_DIR: join(home, 'key'),
    SECRETBOX_DOCKER_SOCKET: join(home, 'docker.sock'),
    MAX_BOX_BYTES: String(maxBoxBytes)
  })
}

async function callDriver(call: string, body: unknown): Promise<void> {
  const request = { method: 'POST', url: `/VolumeDriver.${call}`, body: JSON.stringify(body) }
  const answer = await ask(join(daemon.directory, 'plugin.sock'), request)
  expect(answer.status, answer.body.toString()).toBe(200)
}

function requestOf({ method, path }: Operation, one: Omit<Case, 'id' | 'status'> = {}): Request {
  const inBox = (one.path ?? '').split('/').map(encodeURIComponent).join('/')
  const url = path.replace('{box}', encodeURIComponent(one.box ?? 'db')).replace('{path}', inBox)
  return {
    method,
    url: one.query === undefined ? url : `${url}?${one.query}`,
    headers: one.headers ?? {},
    ...(one.body === undefined ? {} : { body: typeof one.body === 'function' ? one.body() : one.body })
  }
}

/** What a request that succeeds is made of is known. */
function expectRequestAsDescribed(
  operation: Operation,
  { query = '', headers = {}, body, status }: Case
): void {
  if (status >= 300) return
  expect(Object.keys(operation.query)).toEqual(expect.arrayContaining([...new URLSearchParams(query).keys()]))
  const { 'Content-Type': type = 'application/octet-stream', ...others } = headers
  expect(Object.keys({ ...commonHeaders, ...operation.headers })).toEqual(
    expect.arrayContaining(Object.keys(others))
  )
  if (body === undefined) return
  const schema = operation.bodies[type]
  expect(schema, 'a body of this type is known').not.toBeUndefined()
  if (schema) expect(strictly(schema, JSON.parse(body.toString()))).toBeUndefined()
}

/** Status, headers and body are known, and nothing else is in the body. */
function expectAsDescribed(operation: Operation, { status, headers, body }: Answer): void {
  const what = `${operation.method} ${operation.path} ${status}`
  const [type = ''] = (headers['content-type'] ?? '').split(';')
  const bodies = operation.answers[status]
  if (bodies === undefined) {
    expect([...commonRefusals, ...operation.refusals], what).toContain(status)
    if (operation.method === 'HEAD') return
    const refusal: unknown = JSON.parse(body.toString())
    expect(strictly(ErrorAnswer, refusal), what).toBeUndefined()
    expect(httpStatuses[(refusal as { code: ErrorCode }).code], what).toBe(status)
    return
  }
  for (const [name, schema] of Object.entries(operation.answerHeaders))
    expect(z.safeParse(schema, headers[name.toLowerCase()]).error, `${what} ${name}`).toBeUndefined()
  if (headers['etag'] !== undefined) expect(operation.answerHeaders).toHaveProperty('ETag')
  if (operation.method === 'HEAD') {
    expect(body).toHaveLength(0)
    return
  }
  const schema = bodies[type]
  expect(schema, `${what} answers ${type}`).not.toBeUndefined()
  if (schema) expect(strictly(schema, JSON.parse(body.toString())), what).toBeUndefined()
}

function tarWith(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tarball = pack()
  for (const [name, contents] of Object.entries(files)) tarball.entry({ name }, contents)
  tarball.finalize()
  return buffer(tarball)
}
