import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { mountsBelow } from '../kit/mounting.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { ask } from '../kit/ask.ts'

const settings = { SECRETBOX_DOCKER_SOCKET: '/nonexistent/docker.sock', MAX_VERSIONS: '4' }
let daemon: Daemon
let count = 0
/** A name that no other test uses. */
let name: string
beforeAll(async () => {
  daemon = await startDaemon(settings)
})
afterAll(() => daemon.stop())
beforeEach(() => {
  name = `n${++count}`
})

interface Reply {
  readonly status: number
  readonly body: Record<string, unknown>
}

async function post(route: string, body: string | Buffer): Promise<Reply> {
  const answer = await ask(daemon.pluginSocket, { method: 'POST', url: `/${route}`, body })
  expect(answer.headers['content-type']).toMatch(/^application\/vnd\.docker\.plugins\.v1\.\d\+json/)
  return { status: answer.status, body: JSON.parse(answer.body.toString()) as Record<string, unknown> }
}

/** A call that must succeed. */
async function call(method: string, body: unknown = {}): Promise<Record<string, unknown>> {
  const { status, body: reply } = await post(`VolumeDriver.${method}`, JSON.stringify(body))
  expect({ status, Err: reply['Err'] }).toEqual({ status: 200 })
  return reply
}

/** The error of a call that must fail. */
async function failure(method: string, body: unknown): Promise<string> {
  const { status, body: reply } = await post(`VolumeDriver.${method}`, JSON.stringify(body))
  expect(status).toBeGreaterThanOrEqual(400)
  expect(Object.keys(reply)).toEqual(['Err'])
  return reply['Err'] as string
}

async function admin(method: string, url: string, body?: string): Promise<void> {
  const answer = await ask(daemon.adminSocket, { method, url, ...(body === undefined ? {} : { body }) })
  expect(answer.status, answer.body.toString()).toBeLessThan(300)
}

/** A box with a file `pw`. */
async function makeBox(box: string, contents = 'hunter2'): Promise<void> {
  await admin('PUT', `/vault/${box}/`)
  await admin('PUT', `/vault/${box}/pw?mode=0640`, contents)
}

function id(digit = '0'): string {
  return `${name}-${digit.repeat(40)}`
}

async function mount(volume: string, mountId: string): Promise<string> {
  return (await call('Mount', { Name: volume, ID: mountId }))['Mountpoint'] as string
}

async function volumeOf(volume: string): Promise<Record<string, unknown>> {
  return (await call('Get', { Name: volume }))['Volume'] as Record<string, unknown>
}

describe('the protocol', () => {
  test('names itself a volume driver of local scope', async () => {
    expect(await post('Plugin.Activate', '')).toMatchObject({
      status: 200,
      body: { Implements: expect.arrayContaining(['VolumeDriver']) as unknown }
    })
    expect(await post('VolumeDriver.Capabilities', '')).toEqual({
      status: 200,
      body: { Capabilities: { Scope: 'local' } }
    })
  })

  test('creates, tells of, lists and removes volumes', async () => {
    await makeBox(name)
    const options = { uid: '1000', mode: '0440', dirmode: '0o750' }
    expect(await call('Create', { Name: name, Opts: options })).toEqual({})
    const volume = await volumeOf(name)
    // No Mountpoint: the one that counts is in Mount's reply.
    expect(Object.keys(volume).sort()).toEqual(['CreatedAt', 'Name', 'Status'])
    expect(volume['Name']).toBe(name)
    expect(volume['CreatedAt']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
    expect(volume['Status']).toEqual({
      Box: name,
      Version: 'newest',
      Owner: '1000:0',
      Mode: '0440',
      Dirmode: '0750',
      Access: 'ro',
      Copies: []
    })
    const { Volumes } = await call('List')
    expect(Volumes).toContainEqual({ Name: name, CreatedAt: volume['CreatedAt'] })
    expect(await call('Path', { Name: name })).toEqual({ Mountpoint: '' })
    expect(await call('Remove', { Name: name })).toEqual({})
    const missing = `no such volume "${name}"`
    for (const method of ['Get', 'Path', 'Remove'])
      expect(await failure(method, { Name: name })).toBe(missing)
    expect(await failure('Mount', { Name: name, ID: id() })).toContain(missing)
  })

  test('refuses what is no call of it', async () => {
    expect(await post('VolumeDriver.Nonsense', '{}')).toEqual({
      status: 404,
      body: { Err: 'no such call "/VolumeDriver.Nonsense"' }
    })
    const got = await ask(daemon.pluginSocket, { method: 'GET', url: '/VolumeDriver.List' })
    expect(JSON.parse(got.body.toString())).toEqual({ Err: '"/VolumeDriver.List" takes POST, not GET' })
  })

  const withBody = ['Create', 'Get', 'Path', 'Mount', 'Unmount', 'Remove']

  test.each(withBody)('refuses an empty body of %s, which a lost reply brings', async method => {
    expect(await post(`VolumeDriver.${method}`, '')).toEqual({
      status: 400,
      body: { Err: `bad request VolumeDriver.${method}: the body is empty, it must be JSON` }
    })
  })

  test.each(withBody)('refuses a body of %s that is not JSON, without repeating it', async method => {
    for (const body of ['hunter2', '{', '{"Name":"a"', "{'Name':'a'}", '['.repeat(100_000)]) {
      expect(await post(`VolumeDriver.${method}`, body)).toEqual({
        status: 400,
        body: { Err: `bad request VolumeDriver.${method}: the body is not JSON` }
      })
    }
  })

  test.each(withBody)('refuses a body of %s with wrong types, and names the field', async method => {
    const rest = { Name: 'a', ID: 'b' }
    for (const [body, field] of [
      ['[]', 'the body'],
      ['null', 'the body'],
      ['7', 'the body'],
      ['{}', 'Name'],
      [JSON.stringify({ ...rest, Name: 7 }), 'Name'],
      [JSON.stringify({ ...rest, Name: null }), 'Name'],
      [JSON.stringify({ ...rest, Name: ['a'] }), 'Name']
    ] as const) {
      const { status, body: reply } = await post(`VolumeDriver.${method}`, body)
      expect(status).toBe(400)
      expect(reply['Err']).toMatch(new RegExp(`^bad request: ${field}: it must be `))
    }
  })

  test('refuses options and mount IDs of wrong types', async () => {
    for (const options of ['{"a":1}', '{"a":null}', '[]', '"a"', '7']) {
      const { body } = await post('VolumeDriver.Create', `{"Name":"${name}","Opts":${options}}`)
      expect(body['Err'], options).toMatch(/^bad request: Opts(\.a)?: it must be /)
    }
    for (const mountId of ['7', 'null', '{}']) {
      const { body } = await post('VolumeDriver.Mount', `{"Name":"${name}","ID":${mountId}}`)
      expect(body['Err'], mountId).toMatch(/^bad request: ID: it must be /)
    }
    expect(await failure('Mount', { Name: name })).toMatch(/^bad request: ID: it must be /)
  })

  test('refuses a body of 10 MB and names the limit', async () => {
    const { body } = await post('VolumeDriver.Create', JSON.stringify({ Name: 'x'.repeat(10 << 20) }))
    expect(body).toEqual({ Err: 'bad request: the body may have at most 1048576 bytes' })
    expect(await call('List')).toHaveProperty('Volumes')
  })

  const hint = ' (a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters)'
  const badNames: [given: string, told: string][] = [
    ['', '"": it is empty'],
    ['.', '".": "." and ".." are not names'],
    ['..', '"..": "." and ".." are not names'],
    ['../x', '"../x": it contains "/"'],
    ['a:b', '"a:b": it contains ":"'],
    ['a\0b', '"a\\u0000b": it contains a control character'],
    ['a\nb', '"a\\nb": it contains a control character'],
    ['x'.repeat(256), `"${'x'.repeat(256)}": it is longer than 255 bytes`]
  ]

  test.each(badNames)('refuses the name %j everywhere', async (given, told) => {
    for (const method of withBody) {
      expect(await failure(method, { Name: given, ID: 'a' }), method).toBe(`bad volume name ${told}${hint}`)
    }
    expect(await failure('Create', { Name: name, Opts: { box: given } })).toBe(`bad box name ${told}${hint}`)
  })

  test('refuses mount IDs that are no plain names', async () => {
    for (const bad of ['', '.', '..', '../x', 'a/b', 'a b', 'a\n', 'a\0', 'x'.repeat(129)]) {
      for (const method of ['Mount', 'Unmount']) {
        expect(await failure(method, { Name: name, ID: bad })).toBe(
          `bad mount ID ${JSON.stringify(bad)}: an ID is 1 to 128 letters, digits, "_", "-" or "."`
        )
      }
    }
  })
})

describe('Create', () => {
  test('takes no options, null and none at all for the same, and the same again', async () => {
    await makeBox(name)
    for (const options of [{}, { Opts: null }, { Opts: {} }, { Opts: { box: name, uid: '0' } }])
      await call('Create', { Name: name, ...options })
  })

  test('refuses the same name with other options', async () => {
    await makeBox(name)
    await call('Create', { Name: name })
    expect(await failure('Create', { Name: name, Opts: { uid: '1' } })).toBe(
      `volume "${name}" exists already with other options (remove it first, or use another name)`
    )
    expect((await volumeOf(name))['Status']).toMatchObject({ Owner: '0:0' })
  })

  test('many times at once makes one volume', async () => {
    await makeBox(name)
    await Promise.all(Array.from({ length: 8 }, () => call('Create', { Name: name })))
  })

  test('refuses unknown options and bad values, and lists or says what is right', async () => {
    expect(await failure('Create', { Name: name, Opts: { ower: '1' } })).toBe(
      'unknown option "ower": known options are box, version, path, file, uid, gid, mode, dirmode, rw, size, optional, ephemeral, transient, api'
    )
    expect(await failure('Create', { Name: name, Opts: { uid: 'root' } })).toBe(
      'bad option uid="root": it must be a user id from 0 to 4294967294'
    )
    expect(await failure('Create', { Name: name, Opts: { size: '1m' } })).toBe(
      'bad option size: it is for writable copies only (add rw=true)'
    )
    // What compose sends of an unquoted 0400.
    expect(await failure('Create', { Name: name, Opts: { mode: '256' } })).toBe(
      'bad option mode="256": it must be permission bits in octal, 0000 to 7777, with a leading 0 ' +
        '(write mode=0256, or mode: "0400" with the quotes if YAML made 256 of 0400)'
    )
    expect(await failure('Get', { Name: name })).toBe(`no such volume "${name}"`)
  })

  test('refuses a box or version that is not there, unless it is optional', async () => {
    const hint = `create the box first (docker vault create ${name}), or set the option optional=true`
    expect(await failure('Create', { Name: 'v', Opts: { box: name } })).toBe(
      `cannot create volume "v": no such box "${name}" (${hint})`
    )
    await call('Create', { Name: `${name}-optional`, Opts: { box: name, optional: 'true' } })
    await makeBox(name)
    expect(await failure('Create', { Name: 'v', Opts: { box: name, version: '3' } })).toBe(
      `cannot create volume "v": box "${name}" has no version 3 (it has versions 1 to 2)`
    )
    await call('Create', { Name: `${name}-pinned`, Opts: { box: name, version: '2' } })
  })
})

describe.skipIf(cannotMount)('Mount (takes root)', () => {
  test('gives each ID its own read-only copy, which its Unmount wipes and removes', async () => {
    await makeBox(name)
    await call('Create', { Name: name, Opts: { uid: '1000', gid: '50' } })
    const [one, two] = [await mount(name, id('1')), await mount(name, id('2'))]
    expect(dirname(dirname(one))).toBe(join(daemon.directory, 'copies'))
    expect(two).not.toBe(one)
    for (const copy of [one, two]) {
      expect(readFileSync(join(copy, 'pw'), 'utf8')).toBe('hunter2')
      expect(statSync(join(copy, 'pw'))).toMatchObject({ uid: 1000, gid: 50, mode: 0o100640 })
      expect(() => writeFileSync(join(copy, 'new'), '')).toThrow('EROFS')
    }
    expect((await volumeOf(name))['Status']).toMatchObject({
      Copies: [
        { Mount: id('1'), Version: 2 },
        { Mount: id('2'), Version: 2 }
      ]
    })
    await call('Unmount', { Name: name, ID: id('1') })
    expect(existsSync(one)).toBe(false)
    expect(readFileSync(join(two, 'pw'), 'utf8')).toBe('hunter2')
    await call('Unmount', { Name: name, ID: id('2') })
    expect(readdirSync(join(daemon.directory, 'copies')).filter(entry => entry.startsWith(name))).toEqual([])
    expect((await volumeOf(name))['Status']).toMatchObject({ Copies: [] })
  })

  test('counts the uses of one ID, as "docker cp" on a running container makes them', async () => {
    await makeBox(name)
    await call('Create', { Name: name })
    const copy = await mount(name, id())
    expect(await mount(name, id())).toBe(copy)
    await call('Unmount', { Name: name, ID: id() })
    expect(readFileSync(join(copy, 'pw'), 'utf8')).toBe('hunter2')
    await call('Unmount', { Name: name, ID: id() })
    expect(existsSync(copy)).toBe(false)
  })

  test('many times at once gives as many copies, or one for one ID', async () => {
    await makeBox(name)
    await call('Create', { Name: name })
    const ids = ['a', 'b', 'c', 'a', 'b', 'c'].map(id)
    const copies = await Promise.all(ids.map(one => mount(name, one)))
    expect(new Set(copies).size).toBe(3)
    for (const copy of copies) expect(readFileSync(join(copy, 'pw'), 'utf8')).toBe('hunter2')
    await Promise.all(ids.map(one => call('Unmount', { Name: name, ID: one })))
    expect(copies.filter(copy => existsSync(copy))).toEqual([])
  })

  test('shows the newest version at each time, or the one that was asked for; running copies stay as they are', async () => {
    await makeBox(name, 'old')
    await call('Create', { Name: name })
    await call('Create', { Name: `${name}-2`, Opts: { box: name, version: '2' } })
    const before = await mount(name, id('1'))
    await admin('PUT', `/vault/${name}/pw`, 'new')
    const after = await mount(name, id('2'))
    const pinned = await mount(`${name}-2`, id('3'))
    expect([before, after, pinned].map(copy => readFileSync(join(copy, 'pw'), 'utf8'))).toEqual([
      'old',
      'new',
      'old'
    ])
    await admin('DELETE', `/vault/${name}/?force=1`)
    expect([before, after, pinned].map(copy => readFileSync(join(copy, 'pw'), 'utf8'))).toEqual([
      'old',
      'new',
      'old'
    ])
    for (const [volume, one] of [
      [name, id('1')],
      [name, id('2')],
      [`${name}-2`, id('3')]
    ] as const)
      await call('Unmount', { Name: volume, ID: one })
  })

  test('of a volume that stays at a version finds it, however many came after it', async () => {
    await makeBox(name, 'kept')
    await call('Create', { Name: name, Opts: { version: '2' } })
    for (let i = 0; i < 8; i++) await admin('PUT', `/vault/${name}/pw`, `${i}`)
    const { body } = await ask(daemon.adminSocket, { method: 'GET', url: `/versions/${name}/` })
    const { versions } = JSON.parse(body.toString()) as { versions: { version: number }[] }
    expect(versions.map(({ version }) => version)).toEqual([2, 8, 9, 10])
    expect(readFileSync(join(await mount(name, id()), 'pw'), 'utf8')).toBe('kept')
    await call('Unmount', { Name: name, ID: id() })
  })

  test('and all that leads to it are in the audit', async () => {
    await makeBox(name)
    await call('Create', { Name: name })
    await mount(name, id())
    await call('Unmount', { Name: name, ID: id() })
    await call('Remove', { Name: name })
    const { body } = await ask(daemon.adminSocket, { method: 'GET', url: '/audit?limit=6' })
    const { entries } = JSON.parse(body.toString()) as { entries: Record<string, unknown>[] }
    const engine = { kind: 'engine' }
    expect(entries.toReversed()).toMatchObject([
      { action: 'box.inspect', caller: engine, box: name },
      { action: 'volume.create', caller: engine, volume: name, box: name },
      { action: 'box.mount', caller: engine, volume: name, box: name, version: 2, mount: id() },
      { action: 'copy.wipe', caller: engine, volume: name, mount: id() },
      { action: 'volume.remove', caller: engine, volume: name },
      { action: 'audit.read', caller: { kind: 'user', uid: 0 } }
    ])
  })

  test('fails when the box was destroyed since, and Get still answers', async () => {
    await makeBox(name)
    await call('Create', { Name: name })
    await admin('DELETE', `/vault/${name}/?force=1`)
    expect(await failure('Mount', { Name: name, ID: id() })).toBe(
      `cannot mount volume "${name}": no such box "${name}" (create it with: docker vault create ${name})`
    )
    expect((await volumeOf(name))['Status']).toMatchObject({ Box: name, Copies: [] })
    expect(readdirSync(join(daemon.directory, 'copies'))).toEqual([])
    await makeBox(name, 'anew')
    expect(readFileSync(join(await mount(name, id()), 'pw'), 'utf8')).toBe('anew')
    await call('Unmount', { Name: name, ID: id() })
  })

  test('fails when the version or the path is not there any more', async () => {
    await makeBox(name)
    await call('Create', { Name: `${name}-version`, Opts: { box: name, version: '2' } })
    await call('Create', { Name: `${name}-path`, Opts: { box: name, path: 'none' } })
    expect(await failure('Mount', { Name: `${name}-path`, ID: id() })).toBe(
      `cannot mount volume "${name}-path": cannot read "none": no such file in the box`
    )
    await admin('DELETE', `/vault/${name}/?force=1`)
    await admin('PUT', `/vault/${name}/`)
    expect(await failure('Mount', { Name: `${name}-version`, ID: id() })).toBe(
      `cannot mount volume "${name}-version": box "${name}" has no version 2 (it has version 1)`
    )
    expect(readdirSync(join(daemon.directory, 'copies')).filter(entry => entry.startsWith(name))).toEqual([])
  })

  test('of an optional volume without its box gives an empty copy', async () => {
    await call('Create', { Name: name, Opts: { optional: 'true' } })
    const copy = await mount(name, id())
    expect(readdirSync(copy)).toEqual([])
    expect(() => writeFileSync(join(copy, 'new'), '')).toThrow('EROFS')
    await call('Unmount', { Name: name, ID: id() })
  })

  test('serves a part of a box, and every file with the mode that was asked for', async () => {
    await makeBox(name)
    await admin('PUT', `/vault/${name}/tls/key.pem`, 'key')
    await call('Create', { Name: `${name}-dir`, Opts: { box: name, path: 'tls', mode: '0444' } })
    await call('Create', { Name: `${name}-file`, Opts: { box: name, path: '/tls/key.pem' } })
    for (const volume of [`${name}-dir`, `${name}-file`]) {
      const copy = await mount(volume, id())
      expect(readdirSync(copy)).toEqual(['key.pem'])
      expect(statSync(join(copy, 'key.pem')).mode & 0o7777).toBe(volume.endsWith('dir') ? 0o444 : 0o600)
      await call('Unmount', { Name: volume, ID: id() })
    }
  })

  test('shows a part of a box with what its symlinks lead to, and a file under the name that was asked for', async () => {
    await makeBox(name)
    await admin('PUT', `/vault/${name}/archive/d/privkey2.pem`, 'key2')
    await admin('PUT', `/vault/${name}/live/d/privkey.pem?type=symlink`, '../../archive/d/privkey2.pem')
    await admin('PUT', `/vault/${name}/live/d/twice.pem?type=symlink`, '../../archive/d/privkey2.pem')
    await call('Create', { Name: `${name}-dir`, Opts: { box: name, path: 'live/d' } })
    await call('Create', { Name: `${name}-file`, Opts: { box: name, path: 'live/d/privkey.pem' } })
    for (const [volume, names] of [
      [`${name}-dir`, ['privkey.pem', 'twice.pem']],
      [`${name}-file`, ['privkey.pem']]
    ] as const) {
      const copy = await mount(volume, id())
      expect(readdirSync(copy).sort()).toEqual(names)
      for (const file of names) expect(readFileSync(join(copy, file), 'utf8')).toBe('key2')
      await call('Unmount', { Name: volume, ID: id() })
    }
  })

  test('opens directories to a group', async () => {
    await makeBox(name)
    await admin('PUT', `/vault/${name}/tls?type=directory&mode=700`)
    await admin('PUT', `/vault/${name}/tls/key.pem`, 'key')
    await call('Create', { Name: name, Opts: { gid: '2000', mode: '0440', dirmode: '0750' } })
    const copy = await mount(name, id())
    for (const [path, mode] of [
      ['', 0o40750],
      ['tls', 0o40750],
      ['tls/key.pem', 0o100440]
    ] as const)
      expect(statSync(join(copy, path))).toMatchObject({ uid: 0, gid: 2000, mode })
    await call('Unmount', { Name: name, ID: id() })
  })

  test('gives a writable copy that only its container sees, within its size', async () => {
    await makeBox(name)
    await call('Create', { Name: name, Opts: { rw: '1', size: '64k' } })
    const [one, two] = [await mount(name, id('1')), await mount(name, id('2'))]
    writeFileSync(join(one, 'pw'), 'changed')
    expect(readFileSync(join(two, 'pw'), 'utf8')).toBe('hunter2')
    expect(() => writeFileSync(join(one, 'large'), Buffer.alloc(128 << 10))).toThrow('ENOSPC')
    await call('Unmount', { Name: name, ID: id('1') })
    await call('Unmount', { Name: name, ID: id('2') })
    const { body } = await ask(daemon.adminSocket, { method: 'GET', url: `/vault/${name}/pw` })
    expect(body.toString()).toBe('hunter2')
  })

  test('refuses a writable copy that is smaller than the box', async () => {
    await makeBox(name, 'x'.repeat(20_000))
    await call('Create', { Name: name, Opts: { rw: '1', size: '4k' } })
    expect(await failure('Mount', { Name: name, ID: id() })).toBe(
      `cannot mount volume "${name}": cannot make a writable copy of 4096 bytes: the box needs 24576 (raise the volume option size)`
    )
    expect(readdirSync(join(daemon.directory, 'copies'))).toEqual([])
  })

  test('keeps its volume from being removed until Unmount comes, though no container holds the copy', async () => {
    await makeBox(name)
    await call('Create', { Name: name })
    const copy = await mount(name, id())
    expect(await failure('Remove', { Name: name })).toBe(`volume "${name}" is in use by a container`)
    await call('Unmount', { Name: name, ID: id() })
    expect(existsSync(copy)).toBe(false)
    expect(await call('Remove', { Name: name })).toEqual({})
  })

  test('is one of its volume: the same ID of another volume has a copy of its own', async () => {
    const other = `${name}-other`
    await makeBox(name)
    await makeBox(other, 'of another')
    for (const volume of [name, other]) await call('Create', { Name: volume })
    const [one, two] = [await mount(name, id()), await mount(other, id())]
    expect([one, two].map(copy => readFileSync(join(copy, 'pw'), 'utf8'))).toEqual(['hunter2', 'of another'])
    const copiesOf = async (volume: string): Promise<unknown> => (await volumeOf(volume))['Status']
    for (const volume of [name, other])
      expect(await copiesOf(volume)).toMatchObject({ Copies: [{ Mount: id() }] })
    await call('Unmount', { Name: name, ID: id() })
    expect([existsSync(one), readFileSync(join(two, 'pw'), 'utf8')]).toEqual([false, 'of another'])
    expect(await call('Remove', { Name: name })).toEqual({})
    expect(await failure('Remove', { Name: other })).toBe(`volume "${other}" is in use by a container`)
    await call('Unmount', { Name: other, ID: id() })
    expect(await call('Remove', { Name: other })).toEqual({})
  })
})

describe('Unmount', () => {
  test('succeeds for IDs and volumes that are not known, again and again', async () => {
    for (let i = 0; i < 2; i++) expect(await call('Unmount', { Name: name, ID: id() })).toEqual({})
  })

  test.skipIf(cannotMount)(
    'waits for nobody while a process holds the copy, which stays until that ends',
    async () => {
      await makeBox(name)
      await call('Create', { Name: name })
      const copy = await mount(name, id())
      const holder = join(daemon.directory, name)
      // A mount namespace of its own, as a container's, with the copy at another place in it.
      const script = `mkdir ${holder} && mount --bind ${copy} ${holder} && cat ${holder}/pw`
      const shell = execFileSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script])
      expect(shell.toString()).toBe('hunter2')
      await call('Unmount', { Name: name, ID: id() })
      expect(existsSync(copy)).toBe(false)
    }
  )
})

describe.skipIf(cannotMount)('while the vault is sealed (takes root)', () => {
  test('volumes are told of and let go of; the rest fails and says why, until the key is back', async () => {
    const directory = daemon.directory
    await makeBox(name)
    await call('Create', { Name: name })
    const copy = await mount(name, id('1'))
    const [key, away] = [join(directory, 'key/key'), join(directory, 'away')]
    await daemon.kill('SIGTERM')
    renameSync(key, away)
    daemon = await startDaemon(settings, directory)

    const sealed = `the vault is sealed: there is no key file "${key}"`
    const hint = 'put the key file back; the vault opens by itself when it is there'
    expect((await volumeOf(name))['Status']).toMatchObject({ Sealed: sealed, Copies: [{ Mount: id('1') }] })
    expect((await call('List'))['Volumes']).toContainEqual(expect.objectContaining({ Name: name }))
    expect(await call('Path', { Name: name })).toEqual({ Mountpoint: '' })
    expect(await failure('Mount', { Name: name, ID: id('2') })).toBe(
      `cannot mount volume "${name}": ${sealed} (${hint})`
    )
    expect(await failure('Create', { Name: `${name}-new` })).toBe(`${sealed} (${hint})`)
    expect(await failure('Remove', { Name: name })).toBe(`${sealed} (${hint})`)
    expect(readFileSync(join(copy, 'pw'), 'utf8')).toBe('hunter2')
    expect(await call('Unmount', { Name: name, ID: id('1') })).toEqual({})
    expect(existsSync(copy)).toBe(false)

    renameSync(away, key)
    const again = await mount(name, id('2'))
    expect(readFileSync(join(again, 'pw'), 'utf8')).toBe('hunter2')
    expect((await volumeOf(name))['Status']).not.toHaveProperty('Sealed')
    await call('Unmount', { Name: name, ID: id('2') })
  })
})

test.skipIf(cannotMount)('at the end nothing is mounted and no directory left', () => {
  expect(readdirSync(join(daemon.directory, 'copies'))).toEqual([])
  expect(mountsBelow(daemon.directory)).toEqual([])
})
