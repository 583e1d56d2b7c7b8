import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import type { Request } from './ask.ts'

/** What was answered: the status, and the JSON of the body. */
export interface JsonAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** Asks at a socket, as it is named in a mount namespace, by a connection for each request. */
export type AskWithin = (request: Request) => Promise<JsonAnswer>

/** A process of a user in the mount namespace of another, which asks there until the test ends. `wrapper`: a command that executes it. */
export function askWithin(
  pid: number,
  socketPath: string,
  uid = 0,
  wrapper: readonly string[] = []
): AskWithin {
  const user = [`--setuid=${uid}`, `--setgid=${uid}`]
  const child = spawn(
    'nsenter',
    ['--mount', `--target=${pid}`, ...user, ...wrapper, process.execPath, '-e', script, socketPath],
    { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' }
  )
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.stdin.end()
    await ended
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return async request => {
    child.stdin.write(`${JSON.stringify({ ...request, body: request.body?.toString() })}\n`)
    const { value, done } = await lines.next()
    if (done === true) throw new Error('the process that asks has ended')
    const answer = JSON.parse(value) as JsonAnswer | { error: string }
    if ('error' in answer) throw new Error(answer.error)
    return answer
  }
}

/**
 * Asks there for what it reads no further than to its beginning, until `rest` reads all and gives how many bytes the answer had.
 */
export async function readSlowlyWithin(
  pid: number,
  socketPath: string,
  path: string
): Promise<{ rest(): Promise<number> }> {
  const child = spawn(
    'nsenter',
    ['--mount', `--target=${pid}`, process.execPath, '-e', reader, socketPath, path],
    { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' }
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()
  return {
    async rest() {
      child.stdin.end('go on')
      return Number((await lines.next()).value)
    }
  }
}

const reader = `
  const [, file, path] = process.argv
  const socket = require('node:net').connect(file)
  socket.write('GET ' + path + ' HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')
  socket.once('readable', () => console.log('begun'))
  process.stdin.once('data', () => {
    let length = 0
    socket.on('data', piece => (length += piece.length)).once('end', () => console.log(length))
  })
`

const script = `
  const { request } = require('node:http')
  const tell = answer => console.log(JSON.stringify(answer))
  require('node:readline').createInterface(process.stdin).on('line', line => {
    const { method, url, headers, body } = JSON.parse(line)
    const sent = request({ socketPath: process.argv[1], method, path: url, headers, agent: false }, async response => {
      const text = Buffer.concat(await response.toArray()).toString()
      tell({ status: response.statusCode, body: text === '' ? {} : JSON.parse(text) })
    })
    sent.once('error', error => tell({ error: error.code }))
    sent.end(body)
  })
`
