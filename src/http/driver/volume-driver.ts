import type { Socket } from 'node:net'
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response
} from 'express'
import type { Logger } from 'pino'
import { quote, SecretboxError } from '../../base/errors.ts'
import { processWith, type ProcessIdentity } from '../../base/process-identity.ts'
import type { Syscalls } from '../../base/syscalls.ts'
import type { Uses } from '../../lifecycle/engine-calls.ts'
import { refusalOfEmpty } from '../../lifecycle/refusals.ts'
import { publicError } from '../transport/answers.ts'
import { descriptorOf } from '../transport/connection.ts'
import { driverCalls, takesNothing, type Call, type CallParts } from './calls.ts'

/** What the driver answers from. */
export interface VolumeDriverParts extends CallParts {
  readonly uses: Pick<Uses, 'doubtAll'>
  readonly syscalls: Pick<Syscalls, 'peerOf'>
  readonly log: Logger
}

const maxBodyBytes = 1 << 20
const protocolType = 'application/vnd.docker.plugins.v1.2+json'

/**
 * The protocol of volume drivers (docs.docker.com, "Docker volume plugins"; docs/engine-facts.md), and the one call of
 * secret providers. Every call is a POST; errors are `{"Err": "…"}`. A retried call can come with an empty body:
 * that is refused and changes nothing.
 */
export function volumeDriver(parts: VolumeDriverParts): Express {
  const calls = driverCalls(parts)
  const peers = createPeers(parts.syscalls)
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(express.raw({ type: () => true, limit: maxBodyBytes }))
  for (const [route, call] of Object.entries(calls))
    app.post(`/${route}`, answerOf(parts, peers, route, call))
  app.use((request: Request, response: Response) => {
    const isCall = Object.hasOwn(calls, request.path.slice(1))
    if (isCall) response.set('Allow', 'POST')
    const reason = isCall
      ? `${quote(request.path)} takes POST, not ${request.method}`
      : `no such call ${quote(request.path)}`
    parts.log.warn({ call: request.path }, reason)
    refuse(response, isCall ? 405 : 404, reason)
  })
  app.use(refusalBy(parts.log))
  return app
}

/** Tells which process opened a connection, as it was when that was first asked: later another one may have its pid. */
function createPeers(syscalls: Pick<Syscalls, 'peerOf'>): (socket: Socket) => ProcessIdentity | null {
  const known = new WeakMap<Socket, ProcessIdentity>()
  return socket => {
    const peer = known.get(socket) ?? processWith(syscalls.peerOf(descriptorOf(socket)).pid)
    if (peer !== null) known.set(socket, peer)
    return peer
  }
}

function answerOf(
  { uses, log }: VolumeDriverParts,
  peers: (socket: Socket) => ProcessIdentity | null,
  route: string,
  call: Call
): RequestHandler {
  return async (request: Request, response: Response) => {
    const started = performance.now()
    response.type(protocolType)
    // It is a call whose reply the Engine did not get, sent again without its body (Engine fact 1).
    if (isEmpty(request.body) && !takesNothing.has(route)) uses.doubtAll()
    let undo: () => Promise<void> = () => Promise.resolve()
    const reply = await call(readJson(request, route), {
      engineProcess: () => peers(request.socket),
      onLost: work => (undo = work)
    })
    log.debug({ call: route, ms: Math.round(performance.now() - started) }, 'answered')
    const lost = isLost(response)
    void lost
      .then(isSo => (isSo ? undo() : undefined))
      .catch((err: unknown) => log.error({ err, call: route }, 'cannot undo a call whose caller went away'))
    if (Buffer.isBuffer(reply)) void lost.then(() => reply.fill(0))
    response.end(Buffer.isBuffer(reply) ? reply : JSON.stringify(reply))
  }
}

function refusalBy(log: Logger): ErrorRequestHandler {
  return (thrown: unknown, request: Request, response: Response, next: (error?: unknown) => void) => {
    if (response.headersSent || response.destroyed) {
      next(thrown)
      return
    }
    const error = publicError(thrown, log)
    // The Engine asks for every volume before it creates it: that there is none yet is no trouble.
    const level = request.path === '/VolumeDriver.Get' && error.code === 'not_found' ? 'debug' : 'warn'
    log[level]({ call: request.path, code: error.code }, error.message)
    const text = error.hint === undefined ? error.message : `${error.message} (${error.hint})`
    refuse(response, error.code === 'invalid' ? 400 : 500, text)
  }
}

function refuse(response: Response, status: number, reason: string): void {
  response
    .status(status)
    .type(protocolType)
    .send(JSON.stringify({ Err: reason }))
}

/** Resolves when the reply is out, or will never be. */
function isLost(response: Response): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(true)
  return new Promise(resolve => {
    response.once('finish', () => resolve(false))
    response.once('close', () => resolve(true))
  })
}

function isEmpty(body: unknown): body is undefined {
  return !Buffer.isBuffer(body) || body.length === 0
}

/** What the body says. Throws `invalid` unless it is JSON, or nothing for a call that takes nothing. */
function readJson(request: Request, route: string): unknown {
  const bytes: unknown = request.body
  if (isEmpty(bytes)) {
    if (takesNothing.has(route)) return {}
    throw new SecretboxError('invalid', refusalOfEmpty(route))
  }
  try {
    return JSON.parse((bytes as Buffer).toString())
  } catch {
    throw new SecretboxError('invalid', `bad request ${route}: the body is not JSON`)
  }
}
