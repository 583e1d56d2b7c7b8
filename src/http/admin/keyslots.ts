import type { Express, Request, RequestHandler, Response } from 'express'
import type { AnswerOf, QueryOf } from '../../api/operation.ts'
import { fileType } from '../../api/media-types.ts'
import { methodsAt, operations } from '../../api/operations.ts'
import { newBytes, Secret } from '../../base/secret.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Keyslots, NewCredential } from '../../vault/keyslots.ts'
import { bodyTooLarge, MethodError } from '../transport/answers.ts'
import { readBody } from '../transport/body.ts'
import { queryOf } from '../transport/request.ts'
import { refuseBody } from './ask.ts'
import type { Meet } from './meet.ts'

/** More than a passphrase, a recovery code or a key file has. */
const maxBytes = 4096

/** `/keyslots`, `/seal` and `/unseal`. */
export function serveKeyslots(
  app: Express,
  meet: Meet,
  keyslots: Keyslots,
  callerOf: (request: Request) => Caller
): void {
  const answering = answeringAfter(meet)
  const tell = async (response: Response, caller: Caller): Promise<void> => {
    const answer: AnswerOf<typeof operations.listKeyslots> = { keyslots: await keyslots.list(caller) }
    response.json(answer)
  }

  refusingOthers(
    app
      .route(operations.listKeyslots.path)
      .get(answering('listKeyslots', (_query, request, response) => tell(response, callerOf(request))))
      .post(
        answering('addKeyslot', ({ name, kind }, request, response) =>
          withNew(request, kind, async wish =>
            give(response.status(201), await keyslots.add(callerOf(request), name, wish))
          )
        )
      )
      .put(
        answering('replaceKeyslot', ({ name, kind }, request, response) =>
          withNew(request, kind, async wish =>
            give(response, await keyslots.replace(callerOf(request), name, wish))
          )
        )
      )
      .delete(
        answering('removeKeyslot', async ({ name }, request, response) => {
          await keyslots.remove(callerOf(request), name)
          await tell(response, callerOf(request))
        })
      ),
    operations.listKeyslots.path
  )
  refusingOthers(
    app.route(operations.testKeyslot.path).post(
      answering('testKeyslot', ({ name, kind }, request, response) =>
        withBody(request, async given => {
          const opens = await keyslots.test(callerOf(request), name, { kind, given })
          response.json({ opens })
        })
      )
    ),
    operations.testKeyslot.path
  )
  serveSealing(app, answering, keyslots, callerOf)
}

type Answering = ReturnType<typeof answeringAfter>

/** `/seal` and `/unseal`. */
function serveSealing(
  app: Express,
  answering: Answering,
  keyslots: Keyslots,
  callerOf: (request: Request) => Caller
): void {
  refusingOthers(
    app.route(operations.seal.path).post(
      answering('seal', async (_query, request, response) => {
        await keyslots.seal(callerOf(request))
        response.json({ sealed: true })
      })
    ),
    operations.seal.path
  )
  refusingOthers(
    app.route(operations.unseal.path).post(
      answering('unseal', ({ name = null, kind }, request, response) =>
        withBody(request, async given => {
          await keyslots.unseal(callerOf(request), { kind, given }, name)
          response.json({ sealed: false })
        })
      )
    ),
    operations.unseal.path
  )
}

/** Answers with what the query says, after `meet`. */
function answeringAfter(meet: Meet) {
  return <N extends keyof typeof operations>(
      name: N,
      answer: (
        query: QueryOf<(typeof operations)[N]>,
        request: Request,
        response: Response
      ) => Promise<unknown>
    ): RequestHandler =>
    async (request, response) => {
      await meet(request, name, null)
      await answer(queryOf(operations[name], request), request, response)
    }
}

function refusingOthers(route: { all(answer: RequestHandler): unknown }, path: string): void {
  route.all(request => {
    throw new MethodError(request, methodsAt(path))
  })
}

/** A passphrase comes with the request; the others are made here. */
async function withNew(
  request: Request,
  kind: NewCredential['kind'],
  use: (wish: NewCredential) => Promise<void>
): Promise<void> {
  if (kind === 'passphrase') {
    await withBody(request, given => use({ kind, given }))
    return
  }
  await refuseBody(request)
  await use({ kind })
}

/** Reads a short body, and zeroes it afterwards. */
async function withBody<T>(request: Request, use: (given: Secret) => Promise<T>): Promise<T> {
  const refusal = bodyTooLarge(maxBytes)
  const given = new Secret(await readBody(request, maxBytes, refusal))
  try {
    return await use(given)
  } finally {
    given.wipe()
  }
}

/** Sends what opens a slot, once; nothing for what the caller knows. */
function give(response: Response, secret: Secret | null): Promise<void> {
  const bytes = newBytes(secret?.length ?? 0)
  if (secret !== null) bytes.set(secret.bytes())
  return new Promise(resolve => {
    response.once('close', () => {
      bytes.fill(0)
      secret?.wipe()
      resolve()
    })
    response.set('Cache-Control', 'no-store').type(fileType).end(bytes)
  })
}
