import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, request, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { serveUnixSocket, type ServeParts, type Serving } from '../../src/http/transport/serve.ts'
import { loadSyscalls } from '../../src/base/syscalls.ts'

const syscalls = loadSyscalls()
let directory: string
let path: string
let logged: string[]
let servers: Serving[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'secretbox-serve-'))
  path = join(directory, 'test.sock')
  logged = []
  servers = []
})
afterEach(async () => {
  await Promise.all(servers.map(server => server.close(0)))
  await rm(directory, { recursive: true })
})

async function serve(
  listener: RequestListener,
  dup = (fd: number) => syscalls.dup(fd),
  others: Partial<ServeParts> = {}
): Promise<Serving> {
  const log = pino({ level: 'error' }, { write: line => void logged.push(line) })
  const parts = { syscalls: { ...syscalls, dup }, log, ...others }
  const server = await serveUnixSocket(path, 0o600, parts, listener)
  servers.push(server)
  return server
}

function ask(agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: path, agent }, answer => {
      answer.resume().once('end', () => resolve(answer.statusCode))
    })
    call.once('error', reject).end()
  })
}

test('an idle connection that is kept alive does not hold up the end', async () => {
  const server = await serve((_request, response) => response.end())
  const agent = new Agent({ keepAlive: true })
  expect(await ask(agent)).toBe(200)
  // Far longer than the test may take: only an end that waits for no time-out comes in time.
  await server.close(3_600_000)
  agent.destroy()
})

test('as many connections wait to be taken as the kernel allows', async () => {
  await serve((_request, response) => response.end())
  const allowed = Number(await readFile('/proc/sys/net/core/somaxconn', 'utf8'))
  // All are made before the server, in the same thread, has its turn.
  const sockets = Array.from({ length: Math.min(1000, allowed) }, () => connect(path))
  await Promise.all(sockets.map(socket => once(socket, 'connect')))
  for (const socket of sockets) socket.destroy()
})

test('no time is told after which an idle connection would be closed: the Engine keeps them', async () => {
  await serve((_request, response) => response.end())
  const agent = new Agent({ keepAlive: true })
  const [response] = (await once(request({ agent, socketPath: path }).end(), 'response')) as [IncomingMessage]
  expect(response.headers).toMatchObject({ connection: 'keep-alive' })
  expect(response.headers['keep-alive']).toBe(undefined)
  agent.destroy()
})

test('an answer that is under way is finished before the end', async () => {
  let answer: () => void = () => undefined
  const asked = new Promise<void>(resolve => {
    void serve((_request, response) => {
      answer = () => response.end()
      resolve()
    })
  })
  while (servers.length === 0) await new Promise(setImmediate)
  const agent = new Agent({ keepAlive: true })
  const status = ask(agent)
  await asked
  const closed = servers[0]?.close(3_600_000)
  answer()
  expect(await status).toBe(200)
  await closed
  agent.destroy()
})

test('a connection for which there is no descriptor is closed and logged, and the others are served', async () => {
  let mayServe = false
  await serve(
    (_request, response) => response.end(),
    fd => {
      if (!mayServe) throw new Error('dup: EMFILE')
      return syscalls.dup(fd)
    }
  )
  const refused: Socket = connect(path)
  await once(refused, 'close')
  expect(logged.join()).toContain('cannot serve a connection')
  mayServe = true
  expect(await ask(new Agent())).toBe(200)
})

test('a file that is no socket is left alone, and the error names it', async () => {
  await writeFile(path, 'precious')
  await expect(serve((_request, response) => response.end())).rejects.toMatchObject({
    code: 'conflict',
    message: `cannot listen on "${path}": there is something that is not a socket`
  })
  expect(await readFile(path, 'utf8')).toBe('precious')
})

test('the socket of a process that died is replaced, that of one that answers is not', async () => {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await expect(promisify(execFile)(process.execPath, ['-e', script])).rejects.toMatchObject({
    signal: 'SIGKILL'
  })
  await serve((_request, response) => response.end())
  expect(await ask(new Agent())).toBe(200)
  await expect(serve((_request, response) => response.end())).rejects.toMatchObject({
    code: 'in_use',
    message: `cannot listen on "${path}": another process does`
  })
})

/** Who connects is somebody else than root. */
function peopleFor(idleMs: number): Partial<ServeParts> {
  const dup = (fd: number): number => syscalls.dup(fd)
  return {
    syscalls: { dup, peerOf: fd => ({ ...syscalls.peerOf(fd), uid: 1000 }) },
    people: { enter: () => () => undefined, idleMs }
  }
}

test('people who say nothing, or do not read, are cut off; who waits for an answer is not', async () => {
  const answers: ServerResponse[] = []
  const stalled = Promise.withResolvers<undefined>()
  await serve(
    (request, response) => {
      if (request.url === '/wait') answers.push(response)
      else if (request.method === 'POST') request.resume()
      else response.once('close', () => stalled.resolve(undefined)).end(Buffer.alloc(16 << 20))
    },
    undefined,
    peopleFor(30)
  )
  const opened = (first: string): Socket => {
    const socket = connect(path).on('error', () => undefined)
    if (first !== '') socket.write(first)
    return socket
  }
  const head = ' HTTP/1.1\r\nHost: x\r\n'
  const waiting = opened(`GET /wait${head}\r\n`)
  const deaf = opened(`GET /big${head}\r\n`)
  for (const first of ['', 'GET /x', `POST /x${head}Content-Length: 5\r\n\r\nab`]) {
    const silent = opened(first).resume()
    await new Promise(resolve => silent.once('close', resolve))
  }
  await stalled.promise
  deaf.destroy()
  // It has waited longer than all of these.
  const [answer] = answers
  answer?.end('late')
  const [text] = (await once(waiting, 'data')) as [Buffer]
  expect(text.toString()).toMatch(/^HTTP\/1.1 200 /)
  waiting.destroy()
})

test('who sends requests without end and waits for no answer is cut off', async () => {
  let asked = 0
  await serve(
    () => {
      asked++
    },
    undefined,
    peopleFor(3_600_000)
  )
  const socket = connect(path).on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3000))
  await new Promise(resolve => socket.resume().once('close', resolve))
  expect(asked).toBe(16)
})
