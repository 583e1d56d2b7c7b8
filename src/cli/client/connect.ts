import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { isSecretboxError, SecretboxError } from '../../base/errors.ts'
import type { BoxName, FilePath } from '../../base/names.ts'
import type { AuditLine, BoxSummary, BoxVersion, Finding, VolumeUse } from '../../api/answers.ts'
import type { Api } from './api.ts'
import { exchange, readAll, refusalOf, type Request } from './http.ts'
import type { AdminSocket } from './socket.ts'

// Listings are text about files, not files: the daemon's own limit of entries keeps them far below this.
const maxAnswerBytes = 256 * 1024 * 1024

/**
 * Speaks with the daemon at the socket that `findSocket` finds; it is asked at the first call, once. `purpose`: what for,
 * when nobody asked for what is read, as when a shell completes names.
 */
export function connectApi(findSocket: () => Promise<AdminSocket>, purpose?: 'completion'): Api {
  let found: Promise<AdminSocket> | undefined

  async function send(request: Request): Promise<IncomingMessage> {
    found ??= findSocket()
    const { path: socketPath, hint } = await found
    const server = { name: 'the secretbox daemon', socketPath, hint }
    const headers = { ...request.headers, ...(purpose === undefined ? {} : { 'Secretbox-Purpose': purpose }) }
    return exchange(server, { ...request, headers, path: apiVersion + request.path })
  }
  async function ask(request: Request): Promise<IncomingMessage> {
    const answer = await send(request)
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

  async function versions(box: BoxName): Promise<readonly BoxVersion[]> {
    const path = `/versions/${encodeURIComponent(box)}/`
    return (await askJson<{ versions: BoxVersion[] }>({ method: 'GET', path })).versions
  }

  async function boxesAndDamaged(): Promise<{ boxes: BoxSummary[]; damaged: string[] }> {
    const path = '/vault/'
    return {
      damaged: [],
      ...(await askJson<{ boxes: BoxSummary[]; damaged?: string[] }>({ method: 'GET', path }))
    }
  }

  return {
    boxes: async () => (await boxesAndDamaged()).boxes,
    boxesAndDamaged,
    createBox: box => askJson({ method: 'PUT', path: boxUrl(box) }),
    destroyBox: async (box, { evenIfUsed = false, ifVersion }) => {
      const path = boxUrl(box) + query(evenIfUsed ? { force: 1 } : {})
      await askJson({ method: 'DELETE', path, headers: ifMatch(ifVersion) })
    },
    renameBox: (box, to) => sendJson('PATCH', boxUrl(box), { rename: to }),
    box: (box, version) => askJson({ method: 'GET', path: boxUrl(box) + query({ version }) }),
    boxWithDigests: (box, version) =>
      askJson({ method: 'GET', path: boxUrl(box) + query({ version, digests: 1 }) }),
    versions,
    async kindAt(box, path, version) {
      const url = fileUrl(box, path) + query({ version })
      for (const [kind, type] of Object.entries(typeOf)) {
        const answer = await send({ method: 'HEAD', path: url, headers: { Accept: type } })
        answer.resume()
        if (answer.statusCode === 200 && (kind !== 'file' || path !== '')) {
          return { kind: kind as 'file' | 'directory', version: versionOf(answer) }
        }
      }
      // HEAD does not say why not.
      try {
        throw await refusalOf(await send({ method: 'GET', path: url, headers: { Accept: typeOf.file } }))
      } catch (error) {
        if (!isSecretboxError(error, 'not_found')) throw error
        await versions(box)
        return null
      }
    },
    addTree: ({ box, path }, tar) =>
      askJson({
        method: 'PUT',
        path: boxUrl(box) + query({ in: path === '' ? undefined : path }),
        headers: { 'Content-Type': typeOf.directory },
        body: tar
      }),
    remove: (box, items) => sendJson('PATCH', boxUrl(box), { remove: items }),
    putFile(box, path, body, { mode, ifVersion } = {}) {
      const headers = { 'Content-Type': typeOf.file, ...ifMatch(ifVersion) }
      return askJson({ method: 'PUT', path: fileUrl(box, path) + query({ mode }), headers, body })
    },
    async read(box, path, { tree = false, version } = {}) {
      const headers = { Accept: tree ? typeOf.directory : typeOf.file }
      const answer = await ask({ method: 'GET', path: fileUrl(box, path) + query({ version }), headers })
      const tar = answer.headers['content-type'] === typeOf.directory
      const length = answer.headers['content-length']
      return {
        version: versionOf(answer),
        tar,
        bytes: tar || length === undefined ? null : Number(length),
        body: whole(answer, `${box}:${path}`)
      }
    },
    rollback: (box, version) => sendJson('PATCH', boxUrl(box), { rollback: version }),
    volumes: async () =>
      (await askJson<{ volumes: VolumeUse[] }>({ method: 'GET', path: '/volumes/' })).volumes,
    unused: all => askJson({ method: 'GET', path: `/unused${all ? '?all=1' : ''}` }),
    prune: (volumes, boxes) => sendJson('POST', '/prune', { volumes, boxes }),
    reconcile: async apply =>
      (
        await askJson<{ actions: Finding[] }>({
          method: 'POST',
          path: `/reconcile${apply ? '?apply=1' : ''}`
        })
      ).actions,
    async *audit({ follow, ...filters }) {
      const given = { ...filters, ...(follow === true ? { follow: 1 } : {}) }
      const headers = { Accept: 'application/x-ndjson' }
      const answer = await ask({ method: 'GET', path: `/audit${query(given)}`, headers })
      for await (const line of linesOf(whole(answer, 'the audit'))) yield JSON.parse(line) as AuditLine
    },
    status: () => askJson({ method: 'GET', path: '/status' })
  }
}

/** Of the daemon's API, docs/openapi.yaml. */
const apiVersion = '/v1'
// How contents travel: a file as it is, a directory as tar.
const typeOf = { file: 'application/octet-stream', directory: 'application/x-tar' } as const

function boxUrl(box: BoxName): string {
  return `/vault/${encodeURIComponent(box)}/`
}

function fileUrl(box: BoxName, path: FilePath): string {
  return boxUrl(box) + path.split('/').map(encodeURIComponent).join('/')
}

function ifMatch(version: number | undefined): OutgoingHttpHeaders {
  return version === undefined ? {} : { 'If-Match': `"${version}"` }
}

function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${encodeURIComponent(value)}`
  )
  return given.length === 0 ? '' : `?${given.join('&')}`
}

/** The lines of a text, without their ends; the last has one, or is not whole. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
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
