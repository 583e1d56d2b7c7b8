import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { done, runProgram } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()
const startHint = 'hint: SECRETBOX_SOCKET names it; is the daemon running that serves it?\n'

let directory: string
let servers: { close(done: () => void): unknown }[]
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reach-'))
  servers = []
})
afterEach(async () => {
  await Promise.all(servers.map(server => new Promise<void>(resolve => server.close(resolve))))
  await rm(directory, { recursive: true })
})

async function serve(name: string, listener: RequestListener): Promise<string> {
  const path = join(directory, name)
  const server: Server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(path, resolve))
  return path
}

/** Answers as the Engine does when it is asked about its plugin. */
function engineWith(plugin: unknown): RequestListener {
  return (request, response) => {
    response.statusCode = request.url === '/plugins/secretbox/json' && plugin !== null ? 200 : 404
    response.end(JSON.stringify(plugin ?? { message: 'plugin "secretbox" not found' }))
  }
}

test('no socket, and a socket that nobody listens at, leave the daemon out of reach', async () => {
  const missing = join(directory, 'none.sock')
  expect(await run(['list'], { env: { SECRETBOX_SOCKET: missing } })).toMatchObject({
    code: 3,
    stdout: '',
    stderr: `error: cannot reach the secretbox daemon: there is no socket at "${missing}"\n${startHint}`
  })
  const dead = join(directory, 'dead.sock')
  await writeFile(dead, '')
  expect(await run(['create', 'a', 'b'], { env: { SECRETBOX_SOCKET: dead } })).toMatchObject({
    code: 3,
    stdout: '',
    stderr: `error: cannot reach the secretbox daemon: nobody listens at "${dead}"\n${startHint}`
  })
})

test('a daemon that hangs up is out of reach', async () => {
  const path = join(directory, 'rude.sock')
  const rude = createSocketServer(socket => socket.once('data', () => socket.destroy()))
  servers.push(rude)
  await new Promise<void>(resolve => rude.listen(path, resolve))
  expect(await run(['list'], { env: { SECRETBOX_SOCKET: path } })).toMatchObject({
    code: 3,
    stderr: 'error: the secretbox daemon hung up without an answer: socket hang up\n'
  })
})

test('an answer that is none of ours, and one that breaks off, are errors', async () => {
  const odd = await serve('odd.sock', (_, response) => response.writeHead(500).end('<html>'))
  expect(await run(['list'], { env: { SECRETBOX_SOCKET: odd } })).toMatchObject({
    code: 1,
    stderr: 'error: the daemon answered with status 500 and no reason\n'
  })
  const short = await serve('short.sock', (_, response) => {
    response.writeHead(200, { 'Content-Length': 100, ETag: '"1"' })
    response.write('half', () => response.destroy())
  })
  expect(await run(['read', 'box:pw'], { env: { SECRETBOX_SOCKET: short } })).toMatchObject({
    code: 1,
    stdout: 'half',
    stderr: 'error: the daemon stopped in the middle of "box:pw"\n'
  })
})

test('reconcile says what to do when there is something to be done', async () => {
  const findings = { actions: [{ mount: 'm', volume: null, action: 'wipe', reason: 'nobody holds it' }] }
  const socket = await serve('admin.sock', (_, response) => response.end(JSON.stringify(findings)))
  const stdout = 'MOUNT   VOLUME   ACTION   REASON\nm                wipe     nobody holds it\n'
  expect(await run(['reconcile'], { env: { SECRETBOX_SOCKET: socket } })).toMatchObject({
    code: 0,
    stdout,
    stderr: 'nothing was done; to do it: docker-vault reconcile --apply\n'
  })
  expect(await run(['reconcile', '--apply'], { env: { SECRETBOX_SOCKET: socket } })).toMatchObject(
    done(stdout)
  )
})

test('the socket is found through the data directory that the plugin was given', async () => {
  const plugin = {
    Enabled: true,
    Settings: {
      Mounts: [
        { Name: 'key', Source: '/nowhere' },
        { Name: 'data', Source: daemon().directory }
      ]
    }
  }
  const engine = await serve('engine.sock', engineWith(plugin))
  const env = { SECRETBOX_SOCKET: '', DOCKER_HOST: `unix://${engine}` }
  expect(await run(['list'], { env })).toMatchObject(done())
  const none = { SECRETBOX_SOCKET: '', DOCKER_HOST: 'unix:///nowhere.sock' }
  expect(await run(['-H', `unix://${engine}`, 'vault', 'list'], { env: none })).toMatchObject(done())
  const meta = join(directory, 'contexts/meta', createHash('sha256').update('mine').digest('hex'))
  await mkdir(meta, { recursive: true })
  await writeFile(
    join(meta, 'meta.json'),
    JSON.stringify({ Endpoints: { docker: { Host: `unix://${engine}` } } })
  )
  await writeFile(join(directory, 'config.json'), JSON.stringify({ currentContext: 'mine' }))
  expect(await run(['--config', directory, '-c', 'mine', 'vault', 'list'], { env: none })).toMatchObject(
    done()
  )
  const configured = { SECRETBOX_SOCKET: '', DOCKER_CONFIG: directory }
  expect(await run(['list'], { env: configured })).toMatchObject(done())
  expect(await run(['list'], { env: { ...configured, DOCKER_CONTEXT: 'other' } })).toMatchObject({
    code: 3,
    stderr: 'error: there is no docker context "other"\nhint: see: docker context ls\n'
  })
  await writeFile(join(meta, 'meta.json'), '{"Endpoints":{}}')
  expect(await run(['list'], { env: configured })).toMatchObject({
    code: 3,
    stderr:
      'error: cannot read the docker context "mine": its file is not what docker writes\nhint: see: docker context ls\n'
  })
})

test('an Engine without the plugin leaves the default place', async () => {
  const engine = await serve('engine.sock', engineWith(null))
  expect(
    await run(['list'], { env: { SECRETBOX_SOCKET: '', DOCKER_HOST: `unix://${engine}` } })
  ).toMatchObject({
    code: 3,
    stderr:
      'error: cannot reach the secretbox daemon: there is no socket at "/var/lib/secretbox/admin.sock"\n' +
      `hint: the Engine at "${engine}" has no plugin "secretbox": install it (make install), or start the service: systemctl start secretbox\n`
  })
})

test('an Engine that was chosen and does not answer is the trouble, not the daemon', async () => {
  const nope = 'unix:///nope'
  const message =
    'error: cannot ask where the vault is: cannot reach the Engine: there is no socket at "/nope"\n'
  expect(await run(['list'], { env: { SECRETBOX_SOCKET: '', DOCKER_HOST: nope } })).toMatchObject({
    code: 3,
    stderr: `${message}hint: DOCKER_HOST names it; SECRETBOX_SOCKET does without an Engine\n`
  })
  const env = { SECRETBOX_SOCKET: '' }
  expect(await run(['-H', nope, 'vault', 'list'], { env })).toMatchObject({
    code: 3,
    stderr: `${message}hint: --host names it; SECRETBOX_SOCKET does without an Engine\n`
  })
})

test('a user who may not ask the Engine is told so', async () => {
  const engine = await serve('engine.sock', engineWith(null))
  await chmod(engine, 0o600)
  await chmod(directory, 0o755)
  const env = { PATH: process.env['PATH'], DOCKER_HOST: `unix://${engine}` }
  const place = await readable()
  const command = ['--reuid=65534', '--regid=65534', '--clear-groups', join(place, 'docker-vault'), 'list']
  expect(await runProgram('setpriv', command, { env })).toMatchObject({
    code: 3,
    stderr:
      `error: cannot ask where the vault is: cannot reach the Engine: you may not use "${engine}"\n` +
      'hint: try again with sudo\n'
  })
})

/** The program where every user finds it. */
async function readable(): Promise<string> {
  const place = join(directory, 'cli')
  await cp(join(dirname(program), 'cli'), place, { recursive: true, verbatimSymlinks: true })
  return place
}

/** What a server of nobody's says it heard, and where it listens; it answers all with success. */
async function serveAsNobody(path: string): Promise<{ heard: () => string }> {
  const script = `require('net').createServer(c => c.on('data', d => { process.stdout.write(d);
    c.end('HTTP/1.1 200 OK\\r\\nETag: "1"\\r\\nContent-Length: 2\\r\\n\\r\\n{}') })).listen(process.argv[1], () => {
      require('fs').chmodSync(process.argv[1], 0o777); process.stdout.write('listening') })`
  const child = spawn('setpriv', [
    ...['--reuid=65534', '--regid=65534', '--clear-groups'],
    ...[process.execPath, '-e', script, path]
  ])
  servers.push({
    close(done) {
      child.once('close', done)
      child.kill()
    }
  })
  let heard = ''
  child.stdout.on('data', (text: Buffer) => (heard += text.toString()))
  await once(child.stdout, 'data')
  return { heard: () => heard.replace('listening', '') }
}

const distrust =
  "hint: only root's servers and your own are told secrets; where do DOCKER_HOST, the docker context and SECRETBOX_SOCKET lead?\n"

test("nothing is said to a server of another user's, wherever its socket lies", async () => {
  await chmod(directory, 0o755)
  const theirs = join(directory, 'theirs')
  await mkdir(theirs)
  await chown(theirs, 65534, 65534)
  const path = join(theirs, 'any.sock')
  const { heard } = await serveAsNobody(path)
  const put = ['put', 'box', 'password']
  const belongs = `"${theirs}" belongs to uid 65534\n${distrust}`
  expect(await run(put, { input: 'S3CRET', env: { SECRETBOX_SOCKET: path } })).toMatchObject({
    code: 3,
    stderr: `error: will not talk to the secretbox daemon at "${path}": ${belongs}`
  })
  const env = { SECRETBOX_SOCKET: '', DOCKER_HOST: `unix://${path}` }
  expect(await run(put, { input: 'S3CRET', env })).toMatchObject({
    code: 3,
    stderr: `error: will not talk to the Engine at "${path}": ${belongs}`
  })
  // The same server, behind a name that root gave it.
  const ours = join(directory, 'ours.sock')
  await rename(path, ours)
  expect(await run(put, { input: 'S3CRET', env: { SECRETBOX_SOCKET: ours } })).toMatchObject({
    code: 3,
    stderr: `error: will not talk to the secretbox daemon at "${ours}": "${ours}" belongs to uid 65534\n${distrust}`
  })
  await chown(ours, 0, 0)
  expect(await run(put, { input: 'S3CRET', env: { SECRETBOX_SOCKET: ours } })).toMatchObject({
    code: 3,
    stderr: `error: will not talk to the secretbox daemon at "${ours}": uid 65534 listens there\n${distrust}`
  })
  expect(heard()).toBe('')
})

test('nor where others could put a server of theirs', async () => {
  const path = await serve('admin.sock', (_, response) => response.end('{"boxes":[]}'))
  expect(await run(['list'], { env: { SECRETBOX_SOCKET: path } })).toMatchObject(done())
  await chmod(directory, 0o777)
  expect(await run(['list'], { env: { SECRETBOX_SOCKET: path } })).toMatchObject({
    code: 3,
    stderr: `error: will not talk to the secretbox daemon at "${path}": others can write to "${directory}" (mode 0777)\n${distrust}`
  })
})

test('a setting that keeps the daemon from its start is named, be the plugin disabled or not', async () => {
  const asked = async (Enabled: boolean, ...Env: string[]): Promise<string> => {
    const Mounts = [{ Name: 'data', Source: directory }]
    const engine = await serve('engine.sock', engineWith({ Enabled, Settings: { Mounts, Env } }))
    const env = { SECRETBOX_SOCKET: '', DOCKER_HOST: `unix://${engine}` }
    const outcomes = await Promise.all([['status'], ['list']].map(args => run(args, { env })))
    expect(outcomes).toMatchObject(outcomes.map(() => ({ code: 3, stdout: '', stderr: outcomes[0]?.stderr })))
    await rm(engine)
    return outcomes[0]?.stderr ?? ''
  }
  const bad = 'bad setting MAX_VERSIONS="abc": it must be a whole number'
  const remedy =
    'docker plugin set secretbox MAX_VERSIONS=100 (the default), then docker plugin enable secretbox\n'
  expect(await asked(false, 'LOG_LEVEL=info', 'MAX_VERSIONS=abc', 'START_FAILED=')).toBe(
    `error: the plugin "secretbox" is disabled, and its daemon cannot start with a ${bad}\nhint: ${remedy}`
  )
  expect(await asked(true, 'MAX_VERSIONS=abc')).toBe(
    `error: cannot reach the secretbox daemon: there is no socket at "${directory}/admin.sock"\n` +
      `hint: its daemon cannot start with a ${bad}; docker plugin disable -f secretbox, then ${remedy}`
  )
  expect(await asked(false, 'LOG_LEVEL=a=b', 'MAX_VERSIONS=0')).toBe(
    'error: the plugin "secretbox" is disabled, and its daemon cannot start with a bad setting LOG_LEVEL="a=b": ' +
      'it must be trace, debug, info, warn, error or silent, and a bad setting MAX_VERSIONS="0": it must be at least 1\n' +
      'hint: docker plugin set secretbox LOG_LEVEL=info MAX_VERSIONS=100 (the default), then docker plugin enable secretbox\n'
  )
  expect(await asked(false, 'MAX_VERSIONS=', 'OTHER=abc')).toBe(
    'error: the plugin "secretbox" is disabled\nhint: enable it: docker plugin enable secretbox\n'
  )
})

test('a disabled plugin, and an Engine elsewhere, are told as such', async () => {
  const engine = await serve('engine.sock', engineWith({ Enabled: false, Settings: { Mounts: [] } }))
  expect(
    await run(['list'], { env: { SECRETBOX_SOCKET: '', DOCKER_HOST: `unix://${engine}` } })
  ).toMatchObject({
    code: 3,
    stderr: 'error: the plugin "secretbox" is disabled\nhint: enable it: docker plugin enable secretbox\n'
  })
  expect(
    await run(['list'], { env: { SECRETBOX_SOCKET: '', DOCKER_HOST: 'tcp://10.0.0.1:2376' } })
  ).toMatchObject({
    code: 3,
    stderr:
      'error: cannot reach the vault of the Engine at "tcp://10.0.0.1:2376": only a local one can be managed\n' +
      "hint: run this on the Engine's own host, or set SECRETBOX_SOCKET\n"
  })
})

test('an Engine that says something else of its plugin, and files of docker that are none, are errors', async () => {
  const env = { SECRETBOX_SOCKET: '', DOCKER_HOST: '' }
  for (const [plugin, reason] of [
    [{ Enabled: true }, '"Settings" is missing, or something else'],
    [{ Enabled: true, Settings: { Mounts: 'none' } }, '"Settings.Mounts" is missing, or something else'],
    ['plugin', 'it is something else']
  ] as const) {
    const engine = await serve(`engine-${reason.length}.sock`, engineWith(plugin))
    expect(await run(['list'], { env: { ...env, DOCKER_HOST: `unix://${engine}` } })).toMatchObject({
      code: 3,
      stdout: '',
      stderr: `error: cannot ask where the vault is: cannot read the answer of the Engine at "${engine}" to GET /plugins/secretbox/json: ${reason}\nhint: DOCKER_HOST names it; SECRETBOX_SOCKET does without an Engine\n`
    })
  }
  const meta = join(directory, 'contexts/meta', createHash('sha256').update('odd').digest('hex'))
  await mkdir(meta, { recursive: true })
  await writeFile(join(meta, 'meta.json'), '{"Endpoints":{"docker":{"Host":1}}}')
  await writeFile(join(directory, 'config.json'), '{"currentContext":"odd"}')
  expect(await run(['list'], { env: { ...env, DOCKER_CONFIG: directory } })).toMatchObject({
    code: 3,
    stderr:
      'error: cannot read the docker context "odd": its file is not what docker writes\nhint: see: docker context ls\n'
  })
})
