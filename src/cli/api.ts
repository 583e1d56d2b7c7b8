import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { SecretboxError, type ErrorCode } from '../errors.ts'
import type { BoxName, FilePath } from '../vault/names.ts'
import { exchange, readAll, refusalOf, type Body, type Request } from './http.ts'

/** A box as the list of boxes shows it. Times are RFC 3339, `bytes` the sum of its files. */
export interface BoxSummary {
  readonly name: string
  readonly version: number
  readonly files: number
  readonly bytes: number
  readonly created: string
  readonly changed: string
}

/** One entry of a box; modes are octal text (`0644`). */
export type BoxEntry = { readonly path: string } & (
  | { readonly type: 'file'; readonly mode: string; readonly size: number }
  | { readonly type: 'directory'; readonly mode: string }
  | { readonly type: 'symlink'; readonly target: string }
)

/** One version of a box with all its entries, parents first. */
export interface BoxListing {
  readonly name: string
  readonly id: string
  readonly version: number
  readonly created: string
  readonly changed: string
  readonly bytes: number
  readonly files: readonly BoxEntry[]
}

/** An item that the daemon did not take, of a request whose other items it did. */
export interface ItemError {
  readonly path: string
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
}

/** A change that made a new version, unless nothing of it could be done. */
export interface Change {
  readonly version: number
  /** How many items were done. */
  readonly applied: number
  readonly errors: readonly ItemError[]
}

/** A box's file, or its tree as tar when that was wished and the path is a directory. */
export interface Contents {
  readonly version: number
  readonly tar: boolean
  /** Length of a file; null for a tar. */
  readonly bytes: number | null
  readonly body: AsyncIterable<Buffer>
}

/** The daemon, as the commands use it. Every call throws the daemon's own error, or `OutOfReach`. */
export interface Api {
  boxes(): Promise<readonly BoxSummary[]>
  createBox(box: BoxName): Promise<{ version: number }>
  destroyBox(box: BoxName): Promise<void>
  box(box: BoxName, version?: number): Promise<BoxListing>
  /** Throws `not_found` when there is no such box; reads nothing of it. Answers its newest version. */
  newestVersion(box: BoxName): Promise<number>
  /** Merges a tar into the box as one new version; entries that cannot be kept are named in `errors`. */
  addTree(box: BoxName, tar: Body): Promise<Change>
  remove(box: BoxName, items: readonly { path: string; recursive: boolean }[]): Promise<Change>
  /** `mode` is octal text. With `ifVersion`, throws `precondition` unless that is the box's newest version. */
  putFile(
    box: BoxName,
    path: FilePath,
    body: Body,
    options?: { mode?: string | undefined; ifVersion?: number | undefined }
  ): Promise<Change>
  /** With `tree`, a directory is answered as tar; without, it is an error. */
  read(
    box: BoxName,
    path: FilePath,
    options?: { tree?: boolean; version?: number | undefined }
  ): Promise<Contents>
  status(): Promise<Readonly<Record<string, unknown>>>
}

// Listings are text about files, not files: the daemon's own limit of entries keeps them far below this.
const maxAnswerBytes = 256 * 1024 * 1024

/** Speaks with the daemon at the socket that `findSocket` names; it is asked at the first call, once. */
export function connectApi(findSocket: () => Promise<string>): Api {
  let found: Promise<string> | undefined

  async function ask(request: Request): Promise<IncomingMessage> {
    found ??= findSocket()
    const answer = await exchange(
      { name: 'the secretbox daemon', socketPath: await found, hint: startHint },
      request
    )
    if ((answer.statusCode ?? 500) >= 400) throw await refusalOf(answer)
    return answer
  }
  async function askJson<T>(request: Request): Promise<T> {
    const answer = await ask(request)
    return JSON.parse((await readAll(answer, maxAnswerBytes)).toString()) as T
  }
  const sendJson = <T>(method: 'PATCH' | 'POST', path: string, value: unknown) =>
    askJson<T>({
      method,
      path,
      headers: { 'Content-Type': 'application/json' },
      body: [Buffer.from(JSON.stringify(value))]
    })

  return {
    boxes: async () => (await askJson<{ boxes: BoxSummary[] }>({ method: 'GET', path: '/vault/' })).boxes,
    createBox: box => askJson({ method: 'PUT', path: boxUrl(box) }),
    destroyBox: async box => {
      await askJson({ method: 'DELETE', path: boxUrl(box) })
    },
    box: (box, version) => askJson({ method: 'GET', path: boxUrl(box) + query({ version }) }),
    async newestVersion(box) {
      const { versions } = await askJson<{ versions: { version: number }[] }>({
        method: 'GET',
        path: `/versions/${encodeURIComponent(box)}/`
      })
      return Math.max(0, ...versions.map(each => each.version))
    },
    addTree: (box, tar) =>
      askJson({
        method: 'PUT',
        path: boxUrl(box),
        headers: { 'Content-Type': 'application/x-tar' },
        body: tar
      }),
    remove: (box, items) => sendJson('PATCH', boxUrl(box), { remove: items }),
    putFile(box, path, body, { mode, ifVersion } = {}) {
      const headers: OutgoingHttpHeaders = { 'Content-Type': 'application/octet-stream' }
      if (ifVersion !== undefined) headers['If-Match'] = `"${ifVersion}"`
      return askJson({ method: 'PUT', path: fileUrl(box, path) + query({ mode }), headers, body })
    },
    async read(box, path, { tree = false, version } = {}) {
      const headers = { Accept: tree ? `${tarType}, */*;q=0.5` : 'application/octet-stream' }
      const answer = await ask({ method: 'GET', path: fileUrl(box, path) + query({ version }), headers })
      const tar = answer.headers['content-type'] === tarType
      const length = answer.headers['content-length']
      return {
        version: versionOf(answer),
        tar,
        bytes: tar || length === undefined ? null : Number(length),
        body: whole(answer, `${box}:${path}`)
      }
    },
    status: () => askJson({ method: 'GET', path: '/status' })
  }
}

const startHint = 'is the plugin enabled? see: docker plugin ls; docker plugin enable secretbox'
const tarType = 'application/x-tar'

function boxUrl(box: BoxName): string {
  return `/vault/${encodeURIComponent(box)}/`
}

function fileUrl(box: BoxName, path: FilePath): string {
  return boxUrl(box) + path.split('/').map(encodeURIComponent).join('/')
}

function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${value}`
  )
  return given.length === 0 ? '' : `?${given.join('&')}`
}

function versionOf(answer: IncomingMessage): number {
  return Number(/^"(\d+)"$/.exec(answer.headers.etag ?? '')?.[1])
}

// Node reports a connection that broke in the middle as "aborted"; the user should learn what was cut short.
async function* whole(answer: IncomingMessage, what: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer) yield chunk as Buffer
  } catch (error) {
    throw new SecretboxError('unavailable', `the daemon stopped in the middle of ${JSON.stringify(what)}`, {
      cause: error
    })
  }
}
