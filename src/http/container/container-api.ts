import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { containerOperations as operations } from '../../api/container-operations.ts'
import { TokenRequest, tokenRequestRule, type SelfContainer } from '../../api/container.ts'
import { jsonType } from '../../api/media-types.ts'
import type { AnswerOf, Operation } from '../../api/operation.ts'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import type { DescribedContainer } from '../../engine/describe.ts'
import type { IsGranted } from '../../lifecycle/admit.ts'
import type { FindContainer } from '../../lifecycle/container-of-copy.ts'
import { mayReadAll, type Reader } from '../../copies/ownership.ts'
import { rootFor } from '../../base/process-identity.ts'
import type { Caller } from '../../vault/access/authority.ts'
import { Denial } from '../../vault/access/denial.ts'
import type { Manifest } from '../../vault/boxes/manifest.ts'
import type { Gate } from '../../vault/action/gate.ts'
import type { OpenedVersion } from '../../vault/opened-version.ts'
import type { Vault } from '../../vault/vault.ts'
import { isMadeOf } from '../../volumes/origin.ts'
import type { CopyRecord } from '../../volumes/records.ts'
import { shellOperand } from '../../base/shell-word.ts'
import type { BoxName, VolumeName } from '../../base/names.ts'
import { kindOfSecret } from '../../base/secret-kinds.ts'
import type { Identity } from '../../vault/identity/identity.ts'
import { answerErrors, MethodError } from '../transport/answers.ts'
import { bodyIn, queryOf } from '../transport/request.ts'
import { allowance } from './allowance.ts'
import { objectOfMembers } from './json-members.ts'
import { variablesIn, volumesOfVariables } from './secret-environment.ts'
import { mostBytes, secretMountsIn, type MountedCopy } from './secret-mounts.ts'
import type { AskedCopy } from './caller.ts'
import { closing, createOrder } from './order.ts'

/** At whose socket a request came, and who sent it. */
export interface Asked {
  readonly copy: AskedCopy
  /** What is noted of the copy. */
  readonly record: CopyRecord
  readonly caller: Caller
  /** The same by what it may read. */
  readonly reader: Reader
  /** Its volume is a file, and not a directory. */
  readonly isFile: boolean
}

export interface ContainerApiParts {
  readonly gate: Gate
  readonly vault: Pick<Vault, 'open'>
  readonly identity: Pick<Identity, 'issue'>
  readonly findContainer: FindContainer
  readonly isGranted: IsGranted
  /** Counts a request over a connection; false when there were too many. Throws when the copy is gone. */
  readonly mayAsk: (socket: Socket) => boolean
  /** Does work for whoever asks over a connection, when what others asked at the same copy is done. Throws when the copy is gone. */
  readonly inTurn: (socket: Socket, work: () => Promise<void>) => Promise<void>
  /** Who asks over a connection. Throws when the copy is gone. */
  readonly asked: (socket: Socket) => Promise<Asked>
  /** The copies of a volume, and who that is to each of them who asks over a connection to another. */
  readonly askedBeside: (socket: Socket, volume: VolumeName) => Promise<readonly Asked[]>
  readonly log: Logger
}

const maxBodyBytes = 4096

/** What a container is answered at the socket of its copy (docs/openapi-container.yaml). */
export function containerApi(parts: ContainerApiParts): Express {
  const { gate, identity, findContainer } = parts
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  const answers = createOrder()
  app.use((request, response, next) => {
    answers.came(request, response)
    // Whatever it is, it costs something.
    if (!parts.mayAsk(request.socket)) throw tooMany()
    next()
  })
  app.use(express.json({ limit: maxBodyBytes, type: () => true }))

  const serve = servingAt(app, parts, answers)

  serve(operations.describeSelf, ({ caller, copy, record: { version } }) =>
    gate.run(caller, 'copy.describe', copy, async permit => {
      await permit.commit(version === null ? {} : { version }, [])
      const container = await findContainer(copy).catch(() => null)
      return {
        ...{ box: copy.box, volume: copy.volume },
        ...(version === null ? {} : { version }),
        ...(container === null ? {} : { container: selfOf(container) })
      }
    })
  )
  serve(operations.listSecretMounts, (asked, { socket }) => secretMountsOf(parts, asked, socket))
  serve(operations.listSecretEnvironment, (asked, { socket }) => secretEnvironmentOf(parts, asked, socket))
  serve(operations.issueToken, async ({ caller, copy, record }, request) => {
    const { audience } = bodyIn(TokenRequest, request, 'request', tokenRequestRule)
    const { token, claims } = await identity.issue(caller, copy, audience, {
      find: () => findContainer(copy),
      has: box => record.version !== null && isMadeOf(record, box)
    })
    return { token, expires: new Date(claims.exp * 1000).toISOString() }
  })
  app.use((request: Request) => {
    throw new SecretboxError('not_found', `no such endpoint: ${request.method} ${request.originalUrl}`, {
      hint: 'docs/openapi-container.yaml lists them'
    })
  })
  app.use(answerErrors(parts.log))
  return app
}

/** Answers an operation: each who asks in their turn. */
type Serve = <O extends Operation>(
  operation: O,
  answer: (asked: Asked, request: Request) => Promise<AnswerOf<O> | Buffer>
) => void

function servingAt(app: Express, parts: ContainerApiParts, answers: ReturnType<typeof createOrder>): Serve {
  return (operation, answer) => {
    const at = app.route(operation.path)
    const respond = async (request: Request, response: Response): Promise<void> => {
      const asked = await parts.asked(request.socket)
      const answered = await toContainersAlone(asked.caller, answer(asked, request))
      response.set('Cache-Control', 'no-store')
      if (!Buffer.isBuffer(answered)) response.json(answered)
      else if (response.closed) answered.fill(0)
      else
        response
          .once('close', () => answered.fill(0))
          .type(jsonType)
          .end(answered)
    }
    const respondInTurn: RequestHandler = async (request, response) => {
      queryOf(operation, request)
      await answers.before(request)
      // An answer may be large, and is in memory until it is read: of each copy there is one.
      await parts.inTurn(request.socket, async () => {
        if (response.closed) return
        await respond(request, response)
        await closing(response)
      })
    }
    at[operation.method === 'GET' ? 'get' : 'post'](respondInTurn)
    at.all(request => {
      throw new MethodError(request, operation.method === 'GET' ? ['GET', 'HEAD'] : [operation.method])
    })
  }
}

/**
 * Opens what a copy was made of for who could read all of the copy where it lies, and for root of the container. A container
 * has processes of several users, and what it shows to them all need not be for each of them.
 */
function openFor<T>(
  { vault, isGranted }: ContainerApiParts,
  { caller, copy, record, reader }: Asked,
  find: () => Promise<DescribedContainer>,
  use: (opened: OpenedVersion, shown: Manifest, container: DescribedContainer) => Promise<T>
): Promise<T> {
  return vault.open(caller, 'answer', copy, record.version, async (opened, note) => {
    // Another box may have its name by now.
    if (record.version === null || !isMadeOf(record, opened)) throw notWhatWasMounted()
    const container = await find()
    if (opened.users !== null && !(await isGranted(container, copy.volume, opened.users)))
      throw mayNotUse(container, copy.box)
    const shown = opened.part(record.origin.path)
    const isRoot = reader.uid === 0 || (container.pid !== null && reader.uid === rootFor(container.pid))
    if (!isRoot && !mayReadAll(reader, shown.values(), record.origin)) throw mayNotRead(reader, copy.volume)
    await note([])
    return use(opened, shown, container)
  })
}

/**
 * JSON of the files that the container was given: of the copy at whose socket it asks, and of those beside it that who asks could read where
 * they lie. Variables have an answer of their own.
 */
async function secretMountsOf(parts: ContainerApiParts, asked: Asked, socket: Socket): Promise<Buffer> {
  const { volume } = asked.copy
  const members: Buffer[] = []
  let spareBytes = mostBytes
  const add = async (copy: Asked, find: () => Promise<DescribedContainer>): Promise<DescribedContainer> =>
    openFor(parts, copy, find, async (opened, shown, container) => {
      const found = await secretMountsIn(opened, shown, mountedIn(container, copy), spareBytes)
      members.push(...found.members)
      spareBytes = found.spareBytes
      return container
    })
  try {
    const container = await add(asked, () => parts.findContainer(asked.copy))
    const others = new Set(container.targets.keys() as Iterable<VolumeName>)
    for (const known of [volume, ...volumesOfVariables(container)]) others.delete(known)
    for (const other of others) {
      const beside = await parts.askedBeside(socket, other)
      const its = beside.find(({ caller, record }) => caller.kind === 'container' && record.version !== null)
      if (its !== undefined) await add(its, () => Promise.resolve(container)).catch(unlessKept)
    }
    return objectOfMembers('secret_mounts', members)
  } finally {
    for (const member of members) member.fill(0)
  }
}

function mountedIn({ targets }: DescribedContainer, { copy, record, isFile }: Asked): MountedCopy {
  const own = targets.get(copy.volume) ?? []
  const others = [...targets].flatMap(([volume, places]) => (volume === copy.volume ? [] : places))
  return { targets: own, isFile, others, kind: kindOfSecret(copy.box, record.origin?.path ?? '') }
}

/** What of a copy beside is not for who asks, or not there any more, is left out: nobody asked for it by itself. */
function unlessKept(error: unknown): void {
  if (!isSecretboxError(error, 'denied') && !isSecretboxError(error, 'not_found')) throw error
}

/** JSON of the variables that the container was given, which lie in copies beside the one at whose socket it asks. */
async function secretEnvironmentOf(
  parts: ContainerApiParts,
  { caller, copy }: Asked,
  socket: Socket
): Promise<Buffer> {
  const container = await parts.gate.run(caller, 'copy.describe', copy, async permit => {
    await permit.commit({}, [])
    return parts.findContainer(copy)
  })
  const members: Buffer[] = []
  try {
    for (const volume of volumesOfVariables(container)) {
      const beside = await parts.askedBeside(socket, volume)
      const its = beside.find(asked => asked.caller.kind === 'container')
      if (its === undefined) throw unknownVariables(volume)
      members.push(...(await openFor(parts, its, () => Promise.resolve(container), variablesIn)))
    }
    return objectOfMembers('secret_environment', members)
  } finally {
    for (const member of members) member.fill(0)
  }
}

function selfOf({ id, name, image, imageId, compose }: DescribedContainer): SelfContainer {
  return { id, name, image, imageId, ...compose }
}

/** The gate knows whom it denies, and not where they asked. */
async function toContainersAlone<T>(caller: Caller, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    if (caller.kind === 'container' || !isSecretboxError(cause, 'denied')) throw cause
    throw new SecretboxError(
      'denied',
      `${cause.message}: here only the container is answered that has this copy`,
      {
        hint: 'the process that connects must be in the container, and must not have ended',
        cause
      }
    )
  }
}

function notWhatWasMounted(): SecretboxError {
  return new SecretboxError('not_found', 'the box that this copy was made of is not there any more', {
    hint: 'read the files from the copy'
  })
}

function mayNotUse({ id, name }: DescribedContainer, box: BoxName): Denial {
  return new Denial('denied', `container ${quote(name)} may not use box ${quote(box)}`, {
    hint: `see: docker vault grants ${shellOperand(box)}`,
    details: { container: id, containerName: name },
    containers: []
  })
}

function mayNotRead({ uid }: Reader, volume: VolumeName): Denial {
  return new Denial('denied', `uid ${uid} may not read all of the copy of volume ${quote(volume)}`, {
    hint: 'ask as the user whose the files are, or as root of the container',
    details: {},
    containers: []
  })
}

function unknownVariables(volume: VolumeName): SecretboxError {
  return new SecretboxError('unavailable', `the process does not see its copy of volume ${quote(volume)}`, {
    hint: 'read the variables from the environment'
  })
}

function tooMany(): SecretboxError {
  return new SecretboxError('too_many', 'this container asks too often', {
    hint: `keep what was answered; the next is answered in ${allowance.refillMs / 1000} seconds`
  })
}
