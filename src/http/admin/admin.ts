import express, { type Express, type Request } from 'express'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { purposeHeader } from '../../api/operation.ts'
import type { operations } from '../../api/operations.ts'
import type { PublicIdentity } from '../../api/identity.ts'
import { ToInject, toInjectRule } from '../../api/injected.ts'
import type { Status } from '../../api/status.ts'
import { Prune, pruneRule } from '../../api/volumes.ts'
import { SecretboxError } from '../../base/errors.ts'
import type { Syscalls } from '../../base/syscalls.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Gate } from '../../vault/action/gate.ts'
import { parseBoxName, parseFilePath, parseVolumeName, type BoxName } from '../../base/names.ts'
import type { Granting } from '../../vault/granting.ts'
import type { ReadTypes } from '../../vault/read-types.ts'
import type { Keyslots } from '../../vault/keyslots.ts'
import type { Reencrypted } from '../../vault/box-rotation.ts'
import type { Vault } from '../../vault/vault.ts'
import { whatIsInjected } from '../../vault/what-is-injected.ts'
import type { Finding } from '../../lifecycle/reconcile.ts'
import type { UnusedThings } from '../../controller/unused.ts'
import { parseUrlPath } from '../transport/address.ts'
import { answerErrors, errorJson } from '../transport/answers.ts'
import { auditRoute, type AuditParts } from './audit.ts'
import { grantAnswers } from './grants.ts'
import { boxRoutes } from './boxes.ts'
import { serveKeyslots } from './keyslots.ts'
import { describeBad, describeType } from './credential-answers.ts'
import { descriptorOf } from '../transport/connection.ts'
import { createMeet, endBodies } from './meet.ts'
import { maxJsonBytes, routing, servingJson, type Route, type ServeJson } from './route.ts'
import { bodyIn } from '../transport/request.ts'
import type { DescribedVolume } from './status.ts'

/** What the admin API answers from, beside the boxes. Each takes the caller and decides about it. */
export interface AdminParts extends AuditParts {
  readonly gate: Pick<Gate, 'refuseHopeless'>
  readonly vault: Vault
  readonly granting: Granting
  readonly rotateRoot: (caller: Caller) => Promise<void>
  readonly rotateBox: (caller: Caller, box: BoxName) => Promise<Reencrypted>
  readonly keyslots: Keyslots
  readonly status: (caller: Caller) => Promise<Status>
  readonly volumes: (caller: Caller) => Promise<DescribedVolume[]>
  readonly allVolumes: () => Promise<DescribedVolume[]>
  readonly identity: (caller: Caller) => Promise<PublicIdentity>
  readonly unused: UnusedThings
  readonly types: ReadTypes
  readonly reconcile: (caller: Caller, apply: boolean) => Promise<readonly Finding[]>
  readonly syscalls: Pick<Syscalls, 'peerOf' | 'groupsOf'>
  readonly log: Logger
}

/** The admin API (docs/openapi.yaml). Callers are known by what the kernel notes of their connection (SO_PEERCRED, SO_PEERGROUPS). */
export function adminApi(parts: AdminParts): Express {
  const callerOn = callersBy(parts.syscalls)
  const callerOf = (request: Request): Caller => {
    const caller = callerOn(request.socket)
    return request.get(purposeHeader) === 'completion' ? { ...caller, purpose: 'completion' } : caller
  }
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  // What a client has is never answered from (304): these are answers about secrets.
  Object.defineProperty(app.request, 'fresh', { value: false })

  // As with the Engine's own API, a path without a version means the newest, and so far there is one.
  app.use((request, _response, next) => {
    if (request.url.startsWith('/v1/')) request.url = request.url.slice('/v1'.length)
    next()
  })
  app.use(endBodies(callerOf))
  const meet = createMeet(parts.gate, callerOf)
  app.use('/vault', boxRoutes({ ...parts, meet }, callerOf))
  const route = routing(app, meet, callerOf)
  const serve = servingJson(route, callerOf)
  serveJson(serve, parts)
  serveGrants(route, grantAnswers(parts.granting), callerOf)
  route('readAudit', auditRoute(parts, callerOf))
  serveKeyslots(route, serve, parts, callerOf)
  app.use((request: Request) => {
    throw new SecretboxError('not_found', `no such endpoint: ${request.method} ${request.originalUrl}`, {
      hint: 'docs/openapi.yaml lists them'
    })
  })
  app.use(answerErrors(parts.log))
  return app
}

/** What is answered with JSON and nothing else. */
function serveJson(serve: ServeJson, parts: AdminParts): void {
  serve('listVersions', async (caller, _query, { path }) => {
    const address = parseUrlPath(path.slice('/versions'.length))
    if (address.box === null || !address.isBox)
      throw new SecretboxError('invalid', 'name a box: /versions/<box>/')
    const { name, versions } = await parts.vault.inspect(caller, address.box)
    return { name, versions }
  })
  serve('listTypes', async caller => {
    const { types, bad } = await parts.types(caller)
    return { types: types.map(describeType), ...(bad.length === 0 ? {} : { bad: bad.map(describeBad) }) }
  })
  serve('listVolumes', async caller => ({ volumes: await parts.volumes(caller) }))
  serve('status', parts.status)
  serve('showIdentity', parts.identity)
  serve('listUnused', (caller, { all }) => parts.unused.find(caller, all))
  serve('prune', async (caller, _query, request) => {
    const { volumes, boxes } = bodyIn(Prune, request, 'request', pruneRule)
    const pruned = await parts.unused.prune(caller, volumes.map(parseVolumeName), boxes.map(parseBoxName))
    return { ...pruned, errors: pruned.errors.map(errorJson) }
  })
  serve('describeInjected', async (caller, _query, request) => {
    const { files, environment } = bodyIn(ToInject, request, 'request', toInjectRule)
    return whatIsInjected(parts.vault, caller, {
      files: files.map(({ box, version = null, path = '', target }) => {
        return { box: parseBoxName(box), version, path: parseFilePath(path), target }
      }),
      environment: environment.map(({ box, version = null, path = null }) => {
        return { box: parseBoxName(box), version, path: path === null ? null : parseFilePath(path) }
      })
    })
  })
  serve('reconcile', async (caller, { apply }) => ({
    actions: await parts.reconcile(caller, apply)
  }))
}

/** What is answered about grants. */
function serveGrants(
  route: Route,
  answers: ReturnType<typeof grantAnswers>,
  callerOf: (request: Request) => Caller
): void {
  const serve = (
    name: keyof typeof operations,
    answer: (caller: Caller, request: Request) => Promise<unknown>
  ): void =>
    route(
      name,
      async (request, response) => void response.json(await answer(callerOf(request), request)),
      maxJsonBytes.ofGrants
    )
  serve('grant', (caller, request) => answers.grant(caller, request))
  serve('listGrants', (caller, request) => answers.list(caller, request))
  serve('revoke', (caller, request) => answers.revoke(caller, request))
  serve('discardGrant', (caller, request) => answers.discard(caller, request))
  serve('can', (caller, request) => answers.can(caller, request))
}

/** Who is at the other end of each connection: the kernel noted that when it was made, and is asked once. */
function callersBy(syscalls: AdminParts['syscalls']): (socket: Socket) => Caller & { kind: 'user' } {
  const known = new WeakMap<Socket, Caller & { kind: 'user' }>()
  return socket => {
    const caller = known.get(socket)
    if (caller !== undefined) return caller
    const descriptor = descriptorOf(socket)
    const peer = syscalls.peerOf(descriptor)
    // Root may do all, whatever groups it is in.
    const found = {
      kind: 'user',
      ...peer,
      ...(peer.uid === 0 ? {} : { groups: syscalls.groupsOf(descriptor) })
    } as const
    known.set(socket, found)
    return found
  }
}
