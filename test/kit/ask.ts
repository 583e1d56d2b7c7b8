import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:net'

/** A request to a Unix socket; `url` is percent-encoded already. */
export interface Request {
  readonly method: string
  readonly url: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** The answer, read to its end. */
export interface Answer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Asks on a connection of its own, which is made under `uid`: the kernel tells the server that one (SO_PEERCRED). */
export function ask(socketPath: string, request: Request, uid = 0): Promise<Answer> {
  const { method, url, headers = {}, body } = request
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      method,
      path: url,
      headers,
      createConnection() {
        // connect(2) happens inside this call, before anything else has its turn.
        process.seteuid?.(uid)
        try {
          return connect(socketPath)
        } finally {
          process.seteuid?.(0)
        }
      }
    })
    sent.once('error', reject)
    sent.once('response', response => {
      response.toArray().then((pieces: Buffer[]) => {
        const entries = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(entries) as Record<string, string>,
          body: Buffer.concat(pieces)
        })
      }, reject)
    })
    sent.end(body)
  })
}
