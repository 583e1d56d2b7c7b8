import { statSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { ask, type Answer } from '../kit/ask.ts'

let daemon: Daemon
let count = 0
let box: string
beforeAll(async () => {
  daemon = await startDaemon({ MAX_VERSIONS: '5' })
})
afterAll(() => daemon.stop())
beforeEach(async () => {
  box = `box${++count}`
  await ok('PUT', `/vault/${box}/`)
})

type Json = Record<string, unknown>

function call(
  method: string,
  url: string,
  body?: string | Buffer,
  headers?: Record<string, string>
): Promise<Answer> {
  return ask(daemon.adminSocket, {
    method,
    url,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers })
  })
}

async function ok(...args: Parameters<typeof call>): Promise<Json> {
  const answer = await call(...args)
  expect(answer.status, answer.body.toString()).toBeLessThan(300)
  const result = JSON.parse(answer.body.toString()) as Json
  if (typeof result['version'] === 'number') expect(answer.headers['etag']).toBe(`"${result['version']}"`)
  return result
}

async function refused(...args: Parameters<typeof call>): Promise<Json> {
  const answer = await call(...args)
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  return { status: answer.status, ...(JSON.parse(answer.body.toString()) as Json) }
}

describe('a box', () => {
  test('and its paths are percent-encoded', async () => {
    const name = 'ü %2F?#&日'
    const url = `/vault/${encodeURIComponent(name)}/`
    await ok('PUT', url)
    const path = 'a ?/%25/ü\n/"#'
    await ok('PUT', url + path.split('/').map(encodeURIComponent).join('/'), 'x')
    expect((await ok('GET', url))['name']).toBe(name)
    const { files } = (await ok('GET', url)) as { files: { path: string }[] }
    expect(files.at(-1)?.path).toBe(path)
    expect((await call('GET', `${url}a%20%3F/%2525/%C3%BC%0A/%22%23`)).body.toString()).toBe('x')
    await ok('DELETE', url)
  })

  test.each([
    ['/vault/%2e%2e/', '"..": "." and ".." are not names'],
    ['/vault/a%2Fb/', '"a/b": it contains "/"'],
    ['/vault/a:b/', '"a:b": it contains ":"'],
    ['/vault/a%00/', '"a\\u0000": it contains a control character'],
    ['/vault/a%0Ab/', '"a\\nb": it contains a control character'],
    ['/vault//', '"": it is empty'],
    [`/vault/${'x'.repeat(256)}/`, `"${'x'.repeat(256)}": it is longer than 255 bytes`]
  ])('cannot be called %s', async (url, told) => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect(await refused(method, url)).toEqual({
        status: 400,
        code: 'invalid',
        message: `bad box name ${told}`,
        hint: 'a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters'
      })
    }
  })

  test('cannot be named by bytes that are no UTF-8', async () => {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'])
      expect(
        await refused(method, '/vault/%ff/', method === 'PATCH' ? '{"rollback":1}' : undefined)
      ).toMatchObject({
        status: 400,
        code: 'invalid',
        message: expect.stringContaining('%ff') as string
      })
  })
})

describe('a file', () => {
  test.each([
    ['PUT', 'f?mode=0o644', 'bad mode "0o644": it must be octal, 0 to 7777'],
    ['PUT', 'f?mode=10000', 'bad mode "10000": it must be octal, 0 to 7777'],
    ['PUT', 'f?mode=1&mode=2', 'bad mode "[\\"1\\",\\"2\\"]": it must be octal, 0 to 7777'],
    ['PUT', 'f?type=fifo', 'bad type "fifo": it must be file, directory or symlink'],
    ['PUT', 'l?type=symlink', 'bad symlink target "": a target is 1 to 4095 bytes of UTF-8 without NUL'],
    ['PUT', 'a%00b', 'bad path "a\\u0000b": it contains a NUL byte'],
    ['GET', 'f?version=0', 'bad version "0": it must be a number from 1 on'],
    ['GET', 'f?version=newest', 'bad version "newest": it must be a number from 1 on'],
    ['DELETE', 'f?recursive=yes', 'bad recursive "yes": it must be 1 or 0']
  ])('is not reached by %s %s', async (method, rest, message) => {
    expect(await refused(method, `/vault/${box}/${rest}`)).toEqual({ status: 400, code: 'invalid', message })
  })

  test('with a path beyond the limits is refused', async () => {
    expect(await refused('PUT', `/vault/${box}/${'x'.repeat(256)}`, 'x')).toMatchObject({
      message: `bad path "${'x'.repeat(256)}": a component is longer than 255 bytes`
    })
    expect((await refused('PUT', `/vault/${box}/${'d/'.repeat(2048)}x`, 'x'))['message']).toMatch(
      /: it is longer than 4096 bytes$/
    )
  })
})

describe('changes', () => {
  test('of many paths report what cannot be done, and do the rest in one version', async () => {
    for (const path of ['a', 'b', 'd/e']) await ok('PUT', `/vault/${box}/${path}`, 'x')
    const remove = [
      { path: 'a' },
      { path: 'none' },
      { path: 'd' },
      { path: '/d', recursive: true },
      { path: 'a\0' }
    ]
    expect(await ok('PATCH', `/vault/${box}/`, JSON.stringify({ remove }))).toEqual({
      version: 5,
      applied: 2,
      errors: [
        { path: 'none', code: 'not_found', message: 'cannot remove "none": no such file in the box' },
        {
          path: 'd',
          code: 'invalid',
          message: 'cannot remove "d": it is a directory',
          hint: '-r (recursive) takes it with everything in it'
        },
        { path: 'a\0', code: 'invalid', message: 'bad path "a\\u0000": it contains a NUL byte' }
      ]
    })
  })
})

describe('a caller who is not root', () => {
  test('is denied whatever is asked, whether it exists or not, and that is recorded', async () => {
    await ok('PUT', `/vault/${box}/f`, 'secret')
    await chmod(daemon.directory, 0o711)
    await chmod(daemon.adminSocket, 0o666)
    const deniedAs = async (method: string, url: string, body?: string): Promise<Json> => {
      const answer = await ask(
        daemon.adminSocket,
        { method, url, ...(body === undefined ? {} : { body }) },
        65_534
      )
      expect(answer.status).toBe(403)
      return JSON.parse(answer.body.toString()) as Json
    }
    for (const name of [box, 'missing']) {
      expect(await deniedAs('GET', `/vault/${name}/f`)).toEqual({
        code: 'denied',
        message: 'uid 65534 may not box.reveal',
        hint: 'ask as root, or for a grant of the right "reveal"'
      })
      for (const [method, url, body] of [
        ['GET', `/vault/${name}/`],
        ['PUT', `/vault/${name}/`],
        ['PUT', `/vault/${name}/f`, 'x'],
        ['PATCH', `/vault/${name}/`, '{"rollback":1}'],
        ['PATCH', `/vault/${name}/`, '{"rename":"new"}'],
        ['DELETE', `/vault/${name}/f`],
        ['DELETE', `/vault/${name}/`],
        ['GET', `/versions/${name}/`]
      ] as const)
        expect(await deniedAs(method, url, body)).toMatchObject({ code: 'denied' })
    }
    for (const [method, url] of [
      ['GET', '/vault/'],
      ['GET', '/volumes/'],
      ['GET', '/status'],
      ['GET', '/audit'],
      ['POST', '/reconcile?apply=1']
    ] as const)
      expect(await deniedAs(method, url)).toMatchObject({ code: 'denied' })
    await chmod(daemon.adminSocket, 0o600)
    expect((await call('GET', `/vault/${box}/f`)).body.toString()).toBe('secret')

    const { entries } = (await ok('GET', '/audit?limit=27')) as { entries: Json[] }
    const recorded = entries.filter(({ decision }) => decision === 'denied')
    expect(recorded).toHaveLength(23)
    const caller = expect.objectContaining({ kind: 'user', uid: 65_534, pid: process.pid }) as unknown
    for (const entry of recorded) expect(entry).toMatchObject({ caller })
    expect(recorded).toContainEqual(expect.objectContaining({ action: 'box.reveal', box, path: 'f' }))
    expect(recorded).toContainEqual(expect.objectContaining({ action: 'box.destroy', box: 'missing' }))
  })

  test('cannot even connect: the sockets are for root alone', () => {
    for (const socket of [daemon.adminSocket, daemon.pluginSocket])
      expect(statSync(socket).mode & 0o777).toBe(0o600)
  })
})

test('the status tells how the vault is, and what it allows', async () => {
  expect(await ok('GET', '/status')).toMatchObject({
    sealed: false,
    store: { id: expect.stringMatching(/^[0-9a-f]{32}$/) as string, directory: `${daemon.directory}/data` },
    key: { directory: `${daemon.directory}/key` },
    volumes: 0,
    copies: 0,
    memory: expect.stringMatching(/^(tmpfs with noswap|tmpfs on a host without swap|ramfs)$/) as string,
    engine: 'does not answer',
    limits: { maxVersions: 5, maxBoxBytes: 134217728, maxBoxEntries: 20000 }
  })
})

test('an unknown endpoint is not found', async () => {
  expect(await refused('GET', '/nonsense')).toEqual({
    status: 404,
    code: 'not_found',
    message: 'no such endpoint: GET /nonsense',
    hint: 'docs/openapi.yaml lists them'
  })
})
