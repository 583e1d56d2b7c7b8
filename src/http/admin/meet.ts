import type { Request, RequestHandler } from 'express'
import { asks } from '../../api/asks.ts'
import type { BoxName } from '../../base/names.ts'
import { isOrdinary, type Caller } from '../../vault/access/authority.ts'
import type { Gate } from '../../vault/action/gate.ts'
import { discardBody } from '../transport/body.ts'

/**
 * Throws `denied`, before anything of a request is read but its head, to who can be allowed nothing that it may ask for; `box`
 * is the one that the URL names.
 */
export type Meet = (request: Request, operation: keyof typeof asks, box: BoxName | null) => Promise<void>

export function createMeet(gate: Pick<Gate, 'refuseHopeless'>, callerOf: (request: Request) => Caller): Meet {
  return (request, operation, box) => gate.refuseHopeless(callerOf(request), asks[operation], box)
}

/** As much of a body as is read of who is not root and was answered already; what then still comes is cut off. */
const mostUnreadBytes = 16 << 20

/** Reads what nobody has read of bodies by the time that they are answered: nobody keeps the daemon at that as long as they like. */
export function endBodies(callerOf: (request: Request) => Caller): RequestHandler {
  return (request, response, next) => {
    const most = isOrdinary(callerOf(request)) ? mostUnreadBytes : Infinity
    response.once('finish', () => discardBody(request, most))
    next()
  }
}
