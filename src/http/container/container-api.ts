import express, { type Express, type Request, type RequestHandler } from 'express'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { containerOperations as operations } from '../../api/container-operations.ts'
import { TokenRequest, tokenRequestRule, type SelfContainer } from '../../api/container.ts'
import { jsonType } from '../../api/media-types.ts'
import type { AnswerOf, Operation } from '../../api/operation.ts'
import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import type { DescribedContainer } from '../../engine/describe.ts'
import type { FindContainer } from '../../lifecycle/container-of-copy.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Gate } from '../../vault/action/gate.ts'
import type { Vault } from '../../vault/vault.ts'
import type { CopyRecord } from '../../volumes/records.ts'
import type { FilePath, VolumeName } from '../../base/names.ts'
import type { Identity } from '../../vault/identity/identity.ts'
import { answerErrors, MethodError } from '../transport/answers.ts'
import { bodyIn, queryOf } from '../transport/request.ts'
import { allowance } from './allowance.ts'
import { secretMountsIn } from './secret-mounts.ts'
import type { AskedCopy } from './caller.ts'

/** At whose socket a request came, and who sent it. */
export interface Asked {
  readonly copy: AskedCopy
  /** What is noted of the copy. */
  readonly record: Pick<CopyRecord, 'version' | 'created'>
  readonly caller: Caller
}

export interface ContainerApiParts {
  readonly gate: Gate
  readonly vault: Pick<Vault, 'open'>
  readonly identity: Pick<Identity, 'issue'>
  /** The part of the box that a volume shows. */
  readonly pathOf: (volume: VolumeName) => Promise<FilePath>
  readonly findContainer: FindContainer
  /** Who asks over a connection; null when they have asked too often. Throws when the copy is gone. */
  readonly asked: (socket: Socket) => Promise<Asked | null>
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
  app.use(express.json({ limit: maxBodyBytes, type: () => true }))

  const serve = <O extends Operation>(
    operation: O,
    answer: (asked: Asked, request: Request) => Promise<AnswerOf<O> | Buffer>
  ): void => {
    const at = app.route(operation.path)
    const respond: RequestHandler = async (request, response) => {
      queryOf(operation, request)
      const asked = await parts.asked(request.socket)
      if (asked === null) throw tooMany()
      const answered = await toContainersAlone(answer(asked, request))
      response.set('Cache-Control', 'no-store')
      if (!Buffer.isBuffer(answered)) response.json(answered)
      else
        response
          .once('close', () => answered.fill(0))
          .type(jsonType)
          .end(answered)
    }
    at[operation.method === 'GET' ? 'get' : 'post'](respond)
    at.all(request => {
      throw new MethodError(request, operation.method === 'GET' ? ['GET', 'HEAD'] : [operation.method])
    })
  }

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
  serve(operations.listSecretMounts, ({ caller, copy, record }) =>
    parts.vault.open(caller, 'answer', copy, record.version, async opened => {
      // A version that is younger than the copy is of another box of that name.
      if (record.version === null || opened.info.created > record.created) throw notWhatWasMounted()
      const { targets } = await findContainer(copy)
      return secretMountsIn(opened, await parts.pathOf(copy.volume), targets.get(copy.volume) ?? [])
    })
  )
  serve(operations.issueToken, async ({ caller, copy }, request) => {
    const { audience } = bodyIn(TokenRequest, request, 'request', tokenRequestRule)
    const { token, claims } = await identity.issue(caller, copy, audience, () => findContainer(copy))
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

function selfOf({ id, name, image, imageId, compose }: DescribedContainer): SelfContainer {
  return { id, name, image, imageId, ...compose }
}

/** The gate knows whom it denies, and not where they asked. */
async function toContainersAlone<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    if (!isSecretboxError(cause, 'denied')) throw cause
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

function tooMany(): SecretboxError {
  return new SecretboxError('too_many', 'this container asks too often', {
    hint: `keep what was answered; the next is answered in ${allowance.refillMs / 1000} seconds`
  })
}
