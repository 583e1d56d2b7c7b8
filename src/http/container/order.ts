import type { Request, Response } from 'express'
import type { Socket } from 'node:net'

/** In which order answers go out over one connection. */
export function createOrder(): {
  came(request: Request, response: Response): void
  /** Resolves when what was asked before over the same connection is answered: that answer goes out first. */
  before(request: Request): Promise<void> | undefined
} {
  const newest = new WeakMap<Socket, Promise<void>>()
  const before = new WeakMap<Request, Promise<void>>()
  return {
    came(request, response) {
      const last = newest.get(request.socket)
      if (last !== undefined) before.set(request, last)
      newest.set(request.socket, closing(response))
    },
    before: request => before.get(request)
  }
}

/** Resolves when an answer has left, or nobody waits for it any more. */
export function closing(response: Response): Promise<void> {
  return new Promise(resolve => {
    if (response.closed) resolve()
    else response.once('close', resolve)
  })
}
