import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'
import { connectApi } from '../../src/cli/client/connect.ts'
import { builtCli } from '../kit/built.ts'
import { canRunHere, runHere } from '../kit/run-here.ts'
import { done, runProgram, type Outcome } from '../kit/run-program.ts'

/* What the command line makes of answers that are not those of its own release. */

const created = '2026-01-01T00:00:00.000Z'
const id = '0'.repeat(32)
const uuid = '00000000-0000-4000-8000-000000000000'
const listing = {
  name: 'db',
  id,
  uuid,
  owner: 0,
  path: '/vault/db/',
  version: 1,
  created,
  changed: created,
  bytes: 1,
  reveal: 'granted',
  closed: false,
  files: [{ path: 'pw', type: 'file', mode: '0600', size: 1 }]
}
const entry = {
  sequence: 1,
  time: created,
  caller: { kind: 'user', uid: 0, gid: 0, pid: 1 },
  action: 'box.list',
  decision: 'allowed',
  previous: '0'.repeat(64)
}
const check = { checked: 1, damages: 0, from: 1, to: 1, oldest: 1, newest: 1 }

/** Runs the program against a daemon that answers everything with one text. */
async function runAt(
  answer: string | ((request: IncomingMessage) => string),
  args: readonly string[],
  { status = 200 } = {}
): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'answers-'))
  const SECRETBOX_SOCKET = join(directory, 'admin.sock')
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(status)
    response.end(typeof answer === 'string' ? answer : answer(request))
  })
  await new Promise<void>(resolve => server.listen(SECRETBOX_SOCKET, resolve))
  onTestFinished(async () => {
    await new Promise(resolve => server.close(resolve))
    await rm(directory, { recursive: true })
  })
  const run = canRunHere(args) ? runHere : runProgram
  return run(builtCli, args, { env: { PATH: process.env['PATH'], SECRETBOX_SOCKET } })
}

const hint = 'hint: perhaps the daemon and this program are of different releases: make install brings both\n'

const asked: [asked: string, args: string[]][] = [
  ['GET /vault/', ['list']],
  ['GET /vault/', ['list', '--boxes']],
  ['GET /vault/', ['used-by']],
  ['GET /vault/{box}/', ['list', 'db']],
  ['GET /vault/{box}/', ['inspect', 'db']],
  ['GET /vault/{box}/', ['diff', 'db', '1', '2']],
  ['GET /versions/{box}/', ['versions', 'db']],
  ['PUT /vault/{box}/', ['create', 'db']],
  ['DELETE /vault/{box}/', ['destroy', '--force', 'db']],
  ['PATCH /vault/{box}/', ['rename', 'db', 'other']],
  ['PATCH /vault/{box}/', ['owner', 'db', '1']],
  ['PATCH /vault/{box}/', ['rollback', 'db', '1']],
  ['PATCH /vault/{box}/', ['remove', 'db:pw']],
  ['PUT /vault/{box}/{path}', ['put', '--generate', 'db:pw']],
  ['GET /unused', ['prune', '--force']],
  ['POST /reconcile', ['reconcile']],
  ['GET /identity', ['identity']],
  ['GET /status', ['status']],
  ['GET /audit', ['audit']]
]

test.each(asked)('an answer to %s that is something else is one clear error: %j', async (what, args) => {
  for (const answer of ['{}\n', '[1]\n', 'null\n', '"hunter2"\n', 'hunter2\n']) {
    const { code, stdout, stderr } = await runAt(answer, args, { status: args[0] === 'create' ? 201 : 200 })
    // `inspect` prints the list of what it could look at.
    expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: args[0] === 'inspect' ? '[]\n' : '' })
    const [error = '', ...rest] = stderr.split('\n')
    expect(error).toMatch(
      /: it is (not JSON|something else)$|: its status is 201$|: "[a-z.0-9]+" is missing, or something else$/
    )
    expect(error).toMatch(`error: cannot read the daemon's answer to ${what}: `)
    expect(rest.join('\n')).toBe(hint)
  }
})

test('the error names the field, wherever it is', async () => {
  const odd = { ...listing, files: [...listing.files, { path: 'x', type: 'socket' }] }
  expect(await runAt(JSON.stringify(odd), ['list', 'db'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `error: cannot read the daemon's answer to GET /vault/{box}/: "files.1.type" is missing, or something else\n${hint}`
  })
})

test('a file that comes without its version is not taken', async () => {
  expect(await runAt('hunter2', ['read', 'db:pw'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `error: cannot read the daemon's answer to GET /vault/{box}/{path}: it names no version\n${hint}`
  })
})

test('fields that a newer daemon adds are passed over', async () => {
  const more = { ...listing, colour: 'red', files: listing.files.map(file => ({ ...file, colour: 'red' })) }
  expect(await runAt(JSON.stringify(more), ['list', 'db'])).toMatchObject(done('db:pw\n'))
})

test('words that a newer daemon adds are shown as they are', async () => {
  const actions = [{ mount: 'm', volume: 'v', action: 'thaw', reason: 'it is frozen' }]
  const reconciled = await runAt(JSON.stringify({ actions }), ['reconcile', '-f', '{{.Action}}: {{.Reason}}'])
  expect(reconciled).toMatchObject({ code: 0, stdout: 'thaw: it is frozen\n' })
  const lines = [
    { ...entry, action: 'box.freeze', caller: { kind: 'group', name: 'admins' }, degrees: -18 },
    check
  ]
  const audit = await runAt(lines.map(line => `${JSON.stringify(line)}\n`).join(''), [
    'audit',
    '-f',
    '{{.Caller}} {{.Action}} {{.Subject.degrees}}'
  ])
  expect(audit).toMatchObject({ code: 0, stdout: 'group box.freeze -18\n' })
})

test('what a newer daemon adds to its status is shown', async () => {
  const status = {
    sealed: false,
    version: '9.0.0',
    store: { id, directory: '/data', colour: 'red' },
    key: { directory: '/key' },
    disk: { state: 'on fire', freeBytes: 1 },
    boxes: 1,
    volumes: 1,
    copies: 1,
    memory: 'tape',
    engine: 'answers',
    kept: [],
    otherOptions: [],
    failedStarts: [],
    limits: { maxBoxBytes: 1, maxBoxEntries: 1, maxVersions: 1, maxAuditEntries: 1 },
    moons: 2
  }
  const format = '{{.Disk.State}} {{.Memory}} {{.Store.Colour}} {{.Moons}}'
  expect(await runAt(JSON.stringify(status), ['status', '--format', format])).toMatchObject(
    done('on fire tape red 2\n')
  )
})

test('what an older daemon does not say yet keeps nothing that is there from being shown', async () => {
  expect(await runAt('{"sealed":false,"version":"0.0.1"}', ['status'])).toMatchObject(
    done('Sealed:    no\nVersion:   0.0.1\n')
  )
  const options = { box: 'db', version: null, path: '', rw: false }
  const container = { id: 'c'.repeat(64), name: 'app', image: 'debian', state: 'running' }
  const volumes = [{ name: 'db', options, copies: [], containers: [container] }]
  const boxes = [{ name: 'db', uuid, owner: 0, version: 1, files: 0, bytes: 0, created, changed: created }]
  const answer = ({ url = '' }: IncomingMessage): string =>
    JSON.stringify(url.includes('/volumes/') ? { volumes } : { boxes })
  const used = await runAt(answer, ['used-by', 'db', '-f', '{{.Container}}'])
  expect(used).toMatchObject(done('app\n'))
})

test('audit verify says where it is broken, and shows no entry', async () => {
  const damage = [
    { sequence: 2, damaged: 'entry 2 is not what was written' },
    { sequence: 4, damaged: 'entries 4 to 9 are missing' }
  ]
  const lines = [entry, ...damage, { ...check, damages: 2 }]
  const answer = lines.map(line => `${JSON.stringify(line)}\n`).join('')
  const verified = await runAt(answer, ['audit', 'verify'])
  expect(verified).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^checked .*: 2 damages found\n$/) as string,
    stderr: damage.map(({ damaged }) => `error: the audit is broken: ${damaged}\n`).join('')
  })
})

test('in a table people and containers have their names, and IDs are short', async () => {
  const [id, mount] = ['c'.repeat(64), 'd'.repeat(64)]
  const lines = [
    {
      ...{ ...entry, time: '2020-01-01T00:00:00.000Z', caller: { kind: 'user', uid: 0, gid: 0, pid: 1 } },
      ...{ action: 'copy.attach', volume: 'v', container: id, containerName: 'app', mount, box: 'db' },
      ...{ subject: 'user:0', owner: 4_000_000_000 }
    },
    check
  ]
  const answer = lines.map(line => `${JSON.stringify(line)}\n`).join('')
  const shown = await runAt(answer, ['audit'])
  expect(shown.stdout).toMatch(
    / {3}root +copy\.attach +\S+ +box=db container=app \(c{12}\) volume=v mount=d{12} subject=user:root owner=4000000000/
  )
  expect((await runAt(answer, ['audit', '-f', 'json'])).stdout).toContain(id)
})

test('a line of the audit that cannot be read hides no other', async () => {
  const lines = [entry, { ...entry, sequence: 'two' }, { heartbeat: 1 }, { ...entry, sequence: 3 }, check]
  const answer = lines.map(line => `${JSON.stringify(line)}\n`).join('')
  const audit = await runAt(answer, ['audit', '-f', '{{.Sequence}}'])
  expect(audit).toMatchObject({ code: 1, stdout: '1\n3\n' })
  expect(audit.stderr).toContain(
    "error: cannot read the daemon's answer to GET /audit: it is something else\n"
  )
})

test('a file that is put while it is looked for is found, and not read', async () => {
  const asked: string[] = []
  const path = join(await mkdtemp(join(tmpdir(), 'answers-')), 'admin.sock')
  const server = createServer(({ method }, response) => {
    const isThere = asked.push(method ?? '') > 2
    response.writeHead(isThere ? 200 : 404, { ETag: '"3"' })
    response.end(isThere && method === 'GET' ? '{"code":"not_found","message":"hunter2"}' : '')
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await rm(dirname(path), { recursive: true })
  })
  const api = connectApi(() => Promise.resolve({ path, hint: '' }))
  expect(await api.kindAt(parseBoxName('db'), parseFilePath('pw'))).toEqual({ kind: 'file', version: 3 })
  expect(asked).toEqual(['HEAD', 'HEAD', 'GET', 'HEAD'])
})

test('an error of a code that is not known is told all the same', async () => {
  const refusal = { code: 'frozen', message: 'the vault is frozen', hint: 'wait', colour: 'red' }
  expect(await runAt(JSON.stringify(refusal), ['list'], { status: 418 })).toMatchObject({
    code: 1,
    stderr: 'error: the vault is frozen\nhint: wait\n'
  })
  for (const answer of ['{}', '[]', 'null', '{"code":1,"message":"x"}', '{"message":{}}'])
    expect(await runAt(answer, ['list'], { status: 500 })).toMatchObject({
      code: 1,
      stderr: 'error: the daemon answered with status 500 and no reason\n'
    })
})

test('completion of names that cannot be read is nothing, without a word', async () => {
  expect(await runAt('{"boxes":[{}]}', ['__complete', 'inspect', ''])).toMatchObject(done(':1\n'))
})
