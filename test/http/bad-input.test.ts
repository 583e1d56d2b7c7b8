import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { removeHome, startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { unmountBelow } from '../kit/mounting.ts'
import { cannotMount, smallDisk } from '../kit/tmpfs.ts'
import { ask, type Request } from '../kit/ask.ts'

/* What has no better place of its own. Names, bodies, options and the protocol: admin, bodies and volume-driver tests. */

type Json = Record<string, unknown>

async function admin(
  daemon: Daemon,
  method: string,
  url: string,
  more: Partial<Request> = {}
): Promise<Json> {
  const { status, body } = await ask(daemon.adminSocket, { method, url, ...more })
  return { status, ...(JSON.parse(body.toString()) as Json) }
}

async function driver(daemon: Daemon, call: string, body: unknown): Promise<Json> {
  const request = { method: 'POST', url: `/VolumeDriver.${call}`, body: JSON.stringify(body) }
  return JSON.parse((await ask(daemon.pluginSocket, request)).body.toString()) as Json
}

describe('a request that asks for what there is not', () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDaemon()
    await admin(daemon, 'PUT', '/vault/db/')
  })
  afterAll(() => daemon.stop())

  const number = 'it must be a number from 1 on'
  const cases: [method: string, url: string, more: Partial<Request>, message: string, hint?: string][] = [
    ['GET', '/vault/%ff/', {}, 'bad URL: "%ff" is not percent-encoded UTF-8'],
    ['GET', '/vault/db/a%', {}, 'bad URL: "a%" is not percent-encoded UTF-8'],
    ['GET', '/versions/db/file', {}, 'name a box: /versions/<box>/'],
    ['GET', '/vault/db/?version=-1', {}, `bad version "-1": ${number}`],
    ['GET', '/vault/db/?version=1e3', {}, `bad version "1e3": ${number}`],
    ['GET', '/vault/db/?version=1&version=2', {}, `bad version "[\\"1\\",\\"2\\"]": ${number}`],
    ['GET', '/audit?limit=all', {}, `bad limit "all": ${number}`],
    ['GET', '/audit?limit=0', {}, `bad limit "0": ${number}`],
    [
      'GET',
      '/audit?caller=alice',
      {},
      'bad caller "alice": it must be the number of a user, "engine", "daemon" or "container"'
    ],
    ['GET', '/audit?container=%2Fa', {}, 'bad container "/a": it must be the name of a container, or its ID'],
    ['GET', '/audit?until=today', {}, 'bad until "today": it must be a time such as 2026-01-31T12:00:00Z'],
    [
      'GET',
      `/audit?${'box=a&'.repeat(21)}`,
      {},
      `bad box ${JSON.stringify(JSON.stringify(Array(21).fill('a')))}: it must be names, at most 20, each as box=NAME`
    ],
    ['POST', '/reconcile?apply=maybe', {}, 'bad apply "maybe": it must be 1 or 0'],
    [
      'PUT',
      '/vault/db/f',
      { headers: { 'If-None-Match': '"1"' }, body: 'x' },
      'bad If-None-Match "\\"1\\"": only * is understood'
    ],
    [
      'PUT',
      '/vault/db/f',
      { headers: { 'If-Match': '"one"' }, body: 'x' },
      'bad If-Match "\\"one\\"": it must be a version in quotes, as "3"'
    ],
    [
      'PUT',
      '/vault/other/',
      { body: 'x' },
      'the request takes no body',
      'to put a tree into a box, send Content-Type: application/x-tar'
    ],
    [
      'PUT',
      '/vault/db/d?type=directory',
      { body: 'x' },
      'the request takes no body',
      'to put a tree into a box, send Content-Type: application/x-tar'
    ],
    ['PUT', '/vault/db/l?type=symlink', { body: 'x'.repeat(8193) }, 'the body may have at most 8192 bytes'],
    ['GET', '/status?format=json', {}, 'unknown parameter "format": GET "/status" takes none'],
    [
      'GET',
      '/v1/audit?last=1',
      {},
      'unknown parameter "last": GET "/v1/audit" takes limit, box, action, caller, container, denied, since, until, follow'
    ],
    [
      'PUT',
      '/vault/db/f?Mode=644',
      { body: 'x' },
      'unknown parameter "Mode": PUT "/vault/db/f" takes type, mode'
    ],
    [
      'PUT',
      '/vault/db/',
      { headers: { 'Content-Type': 'application/x-tar' }, body: 'x'.repeat(600) },
      'bad tar archive: it does not begin with a header of tar'
    ]
  ]

  test.each(cases)('is told so: %s %s', async (method, url, more, message, hint) => {
    expect(await admin(daemon, method, url, more)).toEqual({
      status: 400,
      code: 'invalid',
      message,
      ...(hint === undefined ? {} : { hint })
    })
    expect(await admin(daemon, 'GET', '/vault/db/')).toMatchObject({ version: 1, files: [] })
  })
})

describe('a method that there is not', () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDaemon()
  })
  afterAll(() => daemon.stop())

  test.each([
    ['PUT', '/vault/', 'GET, HEAD'],
    ['POST', '/vault/db/', 'GET, HEAD, PUT, PATCH, DELETE'],
    ['POST', '/v1/vault/db/f?x=1', 'GET, HEAD, PUT, DELETE'],
    ['DELETE', '/status', 'GET, HEAD'],
    ['OPTIONS', '/audit', 'GET, HEAD'],
    ['GET', '/reconcile', 'POST']
  ])('is answered with those that there are: %s %s', async (method, url, allow) => {
    const { status, headers, body } = await ask(daemon.adminSocket, { method, url })
    expect({ status, allow: headers['allow'], ...(JSON.parse(body.toString()) as Json) }).toEqual({
      status: 405,
      allow,
      code: 'invalid',
      message: `cannot ${method} "${url}": it takes ${allow}`
    })
  })

  test('is answered so by the driver, too, and an unknown call is not found', async () => {
    const answers: unknown[] = []
    for (const [method, url] of [
      ['GET', '/VolumeDriver.Mount'],
      ['POST', '/VolumeDriver.Mout'],
      ['POST', '/constructor']
    ] as const) {
      const { status, headers, body } = await ask(daemon.pluginSocket, { method, url, body: '{}' })
      answers.push({ status, allow: headers['allow'], ...(JSON.parse(body.toString()) as Json) })
    }
    expect(answers).toEqual([
      { status: 405, allow: 'POST', Err: '"/VolumeDriver.Mount" takes POST, not GET' },
      { status: 404, Err: 'no such call "/VolumeDriver.Mout"' },
      { status: 404, Err: 'no such call "/constructor"' }
    ])
  })

  test.each([
    ['FOO / HTTP/1.1\r\nHost: x\r\n\r\n', '405 Method Not Allowed', 'there is no such method'],
    ['GET / HTTP/9.9\r\n\r\n', '400 Bad Request', 'it is not HTTP'],
    [
      `GET /${'x'.repeat(70_000)} HTTP/1.1\r\n\r\n`,
      '431 Request Header Fields Too Large',
      'its headers are too long'
    ]
  ])('is told even where it is no request: %.10s', async (sent, status, reason) => {
    for (const path of [daemon.adminSocket, daemon.pluginSocket]) {
      const socket = connect(path)
      socket.end(sent)
      const answer = (await socket.toArray()).join('')
      expect(answer.split('\r\n')[0]).toBe(`HTTP/1.1 ${status}`)
      expect(answer.includes('\r\nAllow: ')).toBe(status.startsWith('405'))
      const message = `bad request: ${reason}`
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({
        code: 'invalid',
        message,
        Err: message
      })
    }
  })
})

describe('a volume whose record cannot be read, as a newer release may have written it', () => {
  let daemon: Daemon
  beforeAll(async () => {
    const first = await startDaemon()
    for (const box of ['db', 'web', 'ephemeral-a']) {
      await admin(first, 'PUT', `/vault/${box}/`)
      const Opts = box === 'ephemeral-a' ? { ephemeral: 'true' } : {}
      expect(await driver(first, 'Create', { Name: box, Opts })).toEqual({})
    }
    await first.kill('SIGTERM')
    const store = await openSqliteStore(join(first.directory, 'data/store.db'), { create: false })
    const record = JSON.parse((await store.get('volume/db'))?.value.toString() ?? '') as { options: Json }
    const evil = { ...record, name: 'evil', options: { ...record.options, box: 'web', ephemeral: true } }
    record.options['colour'] = 'red'
    await store.commit([
      { put: 'volume/db', value: Buffer.from(JSON.stringify(record)) },
      { put: 'volume/evil', value: Buffer.from(JSON.stringify(evil)) },
      { put: 'volume/%', value: Buffer.from('{}') },
      { put: 'volume/%C3%BC', value: Buffer.from('garbage') }
    ])
    await store.close()
    daemon = await startDaemon({}, first.directory)
  }, 120_000)
  afterAll(() => daemon.stop())

  const hint = 'remove the volume and create it again, or use the release that made it'
  const damaged = (name: string): string => `the record of volume "${name}" is not what this release writes`

  test('is told of all the same, and so are the others', async () => {
    for (const Name of ['db', 'ü']) {
      expect(await driver(daemon, 'Get', { Name })).toEqual({
        Volume: { Name, Status: { Error: damaged(Name) } }
      })
      expect(await driver(daemon, 'Path', { Name })).toEqual({ Mountpoint: '' })
    }
    const CreatedAt = expect.any(String) as string
    expect(await driver(daemon, 'List', {})).toEqual({
      Volumes: [
        { Name: 'ü' },
        { Name: 'db' },
        { Name: 'ephemeral-a', CreatedAt },
        { Name: 'evil' },
        { Name: 'web', CreatedAt }
      ]
    })
    expect(await driver(daemon, 'Get', { Name: 'web' })).toMatchObject({ Volume: { Name: 'web', CreatedAt } })
  })

  test('cannot be mounted, the message says what to do, and boxes are changed all the same', async () => {
    expect(await driver(daemon, 'Mount', { Name: 'db', ID: 'x' })).toEqual({
      Err: `${damaged('db')} (${hint})`
    })
    expect(existsSync(join(daemon.directory, 'copies/x'))).toBe(false)
    expect(await driver(daemon, 'Unmount', { Name: 'db', ID: 'x' })).toEqual({})
    expect(await admin(daemon, 'PUT', '/vault/web/f', { body: 'x' })).toMatchObject({ version: 2 })
    expect(await admin(daemon, 'GET', '/status')).toMatchObject({
      damaged: '"volume/%", "volume/%C3%BC", "volume/db", "volume/evil"'
    })
  })

  test('takes no box with it, and keeps the last volume of another from taking one', async () => {
    for (const Name of ['evil', 'ephemeral-a']) expect(await driver(daemon, 'Remove', { Name })).toEqual({})
    const { boxes } = await admin(daemon, 'GET', '/vault/')
    expect(boxes).toMatchObject([{ name: 'db' }, { name: 'ephemeral-a' }, { name: 'web' }])
  })

  test('can be removed, and then all is well', async () => {
    for (const Name of ['db', 'ü']) expect(await driver(daemon, 'Remove', { Name })).toEqual({})
    expect(await driver(daemon, 'Get', { Name: 'db' })).toEqual({ Err: 'no such volume "db"' })
    expect(await admin(daemon, 'PUT', '/vault/web/f', { body: 'x' })).toMatchObject({ version: 3 })
    expect(await driver(daemon, 'Create', { Name: 'db' })).toEqual({})
  })
})

describe.skipIf(cannotMount)('copies (takes root)', () => {
  async function withVolume(directory?: string): Promise<Daemon> {
    const daemon = await startDaemon({}, directory)
    onTestFinished(async () => {
      await daemon.kill('SIGKILL')
      if (directory === undefined) await removeHome(daemon.directory)
      else unmountBelow(directory)
    })
    await admin(daemon, 'PUT', '/vault/db/')
    await admin(daemon, 'PUT', '/vault/db/pw', { body: 'hunter2' })
    expect(await driver(daemon, 'Create', { Name: 'db' })).toEqual({})
    return daemon
  }

  test('of a volume that is to be removed must not be in use, and the message names the volume', async () => {
    const daemon = await withVolume()
    const { Mountpoint: copy } = await driver(daemon, 'Mount', { Name: 'db', ID: 'a' })
    // A mount namespace of its own, as a container's, with the copy at another place in it.
    const place = join(daemon.directory, 'place')
    const script = `mkdir ${place} && mount --bind ${String(copy)} ${place} && echo && exec sleep 999`
    const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script])
    await once(holder.stdout, 'data')
    expect(await driver(daemon, 'Remove', { Name: 'db' })).toEqual({
      Err: 'volume "db" is in use by a container'
    })
    expect(await driver(daemon, 'Get', { Name: 'db' })).toHaveProperty('Volume')
    holder.kill('SIGKILL')
    await once(holder, 'close')
    expect(await driver(daemon, 'Unmount', { Name: 'db', ID: 'a' })).toEqual({})
    expect(await driver(daemon, 'Remove', { Name: 'db' })).toEqual({})
  })

  test('on a disk without a byte left are kept and wiped, but none is made; volumes are told of; nothing is lost', async () => {
    const disk = smallDisk(8 << 20)
    const daemon = await withVolume(disk.directory)
    const copies = join(daemon.directory, 'copies')
    const running = String((await driver(daemon, 'Mount', { Name: 'db', ID: 'running' }))['Mountpoint'])
    const filler = join(disk.directory, 'filler')
    expect(() => {
      for (;;) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' })
    }).toThrow('ENOSPC')

    const full = {
      code: 'full',
      message: `cannot write store "${disk.directory}/data/store.db": the disk is full`,
      hint: 'free room on the disk that holds the data directory; nothing was changed'
    }
    // The write-ahead log may have room for some changes.
    let put: Json
    let version = 1
    do {
      version++
      put = await admin(daemon, 'PUT', '/vault/db/more', { body: `${version}` })
    } while (put['status'] === 200)
    expect(put).toEqual({ status: 507, ...full })
    const ids = ['running']
    const mountOne = async (ID: string): Promise<Json> => {
      const reply = await driver(daemon, 'Mount', { Name: 'db', ID })
      if ('Mountpoint' in reply) ids.push(ID)
      return reply
    }
    let mount: Json
    do mount = await mountOne(`more-${ids.length}`)
    while ('Mountpoint' in mount)
    expect(mount).toEqual({ Err: `cannot mount volume "db": ${full.message} (${full.hint})` })
    expect(readdirSync(copies)).toHaveLength(ids.length)
    expect(await admin(daemon, 'PUT', '/vault/new/')).toEqual({ status: 507, ...full })

    expect(await driver(daemon, 'Get', { Name: 'db' })).toMatchObject({
      Volume: { Name: 'db', Status: { Box: 'db' } }
    })
    expect(await driver(daemon, 'List', {})).toMatchObject({ Volumes: [{ Name: 'db' }] })
    expect(await admin(daemon, 'GET', '/status')).toMatchObject({
      status: 200,
      sealed: false,
      disk: { state: 'full', freeBytes: 0 }
    })
    expect(readFileSync(join(running, 'pw'), 'utf8')).toBe('hunter2')
    for (const id of ids) expect(await driver(daemon, 'Unmount', { Name: 'db', ID: id }), id).toEqual({})
    expect(readdirSync(copies)).toEqual([])

    rmSync(filler)
    expect(await admin(daemon, 'GET', '/vault/db/')).toMatchObject({ version })
    const read = await ask(daemon.adminSocket, { method: 'GET', url: '/vault/db/pw' })
    expect(read.body.toString()).toBe('hunter2')
    expect(await driver(daemon, 'Mount', { Name: 'db', ID: 'again' })).toHaveProperty('Mountpoint')
    expect(await driver(daemon, 'Unmount', { Name: 'db', ID: 'again' })).toEqual({})
  })
})
