import express, { type Express, type Request } from 'express'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { z } from 'zod'
import { SecretboxError } from '../../base/errors.ts'
import type { Syscalls } from '../../base/syscalls.ts'
import type { Caller } from '../../vault/access/authority.ts'
import { parseBoxName, parseVolumeName } from '../../base/names.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Finding } from '../../lifecycle/reconcile.ts'
import type { UnusedThings } from '../../controller/unused.ts'
import { flagIn, parseAddress, takeQuery } from '../transport/address.ts'
import { answerErrors, errorJson, MethodError } from '../transport/answers.ts'
import { auditRoute, type AuditParts } from './audit.ts'
import { boxRoutes } from './boxes.ts'
import { descriptorOf } from '../transport/connection.ts'
import type { DescribedVolume } from './status.ts'

/** What the admin API answers from, beside the boxes. Each takes the caller and decides about it. */
export interface AdminParts extends AuditParts {
  readonly vault: Vault
  readonly status: (caller: Caller) => Promise<Record<string, unknown>>
  readonly volumes: (caller: Caller) => Promise<DescribedVolume[]>
  readonly unused: UnusedThings
  readonly reconcile: (caller: Caller, apply: boolean) => Promise<readonly Finding[]>
  readonly syscalls: Pick<Syscalls, 'peerOf'>
  readonly log: Logger
}

const Prune = z.strictObject({ volumes: z.array(z.string()), boxes: z.array(z.string()) })
const maxJsonBytes = 4 << 20

/** The admin API (docs/openapi.yaml). Callers are known by the kernel's SO_PEERCRED of their connection. */
export function adminApi(parts: AdminParts): Express {
  const callerOf = (request: Request): Caller => {
    const caller = callerOn(request.socket, parts.syscalls)
    return request.get('Secretbox-Purpose') === 'completion' ? { ...caller, purpose: 'completion' } : caller
  }
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')

  // As with the Engine's own API, a path without a version means the newest, and so far there is one.
  app.use((request, _response, next) => {
    if (request.url.startsWith('/v1/')) request.url = request.url.slice('/v1'.length)
    next()
  })
  app.post('/prune', express.json({ limit: maxJsonBytes, type: () => true }))
  app.patch('/vault/*path', express.json({ limit: maxJsonBytes, type: () => true }))
  app.use('/vault', boxRoutes(parts, callerOf))

  /** An endpoint whose answer is JSON, with the parameters that it takes; other methods are refused. */
  const serve = (
    method: 'get' | 'post',
    path: string,
    parameters: readonly string[],
    answer: (request: Request) => Promise<Record<string, unknown>>
  ): void => {
    const route = app.route(path)
    route[method](async (request, response) => {
      takeQuery(request, ...parameters)
      response.json(await answer(request))
    })
    route.all(request => {
      throw new MethodError(request, method === 'get' ? ['GET', 'HEAD'] : ['POST'])
    })
  }

  serve('get', '/versions/*path', [], async request => {
    const address = parseAddress(request.path.slice('/versions'.length))
    if (address.box === null || !address.isBox)
      throw new SecretboxError('invalid', 'name a box: /versions/<box>/')
    const { name, versions } = await parts.vault.inspect(callerOf(request), address.box)
    return { name, versions }
  })
  serve('get', '/volumes/', [], async request => ({ volumes: await parts.volumes(callerOf(request)) }))
  serve('get', '/status', [], request => parts.status(callerOf(request)))
  serve('get', '/unused', ['all'], async request => ({
    ...(await parts.unused.find(callerOf(request), flagIn('all', request.query['all'])))
  }))
  serve('post', '/prune', [], async request => {
    const wanted = Prune.safeParse(request.body)
    if (!wanted.success)
      throw new SecretboxError('invalid', 'bad request: it must be {"volumes": [name], "boxes": [name]}')
    const { volumes, boxes } = wanted.data
    const pruned = await parts.unused.prune(
      callerOf(request),
      volumes.map(parseVolumeName),
      boxes.map(parseBoxName)
    )
    return { ...pruned, errors: pruned.errors.map(errorJson) }
  })
  app
    .route('/audit')
    .get(auditRoute(parts, callerOf))
    .all(request => {
      throw new MethodError(request, ['GET', 'HEAD'])
    })
  serve('post', '/reconcile', ['apply'], async request => {
    const apply = flagIn('apply', request.query['apply'])
    return { actions: await parts.reconcile(callerOf(request), apply) }
  })
  app.use((request: Request) => {
    throw new SecretboxError('not_found', `no such endpoint: ${request.method} ${request.originalUrl}`, {
      hint: 'docs/openapi.yaml lists them'
    })
  })
  app.use(answerErrors(parts.log))
  return app
}

function callerOn(socket: Socket, syscalls: Pick<Syscalls, 'peerOf'>): Caller & { kind: 'user' } {
  return { kind: 'user', ...syscalls.peerOf(descriptorOf(socket)) }
}
