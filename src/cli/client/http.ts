import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders
} from 'node:http'
import * as z from 'zod/mini'
import { ErrorAnswer, errorOf } from '../../api/errors.ts'
import { errnoOf, SecretboxError } from '../../base/errors.ts'
import type { Body } from '../output/body.ts'
import { Distrusted, OutOfReach } from '../output/failure.ts'
import { TrustedConnections, UntrustedServer } from './trusted-connections.ts'

/** Who serves a Unix socket, as messages call it, and what to do when it does not answer. */
export interface Server {
  readonly name: string
  readonly socketPath: string
  readonly hint: string
}

/** A request; `path` is percent-encoded already. */
export interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Body
  readonly timeoutMs?: number
}

// A server that refuses an upload reads the rest of it only when the connection is to be kept. Otherwise it
// hangs up, our next write fails, and its reason is lost.
const agent = new TrustedConnections({ keepAlive: true, maxFreeSockets: 0 })

/**
 * Sends the request and resolves with the answer's head, whatever its status; the caller reads the body.
 * Rejects with `OutOfReach` when nobody serves the socket, with `Distrusted` when it is not root's or this user's own, with the body's own error when that fails.
 */
export function exchange(server: Server, request: Request): Promise<IncomingMessage> {
  const { method, path, headers = {}, body, timeoutMs } = request
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath: server.socketPath, method, path, headers, agent })
    if (timeoutMs !== undefined) {
      sent.setTimeout(timeoutMs, () =>
        sent.destroy(new OutOfReach(`${server.name} gave no answer within ${timeoutMs} ms`))
      )
    }
    let answered = false
    sent.once('response', answer => {
      answered = true
      // The answer to an upload that was not sent to its end is a refusal: the rest need not be sent.
      answer.once('close', () => sent.destroy())
      resolve(answer)
    })
    sent.on('error', error => reject(error instanceof OutOfReach ? error : outOfReach(server, error)))
    if (body === undefined) {
      sent.end()
      return
    }
    send(sent, body, () => answered).catch((error: unknown) => {
      reject(error instanceof Error ? error : new Error(String(error)))
      sent.destroy()
    })
  })
}

/** Ends all connections. An answer that nobody came to read would keep this process from its end. */
export function hangUp(): void {
  agent.destroy()
}

// Fails only when the body does; what befalls the connection is told by the request's own `error`.
async function send(request: ClientRequest, body: Body, answered: () => boolean): Promise<void> {
  for await (const chunk of body) {
    const sent = await new Promise<boolean>(resolve => request.write(chunk, error => resolve(!error)))
    chunk.fill(0)
    if (!sent || answered()) return
  }
  request.end()
}

function outOfReach({ name, socketPath, hint }: Server, error: Error): OutOfReach {
  if (error instanceof UntrustedServer) {
    return new Distrusted(
      `will not talk to ${name} at "${socketPath}": ${error.message}`,
      "only root's servers and your own are told secrets; where do DOCKER_HOST, the docker context and SECRETBOX_SOCKET lead?"
    )
  }
  switch (errnoOf(error) ?? '') {
    case 'ENOENT':
      return new OutOfReach(`cannot reach ${name}: there is no socket at "${socketPath}"`, hint)
    case 'ECONNREFUSED':
      return new OutOfReach(`cannot reach ${name}: nobody listens at "${socketPath}"`, hint)
    case 'EACCES':
    case 'EPERM':
      return new OutOfReach(`cannot reach ${name}: you may not use "${socketPath}"`, 'try again with sudo', {
        forbidden: true
      })
    default:
      return new OutOfReach(`${name} hung up without an answer: ${error.message}`)
  }
}

/**
 * Reads a body to its end, at most `maxBytes`; more, or a broken connection, is an error. The caller owns the
 * result; what it was put together from is overwritten.
 */
export async function readAll(answer: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of answer) {
      chunks.push(chunk)
      length += chunk.length
      if (length > maxBytes)
        throw new SecretboxError('too_large', `the answer is longer than ${maxBytes} bytes`)
    }
    return Buffer.concat(chunks)
  } finally {
    for (const chunk of chunks) chunk.fill(0)
  }
}

/** Reads the daemon's `{"code","message","hint"}` off an answer whose status says that it failed. */
export async function errorOfAnswer(answer: IncomingMessage): Promise<SecretboxError> {
  const text = (await readAll(answer, 1 << 20)).toString()
  const refusal = z.safeParse(ErrorAnswer, jsonOrNull(text))
  if (refusal.success) return errorOf(refusal.data)
  return new SecretboxError(
    'internal',
    `the daemon answered with status ${answer.statusCode ?? 0} and no reason`
  )
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
