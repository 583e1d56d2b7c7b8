import type { Express, Request, RequestHandler } from 'express'
import { jsonType } from '../../api/media-types.ts'
import type { AnswerOf, Operation, QueryOf } from '../../api/operation.ts'
import { methodsAt, operations } from '../../api/operations.ts'
import { isOrdinary, type Caller } from '../../vault/access/authority.ts'
import { MethodError } from '../transport/answers.ts'
import { queryOf, takeJson } from '../transport/request.ts'
import type { Meet } from './meet.ts'

/** How long bodies of JSON may be: of root, of others, and those of a grant, which are short whoever asks. */
export const maxJsonBytes = { ofRoot: 4 << 20, ofOthers: 256 << 10, ofGrants: 64 << 10 } as const

/** What answers a method; HEAD is answered wherever GET is. */
const verbs = { GET: 'get', HEAD: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const

/**
 * Answers an operation. Of one with a body nothing is read before `meet`; one of JSON is read, of at most so many bytes. Methods
 * that none has at its path are refused.
 */
export type Route = (name: keyof typeof operations, answer: RequestHandler, maxBytes?: number) => void

export function routing(app: Express, meet: Meet, callerOf: (request: Request) => Caller): Route {
  return (name, answer, maxBytes) => {
    const { method, path, bodies }: Operation = operations[name]
    const methods = methodsAt(path)
    const at = app.route(path.replace('{box}/', '*path'))
    const answered: RequestHandler = async (request, response, next) => {
      if (Object.keys(bodies).length > 0) await meet(request, name, null)
      if (jsonType in bodies) {
        const most = isOrdinary(callerOf(request)) ? maxJsonBytes.ofOthers : maxJsonBytes.ofRoot
        await takeJson(request, response, maxBytes ?? most)
      }
      await answer(request, response, next)
    }
    at[verbs[method]](answered)
    at.all((request, _response, next) => {
      if (methods.includes(request.method)) next()
      else throw new MethodError(request, methods)
    })
  }
}

/** Answers an operation with JSON and nothing else. */
export type ServeJson = <N extends keyof typeof operations>(
  name: N,
  answer: (
    caller: Caller,
    query: QueryOf<(typeof operations)[N]>,
    request: Request
  ) => Promise<AnswerOf<(typeof operations)[N]>>
) => void

export function servingJson(route: Route, callerOf: (request: Request) => Caller): ServeJson {
  return (name, answer) =>
    route(name, async (request, response) => {
      const query = queryOf(operations[name], request)
      response.json(await answer(callerOf(request), query, request))
    })
}
