import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { NotStarted, removeHome, startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { unmountBelow } from '../kit/mounting.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { openVault } from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount, smallDisk } from '../kit/tmpfs.ts'
import { ask } from '../kit/ask.ts'

async function start(settings: NodeJS.ProcessEnv = {}, directory?: string): Promise<Daemon> {
  const daemon = await startDaemon(settings, directory)
  onTestFinished(async () => {
    await daemon.kill('SIGKILL')
    if (directory === undefined) await removeHome(daemon.directory)
    else unmountBelow(directory)
  })
  return daemon
}

/** How a daemon ends that cannot start: with status 1 and one line that says why. */
async function failure(
  settings: NodeJS.ProcessEnv,
  directory = temporaryDirectory(),
  wrapper: readonly string[] = []
): Promise<Record<string, unknown>> {
  const error: unknown = await startDaemon(settings, directory, wrapper).then(
    () => null,
    (thrown: unknown) => thrown
  )
  if (!(error instanceof NotStarted)) throw new Error('it started')
  expect(error.code).toBe(1)
  const lines = error.log.trim().split('\n')
  expect(lines).toHaveLength(1)
  const { level, code, msg, hint } = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  expect(level).toBe(60)
  return { code, message: msg, ...(hint === undefined ? {} : { hint }) }
}

/** A directory that a daemon has used. */
async function usedHome(): Promise<string> {
  const directory = temporaryDirectory()
  for (const name of ['data', 'key', 'made']) mkdirSync(join(directory, name))
  // A vault needs no daemon to be begun.
  const { close, keyFile, storeFile } = await openVault(join(directory, 'made'))
  await close()
  renameSync(keyFile, join(directory, 'key/key'))
  renameSync(storeFile, join(directory, 'data/store.db'))
  return directory
}

async function ok(daemon: Daemon, method: string, url: string, body?: string | Buffer): Promise<Buffer> {
  const answer = await ask(daemon.adminSocket, { method, url, ...(body === undefined ? {} : { body }) })
  expect(answer.status, answer.body.toString()).toBeLessThan(300)
  return answer.body
}

describe('SIGTERM', () => {
  test('lets what is in flight end, takes nothing new, keeps copies, and ends with status 0', async () => {
    const daemon = await start()
    await ok(daemon, 'PUT', '/vault/db/')
    const upload: ClientRequest = request({
      socketPath: daemon.adminSocket,
      method: 'PUT',
      path: '/vault/db/f',
      headers: { 'Content-Length': 200_000 }
    })
    const answered = once(upload, 'response') as Promise<[IncomingMessage]>
    upload.write(Buffer.alloc(100_000, 1))
    // Once it answers this, it has seen the other connection too.
    await ok(daemon, 'GET', '/status')
    const ended = daemon.kill('SIGTERM')
    while (existsSync(daemon.adminSocket)) await new Promise(resolve => setImmediate(resolve))
    await expect(ask(daemon.adminSocket, { method: 'GET', url: '/status' })).rejects.toMatchObject({
      code: 'ENOENT'
    })
    upload.end(Buffer.alloc(100_000, 2))
    const [answer] = await answered
    expect(answer.statusCode).toBe(200)
    expect(JSON.parse((await buffer(answer)).toString())).toMatchObject({ version: 2 })
    expect(await ended).toBe(0)
    expect(daemon.log()).toContain('"msg":"stopping"')

    const again = await start({}, daemon.directory)
    expect((await ok(again, 'GET', '/vault/db/f')).length).toBe(200_000)
  })

  test('ends a daemon cleanly that has only just begun to listen', async () => {
    const directory = temporaryDirectory()
    const order = join(directory, 'start.listening')
    writeFileSync(order, 'wait')
    const ended = startDaemon({ SECRETBOX_FAULTS: directory }, directory).then(
      daemon => daemon.ended,
      (error: unknown) => (error instanceof NotStarted ? error.code : error)
    )
    const reached = `${order}.reached`
    while (!existsSync(reached) || readFileSync(reached).length === 0)
      await new Promise(resolve => setImmediate(resolve))
    process.kill(Number(readFileSync(reached, 'utf8')), 'SIGTERM')
    rmSync(order)
    expect(await ended).toBe(0)
  })

  test('ends a daemon that has nothing to do, with connections that wait', async () => {
    const daemon = await start()
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const [answer] = (await once(
      request({ socketPath: daemon.adminSocket, path: '/status', agent }).end(),
      'response'
    )) as [IncomingMessage]
    await buffer(answer)
    expect(await daemon.kill('SIGTERM')).toBe(0)
  })

  test('is answered while a caller does not go on, whose request is cut', async () => {
    const daemon = await start()
    await ok(daemon, 'PUT', '/vault/db/')
    const stalled = request({
      socketPath: daemon.adminSocket,
      method: 'PUT',
      path: '/vault/db/f',
      headers: { 'Content-Length': 2 }
    })
    const cut = once(stalled, 'error')
    stalled.write('x')
    await ok(daemon, 'GET', '/status')
    expect(await daemon.kill('SIGTERM')).toBe(0)
    await cut
    const again = await start({}, daemon.directory)
    expect(JSON.parse((await ok(again, 'GET', '/vault/db/')).toString())).toMatchObject({ version: 1 })
  })
})

describe('a daemon that was killed', () => {
  test('leaves all that it had answered, and starts again in spite of its sockets', async () => {
    const daemon = await start()
    await ok(daemon, 'PUT', '/vault/db/')
    const contents = randomBytes(50_000)
    await ok(daemon, 'PUT', '/vault/db/f', contents)
    await daemon.kill('SIGKILL')
    expect(existsSync(daemon.adminSocket)).toBe(true)
    const again = await start({}, daemon.directory)
    expect((await ok(again, 'GET', '/vault/db/f')).equals(contents)).toBe(true)
  })
})

describe('a daemon does not start', () => {
  test('on a data directory that another one holds', async () => {
    const daemon = await start()
    const settings = {
      SECRETBOX_DATA_DIR: join(daemon.directory, 'data'),
      SECRETBOX_KEY_DIR: join(daemon.directory, 'key')
    }
    expect(await failure(settings)).toEqual({
      code: 'in_use',
      message: `cannot open store "${daemon.directory}/data/store.db": another secretbox daemon holds it`,
      hint: 'stop the other daemon, or give this one a data directory of its own'
    })
    await ok(daemon, 'PUT', '/vault/db/')
  })

  test('on a socket that another process serves, or in place of what is no socket', async () => {
    const directory = temporaryDirectory()
    const socket = join(directory, 'taken.sock')
    const server = createServer().listen(socket)
    await once(server, 'listening')
    expect(await failure({ SECRETBOX_PLUGIN_SOCKET: socket })).toEqual({
      code: 'in_use',
      message: `cannot listen on "${socket}": another process does`,
      hint: 'is another secretbox daemon running?'
    })
    server.close()
    await once(server, 'close')
    writeFileSync(socket, 'something')
    expect(await failure({ SECRETBOX_PLUGIN_SOCKET: socket })).toEqual({
      code: 'conflict',
      message: `cannot listen on "${socket}": there is something that is not a socket`,
      hint: 'name another path, or move it away'
    })
    expect(readFileSync(socket, 'utf8')).toBe('something')
  })

  test('with a setting that means nothing', async () => {
    expect(await failure({ MAX_BOX_BYTES: 'lots' })).toEqual({
      code: 'invalid',
      message: 'bad setting MAX_BOX_BYTES="lots": it must be a whole number',
      hint: 'without it, it is 134217728'
    })
  })

  test.each<[string, (store: string) => void, string]>([
    ['empty', store => truncateSync(store, 0), 'it is empty'],
    ['cut off', store => truncateSync(store, 5000), 'its contents are not what was written'],
    ['something else', store => writeFileSync(store, 'x'.repeat(5000)), 'it is not an SQLite file']
  ])('on a store that is %s', async (_name, damage, reason) => {
    const directory = await usedHome()
    const store = join(directory, 'data/store.db')
    damage(store)
    expect(await failure({}, directory)).toEqual({
      code: 'damaged',
      message: `cannot open store "${store}": ${reason}`,
      hint: 'restore the data directory from a backup, or move the file away to begin a new vault'
    })
  })

  test('with the key of a vault whose store is gone', async () => {
    const directory = await usedHome()
    rmSync(join(directory, 'data'), { recursive: true })
    expect(await failure({}, directory)).toEqual({
      code: 'conflict',
      message: `cannot begin a new vault: "${directory}/key/key" is the key of a vault whose store is not in the data directory`,
      hint: 'restore the data directory, or move the key file away to begin anew'
    })
  })

  test('where a directory should be and a file is', async () => {
    const directory = temporaryDirectory()
    for (const name of ['copies', 'data', 'key']) {
      writeFileSync(join(directory, name), '')
      const { code, message } = await failure({}, directory)
      expect([code, message]).toEqual(['unavailable', expect.stringContaining(`"${directory}/${name}`)])
      rmSync(join(directory, name))
    }
  })
})

describe.skipIf(cannotMount)('on a read-only disk (takes root)', () => {
  test('a daemon does not start, and names the directory', async () => {
    const disk = smallDisk(32 << 20)
    for (const name of ['data', 'key', 'copies']) mkdirSync(join(disk.directory, name))
    const daemon = await start({}, disk.directory)
    await ok(daemon, 'PUT', '/vault/db/')
    await daemon.kill('SIGTERM')
    disk.remount({ readOnly: true })
    const elsewhere = temporaryDirectory()
    const place = {
      RUNTIME_DIRECTORY: elsewhere,
      SECRETBOX_ADMIN_SOCKET: join(elsewhere, 'a.sock'),
      SECRETBOX_PLUGIN_SOCKET: join(elsewhere, 'p.sock')
    }
    expect(await failure(place, disk.directory)).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(`^cannot use store "${disk.directory}/data/store.db": `) as string
    })
    const own = { SECRETBOX_DATA_DIR: join(elsewhere, 'data'), SECRETBOX_KEY_DIR: join(elsewhere, 'key') }
    expect(
      await failure({ ...place, ...own, SECRETBOX_DATA_DIR: join(disk.directory, 'new') }, disk.directory)
    ).toEqual({
      code: 'unavailable',
      message: `cannot use directory "${disk.directory}/new": the file system is read-only`
    })
    expect(await failure({ ...place, ...own }, disk.directory)).toMatchObject({
      code: 'unavailable',
      message: `cannot use copies directory "${disk.directory}/copies": mkdir: EROFS`
    })
    disk.remount({})
    const again = await start({}, disk.directory)
    await ok(again, 'GET', '/vault/db/')
  })

  test('a key directory may be, once the key is there', async () => {
    const disk = smallDisk(1 << 20)
    const daemon = await start({ SECRETBOX_KEY_DIR: disk.directory })
    await ok(daemon, 'PUT', '/vault/db/')
    await daemon.kill('SIGTERM')
    disk.remount({ readOnly: true })
    const again = await start({ SECRETBOX_KEY_DIR: disk.directory }, daemon.directory)
    await ok(again, 'GET', '/vault/db/')
  })
})

describe.skipIf(cannotMount)('without the right to mount (takes root)', () => {
  test('a daemon does not start, and says what it needs', async () => {
    const directory = temporaryDirectory()
    const withoutMounting = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin']
    expect(await failure({}, directory, withoutMounting)).toEqual({
      code: 'unavailable',
      message: `cannot use copies directory "${directory}/copies": mount: EPERM`,
      hint: 'the supervisor needs root and CAP_SYS_ADMIN'
    })
  })
})

describe.skipIf(cannotMount)('with the capabilities of the systemd unit and no others (takes root)', () => {
  test('a daemon makes copies with owners and modes, tells who holds them, and wipes them', async () => {
    const unit = readFileSync(new URL('../../packaging/secretbox.service', import.meta.url), 'utf8')
    const [, list = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(unit) ?? []
    const capabilities = list.split(' ').map(name => name.replace(/^CAP_/, '').toLowerCase())
    expect(capabilities).toHaveLength(9)
    const bounding = ['-all', ...capabilities.map(name => `+${name}`)].join(',')
    const directory = temporaryDirectory()
    const daemon = await startDaemon({}, directory, [
      'setpriv',
      '--no-new-privs',
      `--bounding-set=${bounding}`,
      '--inh-caps=-all'
    ])
    onTestFinished(async () => {
      await daemon.kill('SIGKILL')
      unmountBelow(directory)
    })
    const driver = async (method: string, body: unknown): Promise<unknown> => {
      const call = { method: 'POST', url: `/VolumeDriver.${method}`, body: JSON.stringify(body) }
      return JSON.parse((await ask(daemon.pluginSocket, call)).body.toString())
    }
    await ok(daemon, 'PUT', '/vault/db/')
    await ok(daemon, 'PUT', '/vault/db/tool?mode=6711', 'hunter2')
    const copies = new Map<string, string>()
    const mount = async (name: string): Promise<string> =>
      ((await driver('Mount', { Name: name, ID: name })) as { Mountpoint: string }).Mountpoint
    for (const [name, more] of [
      ['db', {}],
      ['rw', { rw: 'true' }]
    ] as const) {
      const Opts = { box: 'db', uid: '1000', gid: '1001', ...more }
      expect(await driver('Create', { Name: name, Opts })).toEqual({})
      copies.set(name, await mount(name))
      expect(statSync(join(copies.get(name) ?? '', 'tool'))).toMatchObject({
        uid: 1000,
        gid: 1001,
        mode: 0o106711
      })
    }
    // What a container does in its writable copy.
    const made = join(copies.get('rw') ?? '', 'made')
    mkdirSync(made, { mode: 0o000 })
    chownSync(made, 1234, 1234)
    for (const name of ['db', 'rw']) expect(await driver('Unmount', { Name: name, ID: name })).toEqual({})
    expect(readdirSync(join(directory, 'copies'))).toEqual([])
    expect(await daemon.kill('SIGTERM')).toBe(0)
    expect(daemon.log()).not.toMatch(/"level":(40|50|60)/)
  })
})

describe.skipIf(cannotMount)('on a disk that is full (takes root)', () => {
  test('what cannot be stored is refused and leaves nothing; reading, mounting and removing go on', async () => {
    const disk = smallDisk(40 << 20)
    const daemon = await start({}, disk.directory)
    await ok(daemon, 'PUT', '/vault/db/')
    await ok(daemon, 'PUT', '/vault/db/kept', 'kept')
    const refused = await ask(daemon.adminSocket, {
      method: 'PUT',
      url: '/vault/db/large',
      body: randomBytes(60 << 20)
    })
    expect([refused.status, JSON.parse(refused.body.toString())]).toEqual([
      507,
      {
        code: 'full',
        message: `cannot write store "${disk.directory}/data/store.db": the disk is full`,
        hint: 'free room on the disk that holds the data directory; nothing was changed'
      }
    ])
    expect((await ok(daemon, 'GET', '/vault/db/kept')).toString()).toBe('kept')
    const driver = async (method: string, body: unknown): Promise<unknown> =>
      JSON.parse(
        (
          await ask(daemon.pluginSocket, {
            method: 'POST',
            url: `/VolumeDriver.${method}`,
            body: JSON.stringify(body)
          })
        ).body.toString()
      )
    expect(await driver('Create', { Name: 'db' })).toEqual({})
    const { Mountpoint } = (await driver('Mount', { Name: 'db', ID: 'x' })) as { Mountpoint: string }
    expect(readFileSync(join(Mountpoint, 'kept'), 'utf8')).toBe('kept')
    expect(await driver('Unmount', { Name: 'db', ID: 'x' })).toEqual({})
    // What was taken in of the large file is gone again: as much fits as before.
    await ok(daemon, 'PUT', '/vault/db/small', randomBytes(5 << 20))
    await ok(daemon, 'DELETE', '/vault/db/')
    await daemon.kill('SIGTERM')
    const again = await start({}, disk.directory)
    expect(JSON.parse((await ok(again, 'GET', '/vault/')).toString())).toEqual({ boxes: [] })
  })
})

test('a label that is damaged keeps no volume from being told of, mounted, let go of and removed', async () => {
  const daemon = await start()
  const driver = async (method: string, body: unknown): Promise<unknown> => {
    const call = { method: 'POST', url: `/VolumeDriver.${method}`, body: JSON.stringify(body) }
    return JSON.parse((await ask(daemon.pluginSocket, call)).body.toString())
  }
  await ok(daemon, 'PUT', '/vault/db/')
  expect(await driver('Create', { Name: 'db' })).toEqual({})
  await daemon.kill('SIGTERM')
  const store = await openSqliteStore(join(daemon.directory, 'data/store.db'), { create: false })
  await store.commit([{ put: 'copy/db/x', value: Buffer.from('garbage') }])
  await store.close()
  const again = await start({}, daemon.directory)
  expect(await driver('Get', { Name: 'db' })).toMatchObject({
    Volume: { Name: 'db', Status: { Copies: [] } }
  })
  expect(await driver('List', {})).toMatchObject({ Volumes: [{ Name: 'db' }] })
  // The daemon's own first pass may not be over.
  await ok(again, 'POST', '/reconcile?apply=1')
  expect(JSON.parse((await ok(again, 'POST', '/reconcile?apply=1')).toString())).toEqual({ actions: [] })
  expect(await driver('Unmount', { Name: 'db', ID: 'x' })).toEqual({})
  if (!cannotMount) {
    expect(await driver('Mount', { Name: 'db', ID: 'x' })).toHaveProperty('Mountpoint')
    expect(await driver('Unmount', { Name: 'db', ID: 'x' })).toEqual({})
  }
  expect(await driver('Remove', { Name: 'db' })).toEqual({})
})

test('what a daemon makes is for root alone, and an existing directory keeps its mode', async () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'data'))
  chmodSync(join(directory, 'data'), 0o755)
  const daemon = await start({}, directory)
  await ok(daemon, 'PUT', '/vault/db/')
  const modeOf = (name: string): string => (statSync(join(directory, name)).mode & 0o777).toString(8)
  expect(['data', 'key', 'data/store.db', 'data/store.db-wal', 'key/key'].map(modeOf)).toEqual([
    '755',
    '700',
    '600',
    '600',
    '600'
  ])
})

test('a daemon that nobody may trace or dump, whose memory for keys is locked', async () => {
  const daemon = await start()
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  expect(readFileSync(`/proc/${daemon.pid}/limits`, 'utf8')).toMatch(/Max core file size +0 +0 /)
  expect(Number(/VmLck:\s+(\d+) kB/.exec(status)?.[1])).toBeGreaterThan(0)
})
