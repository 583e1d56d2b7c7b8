import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { cannotMount } from '../kit/tmpfs.ts'
import { driverAt, freshId, type Driver } from '../kit/driver.ts'
import type { Conditions, Outcome } from '../kit/run-program.ts'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon } = useCli()
let driver: Driver
beforeAll(() => {
  driver = driverAt(daemon().pluginSocket)
})

/** A run that must succeed; its output. */
async function ok(args: readonly string[], conditions?: Conditions): Promise<string> {
  const outcome = await run(args, conditions)
  expect(outcome).toMatchObject({ code: 0 })
  return outcome.stdout
}

function refused({ code, stderr }: Outcome): [number | null, string] {
  return [code, stderr]
}

/** What a container sees of a box: contents and modes by name. */
async function mounted(
  box: string,
  options: Record<string, string> = {}
): Promise<Record<string, [string, string]>> {
  const volume = `v${freshId().slice(0, 8)}`
  const id = freshId()
  await driver.call('Create', { Name: volume, Opts: { box, ...options } })
  const place = await driver.mount(volume, id)
  const files = readdirSync(place).map(name => {
    const file = join(place, name)
    const stats = statSync(file)
    return [name, [readFileSync(file, 'latin1'), `${(stats.mode & 0o7777).toString(8)} ${stats.uid}`]]
  })
  await driver.unmount(volume, id)
  return Object.fromEntries(files) as Record<string, [string, string]>
}

test('a box of a type has fields: shown ones as values, secret ones from a pipe, at random, never as an argument', async () => {
  await ok(['create', 'db', '--type', 'postgres', '--scope', 'host=db.example'])
  expect(refused(await run(['set', 'db', 'password', '--value', 'x']))).toEqual([
    2,
    'error: --value is for fields that are no secret, and "password" is one: a command line is seen by all users of the host and stays in the history of the shell\n' +
      'hint: pipe it in, take --file or --generate, or type it at the prompt\n'
  ])
  await ok(['set', 'db', 'user', '--value', 'app'])
  // Of a field that is one line the newline is left out.
  await ok(['set', 'db', 'password'], { input: 'pa:ss\n' })
  expect(
    JSON.parse(
      await ok(['fields', 'db', '--format', 'json']).then(text => `[${text.trim().replaceAll('\n', ',')}]`)
    )
  ).toMatchObject([
    { Field: 'host', Kind: 'shown', Required: true, Value: 'db.example', From: 'scope' },
    { Field: 'port', Value: '5432', From: 'usual' },
    { Field: 'database', Value: '', From: '' },
    { Field: 'user', Value: 'app', From: 'box' },
    { Field: 'password', Kind: 'secret', Value: '(secret)', From: 'box' },
    { Field: 'sslmode', Value: '' }
  ])
  expect(await ok(['list', 'db'])).toBe('db:password\ndb:user\n')
  expect(await ok(['read', 'db:password'])).toBe('pa:ss')
})

test.skipIf(cannotMount)(
  'a Mount has the files of the type, and not the fields; its options go before the type',
  async () => {
    expect(await mounted('db')).toEqual({
      '.pgpass': ['db.example:5432:*:app:pa\\:ss\n', '600 0'],
      password: ['pa:ss', '600 0'],
      'pg_service.conf': ['[default]\nhost=db.example\nport=5432\nuser=app\n', '600 0']
    })
    expect(await mounted('db', { uid: '999', mode: '0440', path: 'password' })).toEqual({
      password: ['pa:ss', '440 999']
    })
    await ok(['set', 'db', 'password', '--generate'])
    expect((await mounted('db'))['password']?.[0]).toMatch(/^[A-Za-z0-9]{32}$/)
    // An old version is what it was.
    expect((await mounted('db', { version: '3' }))['password']?.[0]).toBe('pa:ss')
  }
)

test('a Mount of a box that lacks fields is refused, and names them', async () => {
  await ok(['create', 'half', '--type', 'postgres'])
  expect((await run(['fields', 'half'])).stderr).toBe(
    'note: it cannot be mounted before it has host, user, password\n'
  )
  await driver.createVolume('half')
  await expect(driver.mount('half', freshId())).rejects.toThrow(
    'cannot mount volume "half": box "half" lacks host, user, password'
  )
})

test('what a type does not take is refused, and nothing is stored', async () => {
  expect(refused(await run(['set', 'db', 'passwrod'], { input: 'x' }))).toEqual([
    1,
    'error: box "db" has no field "passwrod": it has host, port, database, user, password, sslmode\n' +
      'hint: did you mean "password"?\n'
  ])
  expect((await run(['put', 'db:other'], { input: 'x' })).stderr).toBe(
    'error: type "postgres" has no field "other": it has host, port, database, user, password, sslmode\n'
  )
  expect((await run(['set', 'db', 'port', '--value', 'five'])).stderr).toBe(
    'error: field "port" is not what it must be: [0-9]{1,5}\n'
  )
  expect((await run(['put', 'db:password'], { input: 'two\nlines' })).stderr).toBe(
    'error: field "password" has a newline: it is one line\n'
  )
  expect((await run(['put', 'db:a/b'], { input: 'x' })).stderr).toContain(
    'a box of type "postgres" holds fields alone'
  )
  expect((await run(['set', 'db', 'user', '--generate'])).stderr).toContain('field "user" cannot be made up')
  expect(await ok(['list', 'db'])).toBe('db:password\ndb:user\n')
})

test('a plain box has no fields, and there is no type but those that are listed', async () => {
  await ok(['create', 'plain'])
  expect((await run(['fields', 'plain'])).stderr).toBe(
    'error: box "plain" has no type, and so no fields\n' +
      'hint: put stores a file in it; create --type makes a box with fields\n'
  )
  const { code, stderr } = await run(['create', 'x', '--type', 'postgre'])
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^error: no such type "postgre": there are aws, basic-auth, .*\nhint: did you mean "postgres"\?\n$/
    )
  ])
  expect((await run(['create', 'x', '--type', 'postgres', '--scope', 'port=x'])).stderr).toBe(
    'error: field "port" is not what it must be: [0-9]{1,5}\n'
  )
  expect(await run(['create', 'x', '--scope', 'a=b'])).toMatchObject({ code: 2 })
  expect(await ok(['types'])).toMatch(
    /^TYPE +FIELDS +FILES +MEANING\naws [^]*\nbasic-auth +username password/
  )
  expect(await ok(['types', 'postgres'])).toMatch(
    /^postgres: a login at PostgreSQL\n\nFIELD +KIND[^]*\n\.pgpass +0600\n/
  )
})

test('inspect has uuid, path, type, scope and the fields without what is secret', async () => {
  const [box] = JSON.parse(await ok(['inspect', 'db'])) as Record<string, unknown>[]
  expect(box).toMatchObject({
    Name: 'db',
    Path: '/vault/db/',
    Type: 'postgres',
    Scope: { host: 'db.example' },
    Missing: [],
    Rendered: [{ Path: '.pgpass', Mode: '0600' }, { Path: 'password' }, { Path: 'pg_service.conf' }]
  })
  expect(String(box?.['UUID']).replaceAll('-', '')).toBe(box?.['ID'])
  expect(box?.['Fields']).toContainEqual({
    Name: 'user',
    Secret: false,
    Required: true,
    From: 'box',
    Value: 'app'
  })
  expect(JSON.stringify(box)).not.toContain('pa:ss')
})

test('a renamed box is a credential as before', async () => {
  await ok(['create', 'api', '--type', 'token', '--scope', 'use=ci'])
  await ok(['set', 'api', 'token'], { input: 'secret' })
  await ok(['rename', 'api', 'api2'])
  expect(JSON.parse(await ok(['inspect', 'api2']))).toMatchObject([
    { Type: 'token', Scope: { use: 'ci' }, Missing: [] }
  ])
  expect(await run(['remove', 'api2:token'])).toMatchObject(done(''))
})

test('credentials are found by type, scope, and fields that are no secret, and any box by its uuid', async () => {
  await ok(['create', 'found', '--type', 'basic-auth', '--scope', 'use=reports', '--scope', 'site=a'])
  await ok(['set', 'found', 'username', '--value', 'app'])
  await ok(['set', 'found', 'password'], { input: 'hidden' })
  expect(await ok(['list', '--type', 'basic-auth'])).toBe('found\n')
  expect(await ok(['list', '--scope', 'use=reports', '--scope', 'site=a', '--filter', 'username=app'])).toBe(
    'found\n'
  )
  for (const none of [
    ['--scope', 'use=other'],
    ['--filter', 'username=ap'],
    ['--filter', 'password=hidden'],
    ['--type', 'none']
  ])
    expect(await ok(['list', ...none])).toBe('')
  const [box] = JSON.parse(await ok(['inspect', 'found'])) as { UUID: string }[]
  expect(await ok(['list', '--uuid', box?.UUID ?? ''])).toBe('found\n')
  expect(await ok(['list', '--owner', '0', 'found'])).toBe('found\n')
  expect(await ok(['list', '--owner', 'root', 'found'])).toBe('found\n')
  expect(await ok(['list', '--owner', '1000'])).toBe('')
  const others = 'error: box "found" is not among those that were asked for\n'
  for (const asked of [
    ['--owner', 'daemon'],
    ['--uuid', '00000000-0000-4000-8000-000000000000']
  ])
    expect(await run(['list', ...asked, 'found'])).toMatchObject({
      ...{ code: 1, stdout: '' },
      stderr: expect.stringContaining(others) as string
    })
  expect(await run(['list', '--owner', 'nobody-here'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no user "nobody-here" on this host') as string
  })
  for (const uuid of [box?.UUID ?? '', box?.UUID.toUpperCase() ?? ''])
    expect(await ok(['inspect', '--format', '{{.Name}}', uuid])).toBe('found\n')
  const none = '00000000-0000-4000-8000-000000000000'
  expect(await run(['inspect', none])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`error: no such box "${none}"\n`) as string
  })
  // A name goes before a UUID.
  await ok(['create', box?.UUID ?? ''])
  expect(await ok(['inspect', '--format', '{{.Name}}', box?.UUID ?? ''])).toBe(`${box?.UUID}\n`)
  await ok(['destroy', box?.UUID ?? ''])
  const table = await ok(['list', '--boxes', '--format', 'table'])
  expect(table).toMatch(/^BOX +TYPE +SCOPE +VERSION +ENTRIES +SIZE +CHANGED\n/)
  expect(table).toMatch(/^found +basic-auth +use=reports site=a +3 /m)
  expect(await ok(['list', '--boxes', 'found'])).toBe('found\n')
  expect(JSON.parse(await ok(['list', '--type', 'basic-auth', '--format', 'json']))).toMatchObject({
    Type: 'basic-auth',
    Scope: { use: 'reports', site: 'a' },
    Shown: { username: 'app' }
  })
})

test.skipIf(cannotMount)(
  "an operator's own type is a file, which counts from the next moment on",
  async () => {
    const place = join(daemon().directory, 'data', 'types')
    mkdirSync(place)
    const form = {
      title: 'ours',
      fields: {
        user: { meaning: 'who', required: true },
        pin: { meaning: 'the pin', secret: true, characters: '0-9' }
      },
      files: {
        'our.conf': { mode: '0640', format: 'shell', lines: ['# {{ours}}', 'USER={user}', 'PIN={pin|none}'] }
      }
    }
    writeFileSync(join(place, 'ours.json'), JSON.stringify(form))
    await ok(['create', 'own', '--type', 'ours'])
    await ok(['set', 'own', 'user', '--value', "o'x"])
    expect((await run(['set', 'own', 'pin'], { input: '12a' })).stderr).toBe(
      'error: field "pin" has a character that is none of [0-9]\n'
    )
    expect(await mounted('own')).toEqual({ 'our.conf': ["# {ours}\nUSER='o'\\''x'\nPIN=none\n", '640 0'] })

    writeFileSync(join(place, 'bad.json'), '{"title":"t","files":{}}')
    const outcome = await run(['types'])
    expect([outcome.code, outcome.stderr]).toEqual([1, 'error: bad type "bad": files: there is none\n'])
    expect(outcome.stdout).toMatch(/^ours /m)
    rmSync(join(place, 'ours.json'))
    await expect(mounted('own')).rejects.toThrow('box "own" is of type "ours", which is not there any more')
    expect(JSON.parse(await ok(['inspect', 'own']))).toMatchObject([{ Type: 'ours' }])
    rmSync(place, { recursive: true })
  }
)
