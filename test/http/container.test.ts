import { mkdtemp } from 'node:fs/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { execFileSync, spawn } from 'node:child_process'
import { createPublicKey, verify, type JsonWebKey } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { ask, type Request } from '../kit/ask.ts'
import { askWithin, readSlowlyWithin, type AskWithin } from '../kit/ask-within.ts'
import { removeHome, startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { driverAt, freshId, makeBox, type Driver } from '../kit/driver.ts'
import { hold, type Hold } from '../kit/hold.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { container, engine, said } from './one-container.ts'

const place = '.secretbox/api.sock'
const mounts: Request = { method: 'GET', url: '/v1/secret_mounts' }
const environment: Request = { method: 'GET', url: '/v1/secret_environment' }
const self: Request = { method: 'GET', url: '/v1/self' }
const tokenFor = (audience: unknown): Request => {
  return { method: 'POST', url: '/v1/token', body: JSON.stringify({ audience }) }
}

let home: string
let daemon: Daemon
let driver: Driver

const startHere = async (): Promise<void> => {
  daemon = await startDaemon({ SECRETBOX_DOCKER_SOCKET: join(home, 'docker.sock') }, home)
  driver = driverAt(daemon.pluginSocket)
}

/** A mounted copy that a process holds as a container does. */
async function held(volume = 'db'): Promise<{ id: string; copy: string; holder: Hold; asks: AskWithin }> {
  const id = freshId()
  const copy = await driver.mount(volume, id)
  const holder = await hold(copy, container)
  said.pid = holder.pid
  onTestFinished(async () => {
    await holder.end()
    await driver.unmount(volume, id)
  })
  return { id, copy, holder, asks: askWithin(holder.pid, join(holder.path, place)) }
}

interface Entry {
  readonly decision: string
  readonly caller: { readonly kind: string; readonly uid: number }
}

async function newestEntry(action: string): Promise<Entry | undefined> {
  const { body } = await ask(daemon.adminSocket, { method: 'GET', url: `/audit?limit=1&action=${action}` })
  return (JSON.parse(body.toString()) as { entries: Entry[] }).entries[0]
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'secretbox-'))
  engine.listen(join(home, 'docker.sock'))
  await startHere()
  await makeBox(daemon.adminSocket, 'db', { password: 'hunter2' })
  await driver.call('Create', { Name: 'db', Opts: { api: 'true' } })
  await driver.call('Create', { Name: 'other', Opts: { box: 'db', api: 'true' } })
  await driver.call('Create', { Name: 'plain', Opts: { box: 'db' } })
})
afterAll(async () => {
  driver.close()
  await daemon.kill('SIGTERM')
  await removeHome(home)
  engine.close()
})
beforeEach(() => {
  Object.assign(said, {
    pid: 0,
    volume: 'db',
    beside: {},
    tmpfs: [],
    labels: {},
    imageLabels: {},
    answers: true
  })
})

describe.skipIf(cannotMount)('the socket of a copy (takes root)', () => {
  test('tells the container what it is, and leaves out what nobody says', async () => {
    const { asks } = await held()
    expect(await asks(self)).toEqual({
      status: 200,
      body: {
        ...{ box: 'db', version: 2, volume: 'db' },
        container: { id: container, name: 'web-1', image: 'web:2', imageId: `sha256:${'1'.repeat(64)}` }
      }
    })
    expect(await newestEntry('copy.describe')).toMatchObject({
      decision: 'allowed',
      caller: { kind: 'container', volume: 'db' }
    })
    said.answers = false
    expect((await asks(self)).body).toEqual({ box: 'db', version: 2, volume: 'db' })
  })

  test('gives a token that is good by the keys that the daemon shows', async () => {
    const { asks } = await held()
    said.labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'api' }
    const { status, body } = await asks(tokenFor('https://bao.example'))
    expect(status).toBe(200)
    const shown = await ask(daemon.adminSocket, { method: 'GET', url: '/identity' })
    const { issuer, keys } = JSON.parse(shown.body.toString()) as JSONWebKeySet & { issuer: string }
    const { payload } = await jwtVerify(String(body['token']), createLocalJWKSet({ keys }), {
      audience: 'https://bao.example',
      issuer
    })
    expect(payload).toMatchObject({
      ...{ sub: 'compose:shop/api', box: 'db', container: 'web-1', container_id: container },
      ...{ image: 'web:2', image_id: `sha256:${'1'.repeat(64)}`, project: 'shop', service: 'api' }
    })
    // As OpenBao does it: by the static key and the role of docs/identity.md, without a look at what we say of either.
    const [header = '', claims = '', signature = ''] = String(body['token']).split('.')
    const [jwk] = keys
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const pem = createPublicKey(key.export({ type: 'spki', format: 'pem' }))
    const isGood = (text: string): boolean =>
      verify(
        'sha256',
        Buffer.from(text),
        { key: pem, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url')
      )
    expect([isGood(`${header}.${claims}`), isGood(`${header}.${claims.slice(1)}`)]).toEqual([true, false])
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      ...{ alg: 'ES256', typ: 'JWT', kid: jwk?.kid }
    })
    const role = roleInDocs()
    expect(role.bound_audiences).toContain(payload.aud)
    expect(payload).toMatchObject(role.bound_claims)
    expect(payload[role.user_claim]).toBe('compose:shop/api')
    const { iat = 0, nbf = 0, exp = 0 } = payload
    expect([nbf - iat, exp - iat]).toEqual([0, 300])
    expect(body['expires']).toBe(new Date((payload.exp ?? 0) * 1000).toISOString())
    expect(await newestEntry('token.issue')).toMatchObject({
      ...{ token: payload.jti, audience: 'https://bao.example', container }
    })
  })

  test("takes Compose's labels from the container alone: an image can have any", async () => {
    const { asks } = await held()
    said.labels = { 'com.docker.compose.project': 'bank', 'com.docker.compose.service': 'vault' }
    said.imageLabels = { 'com.docker.compose.service': 'vault' }
    expect((await asks(self)).body['container']).not.toHaveProperty('project')
    // Compose writes its names on images that it builds, too, and a hash of its own on containers.
    said.labels['com.docker.compose.config-hash'] = 'a'.repeat(64)
    expect((await asks(self)).body['container']).toMatchObject({ project: 'bank', service: 'vault' })
    // Nobody knows what was in an image that is gone.
    said.imageLabels = null
    expect((await asks(self)).body['container']).not.toHaveProperty('project')
  })

  test('gives the files of its copy by where they are, and says so in the audit', async () => {
    const awkward = 'a "b" \\ \u0001\n\u00e4'
    await makeBox(daemon.adminSocket, 'older', { one: 'x', two: 'y', three: 'z' })
    await makeBox(daemon.adminSocket, 'files', { 'd/text': awkward, binary: Buffer.of(0xff, 0, 1) })
    await driver.call('Create', { Name: 'files', Opts: { api: 'true' } })
    said.volume = 'files'
    const { asks } = await held('files')
    expect(await asks(mounts)).toEqual({
      status: 200,
      body: {
        secret_mounts: {
          '/run/vault/db/binary': { kind: 'base64', content: '/wAB' },
          '/run/vault/db/d/text': { kind: 'text', content: awkward }
        }
      }
    })
    expect(await newestEntry('box.answer')).toMatchObject({ decision: 'allowed', box: 'files', version: 3 })
    // A box that came in its place is not what the copy was made of, whichever is older.
    const claims = async (): Promise<unknown> =>
      decodeJwt(String((await asks(tokenFor('bao'))).body['token']))
    expect(await claims()).toHaveProperty('box', 'files')
    await ask(daemon.adminSocket, { method: 'DELETE', url: '/vault/files/?force=1' })
    await ask(daemon.adminSocket, { method: 'PATCH', url: '/vault/older/', body: '{"rename":"files"}' })
    expect(await asks(mounts)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await claims()).not.toHaveProperty('box')
    await ask(daemon.adminSocket, { method: 'DELETE', url: '/vault/files/?force=1' })
    expect((await asks(mounts)).status).toBe(404)
    await makeBox(daemon.adminSocket, 'files', { one: 'x', two: 'y' })
    expect(await asks(mounts)).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  test('gives the variables of its process, which lie in copies beside it', async () => {
    await makeBox(daemon.adminSocket, 'env', { vars: 'A=1\nexport B="t\\"wo\\n"\n' })
    await driver.call('Create', { Name: 'env', Opts: { path: 'vars' } })
    const id = freshId()
    const ofVariables = await driver.mount('env', id)
    onTestFinished(async () => {
      await driver.unmount('env', id)
    })
    const { asks, holder, copy } = await held()
    expect(await asks(environment)).toEqual({ status: 200, body: { secret_environment: {} } })
    said.beside = { env: '/run/secretbox/env/1' }
    expect(await asks(environment)).toMatchObject({
      status: 503,
      body: { message: 'the process does not see its copy of volume "env"' }
    })
    const at = join(holder.path, '..', 'env')
    mkdirSync(at)
    execFileSync('nsenter', ['--mount', `--target=${holder.pid}`, 'mount', '--bind', ofVariables, at])
    // Another version is the next start's.
    await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/env/vars', body: 'A=2' })
    const variables = { A: '1', B: 't"wo\n' }
    expect(await asks(environment)).toEqual({ status: 200, body: { secret_environment: variables } })
    expect(await newestEntry('box.answer')).toMatchObject({
      ...{ decision: 'allowed', box: 'env', caller: { kind: 'container', volume: 'env' } }
    })
    expect((await ask(join(copy, place), environment)).status).toBe(403)
  })

  test('gives no user of the container what that one could not read where it lies', async () => {
    await makeBox(daemon.adminSocket, 'app', { vars: 'A=hunter2' })
    await driver.call('Create', { Name: 'app', Opts: { mode: '0400', dirmode: '0500', uid: '34' } })
    await driver.call('Create', { Name: 'open', Opts: { box: 'db', api: 'true', mode: '0444' } })
    const id = freshId()
    const ofVariables = await driver.mount('app', id)
    onTestFinished(async () => {
      await driver.unmount('app', id)
    })
    Object.assign(said, { volume: 'open', beside: { app: '/run/secretbox/env/1' } })
    const { holder, asks } = await held('open')
    const home = join(holder.path, '..')
    chmodSync(home, 0o755)
    mkdirSync(join(home, 'env'))
    const bind = ['mount', '--bind', ofVariables, join(home, 'env')]
    execFileSync('nsenter', ['--mount', `--target=${holder.pid}`, ...bind])
    const as = (uid: number): AskWithin => askWithin(holder.pid, join(holder.path, place), uid)
    expect(await as(33)(environment)).toMatchObject({
      status: 403,
      body: { message: 'uid 33 may not read all of the copy of volume "app"' }
    })
    expect(await newestEntry('box.answer')).toMatchObject({ decision: 'denied', caller: { uid: 33 } })
    // What all may read, and who owns the variables, and root.
    expect((await as(33)(mounts)).status).toBe(200)
    for (const ask of [as(34), asks])
      expect((await ask(environment)).body).toEqual({ secret_environment: { A: 'hunter2' } })
  })

  test('gives the files of the copies beside it, of the kind that they were given, to their owners', async () => {
    const box = 'ephemeral-of-one'
    await makeBox(daemon.adminSocket, box, { 'json/1': '{"a": [1]}', 'text/2': '{}', 'json/3': 'no JSON' })
    await makeBox(daemon.adminSocket, 'json', { 'json/x': '7' })
    await makeBox(daemon.adminSocket, 'around', { a: 'seen', b: 'hidden', 'c/d': 'hidden, too' })
    await driver.call('Create', { Name: 'around', Opts: { api: 'true', mode: '0444' } })
    const beside: [string, string, Record<string, string>][] = [
      ['one', '/etc/app/key.json', { box, path: 'json/1' }],
      ['two', '/run/vault/db/b', { box, path: 'text/2' }],
      ['three', '/etc/three', { box, path: 'json/3' }],
      ['four', '/etc/four', { box: 'json', path: 'json/x' }],
      ['five', '/etc/five', { box: 'json', path: 'json/x', mode: '0400' }],
      ['six', '/run/secretbox/env/1', { box: 'db' }],
      ['seven', '/root/seven', { box: 'json', path: 'json/x', uid: '33' }]
    ]
    Object.assign(said, {
      volume: 'around',
      beside: {
        ...Object.fromEntries(beside.map(([name, target]) => [name, target] as const)),
        local: '/data'
      },
      tmpfs: ['/run/vault/db/c']
    })
    const shownBeside: [string, string][] = []
    for (const [name, , options] of beside) {
      const file = options['path'] === undefined ? {} : { file: 'true', mode: '0444', ...options }
      await driver.call('Create', { Name: name, Opts: { ...options, ...file } })
      const id = freshId()
      shownBeside.push([name, await driver.mount(name, id)])
      onTestFinished(async () => {
        await driver.unmount(name, id)
      })
    }
    const { holder, asks } = await held('around')
    for (const [name, shown] of shownBeside) {
      const at = join(holder.path, '..', name)
      if (statSync(shown).isFile()) writeFileSync(at, '')
      else mkdirSync(at)
      execFileSync('nsenter', ['--mount', `--target=${holder.pid}`, 'mount', '--bind', shown, at])
    }
    const own = { '/run/vault/db/a': { kind: 'text', content: 'seen' } }
    // Only of one container's secrets is it known that they are JSON.
    const seven = { '/root/seven': { kind: 'text', content: '7' } }
    expect((await asks(mounts)).body).toEqual({
      secret_mounts: {
        ...{ ...own, ...seven },
        '/run/vault/db/b': { kind: 'text', content: '{}' },
        '/etc/app/key.json': { kind: 'json', content: { a: [1] } },
        '/etc/three': { kind: 'text', content: 'no JSON' },
        '/etc/four': { kind: 'text', content: '7' },
        '/etc/five': { kind: 'text', content: '7' }
      }
    })
    chmodSync(join(holder.path, '..'), 0o755)
    // Another's may lie where it could not go.
    const as33 = askWithin(holder.pid, join(holder.path, place), 33)
    expect((await as33(mounts)).body).toEqual({ secret_mounts: { ...own, ...seven } })
    // Each copy counts as a request, of thirty.
    const more: number[] = []
    for (let i = 0; i < 9; i++) more.push((await asks(mounts)).status)
    expect(more).toContain(429)
  })

  test('gives no token while it is not certain which container asks', async () => {
    const { asks } = await held()
    said.answers = false
    expect(await asks(tokenFor('bao'))).toMatchObject({
      status: 503,
      body: { message: 'cannot tell which container this is: nobody answers for the Engine' }
    })
    // The Engine names a container whose process does not show the copy.
    Object.assign(said, { answers: true, pid: process.pid })
    expect(await asks(tokenFor('bao'))).toMatchObject({
      status: 503,
      body: { message: 'cannot tell which container this is: the Engine knows of none that has its copy' }
    })
  })

  test('answers nobody else: not root of the host, not a container that has another copy', async () => {
    const { copy, holder } = await held()
    const fromHost = await ask(join(copy, place), tokenFor('bao'))
    expect(fromHost.status).toBe(403)
    expect(JSON.parse(fromHost.body.toString())).toEqual({
      code: 'denied',
      message: 'uid 0 may not token.issue: here only the container is answered that has this copy',
      hint: 'the process that connects must be in the container, and must not have ended'
    })
    expect((await ask(join(copy, place), mounts)).status).toBe(403)
    expect(await newestEntry('token.issue')).toMatchObject({
      ...{ decision: 'denied', caller: { kind: 'user', uid: 0 } }
    })
    const other = await held('other')
    const around = askWithin(other.holder.pid, `/proc/${holder.pid}/root${holder.path}/${place}`)
    expect((await around(self)).status).toBe(403)
    expect((await other.asks(self)).body).toMatchObject({ volume: 'other' })
  })
})

describe.skipIf(cannotMount)('the socket of a copy that is not as others (takes root)', () => {
  test('takes for root of the container who is that in its user namespace, and nobody else of that', async () => {
    await makeBox(daemon.adminSocket, 'mapped', { vars: 'A=hunter2' })
    const ofUser = { mode: '0400', dirmode: '0500', uid: '100034' }
    await driver.call('Create', { Name: 'mapped', Opts: ofUser })
    await driver.call('Create', { Name: 'for-all', Opts: { box: 'db', api: 'true', mode: '0444' } })
    const id = freshId()
    const ofVariables = await driver.mount('mapped', id)
    onTestFinished(async () => {
      await driver.unmount('mapped', id)
    })
    Object.assign(said, { volume: 'for-all', beside: { mapped: '/run/secretbox/env/1' } })
    const { holder } = await held('for-all')
    const home = join(holder.path, '..')
    chmodSync(home, 0o755)
    mkdirSync(join(home, 'env'))
    const enter = ['--mount', `--target=${holder.pid}`]
    execFileSync('nsenter', [...enter, 'mount', '--bind', ofVariables, join(home, 'env')])
    const within = [...enter, 'unshare', '--user', 'sh', '-c', 'echo $$; exec cat']
    const remapped = spawn('nsenter', within, { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => void remapped.kill('SIGKILL'))
    const [line] = (await once(remapped.stdout, 'data')) as [Buffer]
    said.pid = Number(line.toString())
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${said.pid}/${map}`, '0 100000 1000\n')
    const as = (uid: number): AskWithin => {
      const mapped = ['--user', `--target=${said.pid}`, `--setuid=${uid}`, `--setgid=${uid}`]
      return askWithin(holder.pid, join(holder.path, place), 0, ['nsenter', ...mapped])
    }
    const [root, other] = [as(0), as(7)]
    expect(await root(environment)).toEqual({ status: 200, body: { secret_environment: { A: 'hunter2' } } })
    expect(await newestEntry('box.answer')).toMatchObject({ caller: { kind: 'container', uid: 100_000 } })
    expect(await other(environment)).toMatchObject({
      status: 403,
      body: { message: 'uid 100007 may not read all of the copy of volume "mapped"' }
    })
  })

  test('says of an empty copy that there is none of a box, and gives nothing of one that came since', async () => {
    await driver.call('Create', { Name: 'empty', Opts: { box: 'later', optional: 'true', api: 'true' } })
    said.volume = 'empty'
    const { asks, holder } = await held('empty')
    await makeBox(daemon.adminSocket, 'later', { password: 'hunter2' })
    expect(() => holder.read('password')).toThrow('ENOENT')
    const { status, body } = await asks(self)
    expect([status, body['box'], 'version' in body]).toEqual([200, 'later', false])
    expect(await asks(mounts)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    const { status: issued, body: given } = await asks(tokenFor('bao'))
    expect([issued, decodeJwt(String(given['token']))]).toEqual([
      200,
      expect.not.objectContaining({ box: expect.anything() as unknown })
    ])
  })
})

describe.skipIf(cannotMount)('a service at the socket of a copy (takes root)', () => {
  test('refuses what it is not asked for', async () => {
    const refused: [Request, number, string][] = [
      [{ method: 'POST', url: '/v1/token', body: 'no JSON' }, 400, 'bad request: the body is not JSON'],
      [tokenFor(''), 400, 'bad request: it must be {"audience": text}'],
      [tokenFor('two words'), 400, 'bad request: it must be {"audience": text}'],
      [tokenFor('x'.repeat(257)), 400, 'bad request: it must be {"audience": text}'],
      [tokenFor(['bao']), 400, 'bad request: it must be {"audience": text}'],
      [
        { method: 'POST', url: '/v1/token', body: '{"audience":"a","sub":"b"}' },
        400,
        'bad request: it must be'
      ],
      [
        { method: 'POST', url: '/v1/token', body: `"${'x'.repeat(5000)}"` },
        413,
        'bad request: the body may have'
      ],
      [{ method: 'POST', url: '/v1/token?audience=bao', body: '{}' }, 400, 'unknown parameter "audience"'],
      [{ method: 'GET', url: '/v1/token' }, 405, 'cannot GET "/v1/token": it takes POST'],
      [{ method: 'POST', url: '/v1/self' }, 405, 'cannot POST "/v1/self": it takes GET, HEAD'],
      [{ method: 'GET', url: '/vault/' }, 404, 'no such endpoint: GET /vault/']
    ]
    const { asks } = await held()
    for (const [request, status, message] of refused)
      expect(await asks(request)).toMatchObject({
        status,
        body: { message: expect.stringContaining(message) as unknown }
      })
  })

  test('answers a container only so often', async () => {
    const { asks } = await held()
    const statuses: number[] = []
    // Also what is refused.
    const other: Request[] = [
      { method: 'GET', url: '/' },
      { method: 'DELETE', url: '/v1/self' },
      { method: 'POST', url: '/v1/token', body: 'no JSON' }
    ]
    for (let i = 0; i < 32; i++) statuses.push((await asks(other[i % 4] ?? self)).status)
    expect(statuses.slice(0, 4)).toEqual([404, 405, 400, 200])
    expect(statuses.slice(0, 30)).not.toContain(429)
    expect(statuses.at(-1)).toBe(429)
    expect((await asks(tokenFor('bao'))).body).toMatchObject({ code: 'too_many' })
    // Others are answered as before.
    expect((await (await held('other')).asks(self)).status).toBe(200)
  })

  test('gives one answer at a time, and the next when that was read', async () => {
    await makeBox(daemon.adminSocket, 'big', { f: '\u0001'.repeat(4 << 20) })
    await driver.call('Create', { Name: 'big', Opts: { api: 'true' } })
    const others = (await held('other')).asks
    said.volume = 'big'
    const { holder, asks } = await held('big')
    const slow = await readSlowlyWithin(holder.pid, join(holder.path, place), '/v1/secret_mounts')
    let isAnswered = false
    const next = asks(self).finally(() => (isAnswered = true))
    for (let i = 0; i < 3; i++) expect((await others(self)).status).toBe(200)
    expect(isAnswered).toBe(false)
    expect(await slow.rest()).toBeGreaterThan(24 << 20)
    expect((await next).status).toBe(200)
  })

  test('is cut off by who asks ten thousand times and reads nothing, and answers the container', async () => {
    const { copy, asks } = await held()
    const socket = connect(join(copy, place))
    await once(socket, 'connect')
    const cut = new Promise(resolve => socket.once('error', resolve).once('close', resolve))
    const request = 'GET /v1/self HTTP/1.1\r\nHost: x\r\n\r\n'
    for (let i = 0; i < 100; i++) socket.write(request.repeat(100))
    await cut
    expect((await asks(self)).status).toBe(200)
  })

  test('is served again after a kill of the daemon', async () => {
    const { asks } = await held()
    const before = (await asks(self)).body
    const identity = async (): Promise<string> =>
      (await ask(daemon.adminSocket, { method: 'GET', url: '/identity' })).body.toString()
    const shown = await identity()
    driver.close()
    await daemon.kill('SIGKILL')
    await startHere()
    expect(await eventuallyAnswered(asks)).toEqual(before)
    expect((await asks(tokenFor('bao'))).status).toBe(200)
    expect(await identity()).toBe(shown)
  })

  test('is gone with the copy, and where nobody asked for it there is none', async () => {
    const { id, holder, asks } = await held()
    expect((await asks(self)).status).toBe(200)
    await holder.end()
    await driver.unmount('db', id)
    await expect(asks(self)).rejects.toThrow(/ECONNREFUSED|ENOENT/)
    const { copy } = await held('plain')
    expect(() => statSync(join(copy, '.secretbox'))).toThrow('ENOENT')
  })

  test('lies where a box must have nothing', async () => {
    await makeBox(daemon.adminSocket, 'taken', { '.secretbox/file': 'x' })
    await driver.call('Create', { Name: 'taken', Opts: { api: 'true' } })
    await expect(driver.mount('taken', freshId())).rejects.toThrow(
      'box "taken" has an entry ".secretbox", where the socket of the option api belongs'
    )
  })
})

/** The role that docs/identity.md has an OpenBao written. */
function roleInDocs(): {
  bound_audiences: string[]
  bound_claims: Record<string, string>
  user_claim: string
} {
  const docs = readFileSync(new URL('../../docs/identity.md', import.meta.url), 'utf8')
  return JSON.parse(/<<'EOF'\n(\{[^]*?\n\})\nEOF/.exec(docs)?.[1] ?? '') as ReturnType<typeof roleInDocs>
}

async function eventuallyAnswered(asks: AskWithin): Promise<Record<string, unknown>> {
  for (;;) {
    const answer = await asks(self).catch(() => null)
    if (answer !== null) return answer.body
  }
}
