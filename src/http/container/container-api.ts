import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import { containerOperations as operations } from '../../api/container-operations.ts'
import { TokenRequest, tokenRequestRule, type SelfContainer } from '../../api/container.ts'
import { jsonType } from '../../api/media-types.ts'
import type { AnswerOf, Operation } from '../../api/operation.ts'
import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import type { DescribedContainer } from '../../engine/describe.ts'
import type { Caller } from '../../vault/access/authority.ts'
import { isMadeOf } from '../../volumes/origin.ts'
import { answerErrors, MethodError } from '../transport/answers.ts'
import { bodyIn, queryOf } from '../transport/request.ts'
import { allowance } from './allowance.ts'
import type { Asked, ContainerApiParts } from './asked.ts'
import { closing, createOrder } from './order.ts'
import { secretEnvironmentOf, secretMountsOf } from './secrets-of-container.ts'

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

function tooMany(): SecretboxError {
  return new SecretboxError('too_many', 'this container asks too often', {
    hint: `keep what was answered; the next is answered in ${allowance.refillMs / 1000} seconds`
  })
}
