import express, { type Express, type Request, type Response } from 'express'
import type { Logger } from 'pino'
import { z } from 'zod'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import type { Syscalls } from '../../base/syscalls.ts'
import type { Caller } from '../../vault/access/authority.ts'
import { parseMountId, parseVolumeName } from '../../base/names.ts'
import type { Sealing } from '../../crypto/sealing.ts'
import type { Vault } from '../../vault/vault.ts'
import { processWith, type ProcessIdentity } from '../../base/process-identity.ts'
import type { Mounts } from '../../lifecycle/mounts.ts'
import { refusalOfEmpty } from '../../lifecycle/refusals.ts'
import type { Uses } from '../../lifecycle/engine-calls.ts'
import type { CopyRecord, Volume } from '../../volumes/records.ts'
import type { KnownVolume, Volumes } from '../../volumes/volumes.ts'
import { publicError } from '../transport/answers.ts'
import { descriptorOf } from '../transport/connection.ts'
import { getSecret, SecretRequest } from './secret-provider.ts'

/** What the driver answers from. */
export interface VolumeDriverParts {
  readonly volumes: Volumes
  readonly mounts: Mounts
  readonly uses: Pick<Uses, 'doubtAll'>
  readonly copyRecordsOf: (volume: Volume['name']) => Promise<CopyRecord[]>
  readonly vault: Pick<Vault, 'open'>
  readonly sealing: Sealing
  readonly syscalls: Pick<Syscalls, 'peerOf'>
  readonly log: Logger
}

const engine: Caller = { kind: 'engine' }
const maxBodyBytes = 1 << 20
const protocolType = 'application/vnd.docker.plugins.v1.2+json'

/** The calls that come without a body. */
const takesNothing: ReadonlySet<string> = new Set([
  'Plugin.Activate',
  'VolumeDriver.Capabilities',
  'VolumeDriver.List'
])

const textField = z.string('it must be a string')
const mustBeObject = 'it must be an object'
const Name = z.object({ Name: textField }, mustBeObject)
const Create = z.object(
  { Name: textField, Opts: z.record(textField, textField, mustBeObject).nullish() },
  mustBeObject
)
const Use = z.object({ Name: textField, ID: textField }, mustBeObject)

/** Who is at the other end of a call, and what is to be done if the reply does not get there. */
interface Connection {
  readonly engineProcess: () => ProcessIdentity | null
  readonly onLost: (undo: () => Promise<void>) => void
}

/** One call: reads its body (already JSON) and gives the reply, as bytes of JSON where it holds a secret. */
type Call = (
  body: unknown,
  connection: Connection
) => Promise<Record<string, unknown> | Buffer> | Record<string, unknown>

/**
 * The protocol of volume drivers (docs.docker.com, "Docker volume plugins"; docs/engine-facts.md), and the one call of
 * secret providers. Every call is a POST; errors are `{"Err": "…"}`. A retried call can come with an empty body:
 * that is refused and changes nothing.
 */
export function volumeDriver(parts: VolumeDriverParts): Express {
  const { volumes, mounts, log } = parts

  const describe = async ({ name, volume, trouble }: KnownVolume): Promise<Record<string, unknown>> => ({
    Name: name,
    ...(volume === null ? {} : { CreatedAt: volume.created }),
    Status: {
      ...(trouble === null ? {} : { Error: trouble }),
      ...(volume === null ? {} : await volumeStatus(parts, volume))
    }
  })

  const readBody = (request: Request, route: string): unknown => {
    // It is a call whose reply the Engine did not get, sent again without its body (Engine fact 1).
    if (isEmpty(request.body) && !takesNothing.has(route)) parts.uses.doubtAll()
    return readJson(request, route)
  }

  const calls: Readonly<Record<string, Call>> = {
    'Plugin.Activate': () => ({ Implements: ['VolumeDriver', 'secretprovider'] }),
    'VolumeDriver.Capabilities': () => ({ Capabilities: { Scope: 'local' } }),
    'VolumeDriver.Create': async body => {
      const { Name: name, Opts: options } = parse(Create, body)
      await volumes.create(engine, parseVolumeName(name), options ?? {})
      return {}
    },
    'VolumeDriver.Remove': async body => {
      await volumes.remove(engine, parseVolumeName(parse(Name, body).Name))
      return {}
    },
    // Neither Get nor List names a Mountpoint: the one that counts is in Mount's reply (Engine fact 4).
    'VolumeDriver.Get': async body => ({
      Volume: await describe(await volumes.get(parseVolumeName(parse(Name, body).Name)))
    }),
    'VolumeDriver.List': async () => ({
      Volumes: (await volumes.list()).map(({ name, volume }) => ({
        Name: name,
        ...(volume === null ? {} : { CreatedAt: volume.created })
      }))
    }),
    'VolumeDriver.Path': async body => {
      await volumes.get(parseVolumeName(parse(Name, body).Name))
      return { Mountpoint: '' }
    },
    'VolumeDriver.Mount': async (body, { engineProcess, onLost }) => {
      const use = parse(Use, body)
      const [name, id] = [parseVolumeName(use.Name), parseMountId(use.ID)]
      const path = await mounts.mount(engine, name, id, engineProcess())
      // The Engine that gave up meanwhile will not send an Unmount (Engine fact 7).
      onLost(() => mounts.unmount(engine, name, id))
      return { Mountpoint: path }
    },
    'VolumeDriver.Unmount': async body => {
      const use = parse(Use, body)
      await mounts.unmount(engine, parseVolumeName(use.Name), parseMountId(use.ID))
      return {}
    },
    'SecretProvider.GetSecret': body => getSecret(parts.vault, parse(SecretRequest, body))
  }

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(express.raw({ type: () => true, limit: maxBodyBytes }))
  for (const [route, call] of Object.entries(calls)) {
    app.post(`/${route}`, async (request: Request, response: Response) => {
      const started = performance.now()
      response.type(protocolType)
      let undo: () => Promise<void> = () => Promise.resolve()
      const reply = await call(readBody(request, route), {
        engineProcess: () => processWith(parts.syscalls.peerOf(descriptorOf(request.socket)).pid),
        onLost: work => (undo = work)
      })
      log.debug({ call: route, ms: Math.round(performance.now() - started) }, 'answered')
      const lost = isLost(response)
      void lost
        .then(isSo => (isSo ? undo() : undefined))
        .catch((err: unknown) => log.error({ err, call: route }, 'cannot undo a call whose caller went away'))
      if (Buffer.isBuffer(reply)) {
        void lost.then(() => reply.fill(0))
        response.end(reply)
      } else response.send(JSON.stringify(reply))
    })
  }
  app.use((request: Request, response: Response) => {
    const isCall = Object.hasOwn(calls, request.path.slice(1))
    if (isCall) response.set('Allow', 'POST')
    const reason = isCall
      ? `${quote(request.path)} takes POST, not ${request.method}`
      : `no such call ${quote(request.path)}`
    log.warn({ call: request.path }, reason)
    refuse(response, isCall ? 405 : 404, reason)
  })
  app.use((thrown: unknown, request: Request, response: Response, next: (error?: unknown) => void) => {
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
  })
  return app
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

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.join('.') ?? ''
  throw new SecretboxError(
    'invalid',
    `bad request: ${field === '' ? 'the body' : field}: ${issue?.message ?? ''}`
  )
}

/** What `docker volume inspect` shows: never contents, and never an error, in whatever state the vault is. */
async function volumeStatus(
  parts: VolumeDriverParts,
  { name, options }: Volume
): Promise<Record<string, unknown>> {
  const { box, version, path, uid, gid, mode, dirmode, rw, optional, ephemeral, transient } = options
  const copies = await parts.copyRecordsOf(name).catch((error: unknown) => {
    if (!isSecretboxError(error)) throw error
    return []
  })
  const reason = parts.sealing.reason()
  return {
    Box: box,
    Version: version ?? 'newest',
    ...(path === '' ? {} : { Path: path }),
    Owner: `${uid}:${gid}`,
    ...(mode === null ? {} : { Mode: octal(mode) }),
    ...(dirmode === null ? {} : { Dirmode: octal(dirmode) }),
    Access: rw ? 'rw' : 'ro',
    ...(optional ? { Optional: true } : {}),
    ...(ephemeral ? { Ephemeral: true } : {}),
    ...(transient ? { Transient: true } : {}),
    ...(reason === null ? {} : { Sealed: reason }),
    Copies: copies.map(copy => ({
      Mount: copy.mount,
      Version: copy.version,
      Created: copy.created,
      ...(copy.container === null
        ? {}
        : { Container: copy.container.id, ContainerName: copy.container.name, Image: copy.container.image })
    }))
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
