import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { done } from './run.ts'
import { useCli } from './use-cli.ts'

const { run, daemon } = useCli()
const startHint = 'hint: is the plugin enabled? see: docker plugin ls; docker plugin enable secretbox\n'

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
    response.writeHead(200, { 'Content-Length': 100 })
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
    stderr: expect.stringMatching(
      /^error: cannot read the docker context "other": ENOENT.*\nhint: see: docker context ls\n$/
    ) as string
  })
})

test('without a plugin, or without an Engine, the default place is tried', async () => {
  const engine = await serve('engine.sock', engineWith(null))
  for (const host of [`unix://${engine}`, `unix://${directory}/none.sock`]) {
    expect(await run(['list'], { env: { SECRETBOX_SOCKET: '', DOCKER_HOST: host } })).toMatchObject({
      code: 3,
      stderr: `error: cannot reach the secretbox daemon: there is no socket at "/var/lib/secretbox/admin.sock"\n${startHint}`
    })
  }
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
