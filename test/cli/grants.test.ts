import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:http'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseUntil } from '../../src/cli/output/time.ts'
import { groupsOfUser, readSubject } from '../../src/cli/input/people.ts'
import { ask } from '../kit/ask.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { useCli } from '../kit/use-cli.ts'
import { standIns } from './stand-ins.ts'

const { run, daemon } = useCli()
const done = { code: 0, stdout: '', stderr: '' }

test('grants are made, listed, asked about and revoked', async () => {
  await run(['create', 'db'])
  expect(await run(['grant', 'db', 'user:daemon', 'write', 'info'])).toMatchObject(done)
  expect(
    await run(['grant', '--note', 'web shop', '--expires', '30d', 'd*', 'compose:shop/web', 'use'])
  ).toMatchObject(done)
  const { stdout } = await run(['grants', 'db'])
  expect(stdout).toMatch(
    /^BOXES +SUBJECT +RIGHTS +EXPIRES +BY +GRANTED +NOTE\nd\* +compose:shop\/web +use +20\S+:\d\dZ +0 +\S.* +web shop\ndb +user:1 +info write +never +0 +\S.*\n$/
  )
  expect((await run(['grants', '--format', '{{.Subject}} {{json .Rights}}'])).stdout).toBe(
    'compose:shop/web ["use"]\nuser:1 ["info","write"]\n'
  )
  expect(await run(['can', 'user:daemon', 'write', 'db'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^yes: user:1 was granted info write on db \([0-9a-f]{32}\)\n$/) as string
  })
  expect(await run(['can', 'user:daemon', 'reveal', 'db'])).toMatchObject({
    code: 1,
    stdout: 'no\n',
    stderr: ''
  })
  expect(await run(['can', 'user:root', 'reveal', 'db'])).toMatchObject({
    ...done,
    stdout: 'yes: root may\n'
  })
  expect(await run(['revoke', 'db', 'user:daemon', 'write'])).toMatchObject(done)
  expect((await run(['can', 'user:daemon', 'write', 'db'])).code).toBe(1)
  expect(await run(['revoke', 'db', 'user:daemon'])).toMatchObject(done)
  expect(await run(['revoke', 'db', 'user:daemon'])).toMatchObject({
    code: 1,
    stderr:
      'error: there is no grant of "db" to "user:1"\nhint: docker vault grants lists those that there are\n'
  })
  const [shown] = JSON.parse((await run(['inspect', 'db'])).stdout) as object[]
  expect(shown).toMatchObject({ Owner: 0, Reveal: 'granted', Closed: true })
})

test('a box is given to another user, by name or number', async () => {
  await run(['create', 'given'])
  const ownerOf = async (): Promise<unknown> =>
    (JSON.parse((await run(['inspect', 'given'])).stdout) as { Owner: number }[])[0]?.Owner
  expect(await run(['owner', 'given', 'daemon'])).toMatchObject(done)
  expect(await ownerOf()).toBe(1)
  expect((await run(['can', 'user:daemon', 'reveal', 'given'])).code).toBe(0)
  expect(await run(['owner', 'given', '7'])).toMatchObject(done)
  expect(await ownerOf()).toBe(7)
  for (const [user, message] of [
    ['nobody-here', 'there is no user "nobody-here" on this host'],
    ['4294967295', 'bad subject "user:4294967295": a user is a number, 0 to 4294967294'],
    ['', 'bad subject "user:": nothing follows the colon']
  ] as const)
    expect((await run(['owner', 'given', user])).stderr).toMatch(message)
})

test('who takes away what somebody granted by is told of the grants that stay', async () => {
  await run(['create', 'kept'])
  await run(['owner', 'kept', 'daemon'])
  const give = async (right: string): Promise<void> => {
    const body = JSON.stringify({ subject: 'user:7', boxes: 'kept', rights: [right] })
    expect((await ask(daemon().publicSocket, { method: 'POST', url: '/grants', body }, 1)).status).toBe(200)
  }
  await give('info')
  const told = (which: string): object => ({
    ...{ code: 0, stdout: '' },
    stderr: `warning: ${which}\nhint: docker-vault grants kept lists them, docker-vault revoke takes them back\n`
  })
  expect(await run(['owner', 'kept', 'root'])).toMatchObject(told('a grant that was made by uid 1 stays'))
  await run(['grant', 'kept', 'user:daemon', 'manage', 'write'])
  await give('use')
  expect(await run(['revoke', 'kept', 'user:daemon', 'write'])).toMatchObject(done)
  expect(await run(['revoke', 'kept', 'user:daemon'])).toMatchObject(
    told('2 grants that were made by uid 1 stay')
  )
  expect(await run(['owner', 'kept', '9'])).toMatchObject(done)
})

test('records of grants that cannot be read are told of, and taken away', async () => {
  const socket = join(temporaryDirectory(), 'admin.sock')
  const discarded: string[] = []
  const server = createServer(({ method, url = '' }, response) => {
    const record = new URL(url, 'http://admin').searchParams.get('record') ?? ''
    if (method === 'DELETE') discarded.push(record)
    const left = ['grant/a', 'grant/b'].filter(each => !discarded.includes(each))
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(method === 'DELETE' ? { record } : { grants: [], damaged: left }))
  }).listen(socket)
  onTestFinished(() => void server.close())
  const env = { SECRETBOX_SOCKET: socket }
  expect(await run(['grants'], { env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      'error: the grant in record "grant/b" is not what was written, and gives nothing\n' +
        'hint: restore the store from a backup, or take such records away: docker-vault grants --discard-damaged\n'
    ) as string
  })
  expect(await run(['grants', '--discard-damaged'], { env })).toMatchObject({
    ...{ code: 0, stdout: 'grant/a\ngrant/b\n', stderr: '' }
  })
  expect(discarded).toEqual(['grant/a', 'grant/b'])
  expect(await run(['grants', '--discard-damaged', 'db'], { env })).toMatchObject({ code: 2 })
})

test('a file of expectations is checked, line by line', async () => {
  await run(['create', 'checked'])
  await run(['grant', 'checked', 'group:daemon', 'info'])
  const file = join(temporaryDirectory(), 'policy.txt')
  writeFileSync(
    file,
    '# who\nyes user:daemon info checked\n\nno user:daemon reveal checked\nyes image:x use checked\n'
  )
  expect(await run(['can', '--test', file])).toMatchObject({ ...done, stderr: '3 of 3 expectations hold\n' })
  writeFileSync(file, 'no user:daemon info checked\nyes user:daemon reveal checked\n')
  expect(await run(['can', '--test', file])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: [
      `error: ${file}:1: user:daemon may info "checked", and it should be no`,
      `error: ${file}:2: user:daemon may not reveal "checked", and it should be yes`,
      '0 of 2 expectations hold',
      ''
    ].join('\n')
  })
  writeFileSync(file, 'yes user:daemon\n')
  expect(await run(['can', '--test', file])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `error: ${file}:1: bad expectation "yes user:daemon"\nhint: a line is: yes|no SUBJECT RIGHT BOX\n`
  })
})

test.each([
  [['grant', 'db', 'user:1'], 2, 'missing required argument "RIGHT"'],
  [['grant', 'db', 'user:1', 'all'], 2, 'unknown right "all"'],
  [['grant', 'db', 'user:nobody-here', 'info'], 1, 'there is no user "nobody-here" on this host'],
  [['grant', 'db', 'group:nobody-here', 'info'], 1, 'there is no group "nobody-here" on this host'],
  [['grant', 'db', 'alice', 'info'], 1, 'bad subject "alice": it has no colon'],
  [['grant', 'none', 'user:1', 'info'], 1, 'no such box "none"'],
  [['grant', 'a/*', 'user:1', 'info'], 1, 'bad box name "a/*": it contains "/"'],
  [['grant', '--expires', 'soon', 'db', 'user:1', 'info'], 2, 'bad time "soon"'],
  [
    ['grant', '--expires', '2020-01-01T00:00:00Z', 'db', 'user:1', 'info'],
    2,
    'bad time "2020-01-01T00:00:00Z": it is over'
  ],
  [
    ['grant', '*', 'container:a', 'reveal'],
    1,
    'a container cannot have the right "reveal": all it can have is "use"'
  ],
  [['can', 'user:nobody-here', 'info', 'db'], 2, 'there is no user "nobody-here" on this host'],
  [['can', 'image:Nginx', 'use', 'db'], 2, 'bad subject "image:Nginx"'],
  [['can', 'user:1'], 2, '"can" takes SUBJECT, RIGHT and BOX, or --test FILE'],
  [['create', '--reveal', 'sometimes', 'x'], 2, 'option "--reveal <when>" argument "sometimes" is invalid']
])('%j is refused', async (args, code, message) => {
  const result = await run(args)
  expect(result).toMatchObject({ code, stdout: '' })
  expect(result.stderr).toContain(`error: ${message}`)
})

describe('what is never revealed is given to nobody, root neither', () => {
  const never = 'error: box "sealed" is never revealed\n'
  beforeAll(async () => {
    await run(['create', '--reveal', 'never', 'sealed'])
    await run(['create', 'open'])
    for (const text of ['first', 'second']) await run(['put', 'sealed:key'], { input: text })
    await run(['rollback', 'sealed', '2'])
  })
  test.each([
    [['read', 'sealed:key']],
    [['read', 'sealed']],
    [['read', '-r', 'sealed']],
    [['read', '--version', '2', 'sealed:key']],
    [['cp', 'sealed:key', 'out']],
    [['cp', 'sealed:', 'out']],
    [['cp', 'sealed:', '-']],
    [['cp', '--version', '2', 'sealed:key', 'out']],
    [['cp', 'sealed:', 'open:']],
    [['cp', 'sealed:key', 'open:key']],
    [['cp', 'sealed:key', 'sealed:again']],
    [['diff', 'sealed']],
    [['diff', 'sealed', '2', '3']],
    [['edit', 'sealed:key']],
    [['build', '--inject', 'sealed', '.']]
  ])('%j', async args => {
    const cwd = temporaryDirectory()
    writeFileSync(join(cwd, 'Dockerfile'), 'FROM scratch\nRUN a\n')
    const { env } = await standIns('echo "Docker version 20.10.24, build 1"')
    const { code, stdout, stderr } = await run(args, { cwd, env: { ...env, EDITOR: 'cat' } })
    expect([code, stderr]).toEqual([1, expect.stringContaining(never)])
    expect(stdout).not.toMatch(/first|second/)
    expect(readdirSync(cwd)).toEqual(['Dockerfile'])
  })
  test('and nothing came of it', async () => {
    expect(await run(['list', 'open'])).toMatchObject(done)
    expect((await run(['versions', 'sealed', '--format', '{{.Version}}'])).stdout).toBe('4\n3\n2\n1\n')
  })
})

test('a box that is never revealed is read by nobody', async () => {
  expect(await run(['create', '--reveal', 'never', 'hidden'])).toMatchObject({ ...done, stdout: 'hidden\n' })
  await run(['put', '--generate', 'hidden:key'])
  expect(await run(['read', 'hidden:key'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'error: box "hidden" is never revealed\nhint: it was made so, for good, and for root, too; containers are given it as ever\n'
  })
})

const digestOf = (digit: string): string => `sha256:${digit.repeat(64)}`
const [id, manifest, mirrored] = ['1', '2', '3'].map(digestOf) as [string, string, string]

test('an image is approved by its ID and by what the registry calls it, whatever has its tag later', async () => {
  const pulled = {
    Id: id,
    RepoDigests: [`mirror.example/nginx@${mirrored}`, `nginx@${manifest}`]
  }
  const built = { Id: digestOf('4'), RepoDigests: null }
  const { env } = await standIns(
    'exit 0',
    { 'nginx:1.25': {}, 'renamed:1': {}, built: {}, odd: {} },
    { digests: { 'nginx:1.25': pulled, 'renamed:1': pulled, built, odd: { ...built, Id: 'odd' } } }
  )
  await run(['create', 'pinned', 'pinned*'])
  await run(['grant', '*', 'user:daemon', 'info'])
  expect(await run(['approve', 'pinned', 'nginx:1.25'], { env })).toMatchObject({
    code: 0,
    stdout: `image:${id}\nimage:nginx@${manifest}\n`,
    stderr: 'box "pinned" is closed from now on: a container without a grant does not get it any more\n'
  })
  expect((await run(['grants', 'pinned', '--format', '{{.Boxes}} {{.Subject}} {{.Note}}'])).stdout).toContain(
    `pinned image:nginx@${manifest} from nginx:1.25\npinned image:${id} from nginx:1.25\n`
  )
  // Of another name it has no digest, so that all of them are meant; and it is closed already.
  await run(['grant', 'pinned', 'image:nginx', 'use'])
  expect(await run(['approve', 'pinned', 'renamed:1'], { env })).toMatchObject({
    code: 0,
    stdout: `image:${id}\nimage:mirror.example/nginx@${mirrored}\nimage:nginx@${manifest}\n`,
    stderr: 'box "pinned" is also granted to image:nginx\n'
  })
  expect(await run(['approve', 'pinned*', 'built'], { env })).toMatchObject({
    code: 0,
    stdout: `image:${digestOf('4')}\n`,
    stderr:
      'no registry has given "built" a digest: it is known by its ID, on this host alone\n' +
      'box "pinned*" is closed from now on: a container without a grant does not get it any more\n'
  })
  expect((await run(['can', `image:${digestOf('4')}`, 'use', 'pinned'])).code).toBe(1)
  const completed = await run(['__completeNoDesc', 'approve', 'pinned', 'n'], { env })
  expect(completed.stdout).toBe('nginx:1.25\n:4\n')
  const refused = [
    [['pinned', 'nginx:2'], 1, 'error: the Engine has no image "nginx:2"\nhint: docker pull nginx:2\n'],
    [['none', 'built'], 1, 'error: no such box "none"\n'],
    [['pinned', 'odd'], 3, 'error: cannot read the answer of the Engine at'],
    [['pinned'], 2, 'error: missing required argument "IMAGE"\n']
  ] as const
  for (const [args, code, message] of refused)
    expect(await run(['approve', ...args], { env })).toMatchObject({
      ...{ code, stdout: '' },
      stderr: expect.stringContaining(message) as string
    })
})

test('names of people are looked up on this host, and nowhere else', async () => {
  expect(await readSubject('user:root')).toEqual({ kind: 'user', uid: 0 })
  expect(await readSubject('group:root')).toEqual({ kind: 'group', gid: 0 })
  expect(await readSubject('user:12345')).toEqual({ kind: 'user', uid: 12345 })
  for (const name of ['user:-x', 'user:root:x', 'user: '])
    await expect(readSubject(name)).rejects.toMatchObject({ code: 'not_found' })
  expect(await groupsOfUser(0)).toContain(0)
})

test.each([
  ['30d', '2026-01-31T00:00:00.000Z'],
  ['1h30m', '2026-01-01T01:30:00.000Z'],
  ['1w', '2026-01-08T00:00:00.000Z'],
  ['1w1d', '2026-01-09T00:00:00.000Z'],
  ['2026-02-01T00:00:00+01:00', '2026-01-31T23:00:00.000Z'],
  // A date is until it begins; where no zone is said, that of the terminal is meant.
  ['2026-02-01', new Date('2026-02-01T00:00').toISOString()],
  ['2026-02-01T12:30', new Date('2026-02-01T12:30').toISOString()]
])('%s from the first of January on is until %s', (text, time) => {
  expect(parseUntil(text, Date.parse('2026-01-01T00:00:00Z'))).toBe(time)
})

test.each([
  '',
  '0s',
  '1y',
  'tomorrow',
  '2026-02-30',
  '2026-13-01',
  '2026-02-30T00:00Z',
  '2026-2-1',
  '2026-02-01Z',
  '2025-12-31',
  '9999-01-02',
  '999999999d',
  '2025-01-01T00:00:00Z'
])('%j is no end', text => {
  expect(() => parseUntil(text, Date.parse('2026-01-01T00:00:00Z'))).toThrow('bad time')
})
