import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, json } from 'node:stream/consumers'
import tar from 'tar-stream'
import { onTestFinished } from 'vitest'

/** A docker client that only notes how it is called, and an Engine that only knows images; both go with the test. */
export interface StandIns {
  /** The environment in which the program finds both, and no other docker. */
  readonly env: NodeJS.ProcessEnv
  /** The calls of docker, in their order, each as its arguments. */
  readonly calls: () => Promise<string[][]>
  /** The containers that were made to look into images: what was asked for each, and whether it is there. */
  readonly looks: { readonly asked: unknown; isThere: boolean }[]
  /** What was asked of the Engine about volumes. */
  readonly asked: readonly string[]
}

/** What the Engine says besides: of itself, of the volumes and the user of each image, and of the files that all images have. */
export interface Said {
  readonly info?: Readonly<Record<string, unknown>>
  readonly volumes?: Readonly<Record<string, readonly string[]>>
  readonly users?: Readonly<Record<string, string>>
  /** A text is a file; with `to` it is a symlink, as the Engine has followed it to its end; null is a directory. */
  readonly files?: Readonly<Record<string, string | null | { readonly to: string }>>
  /** What else each image is made for, as the Engine has it. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** By what each image is known exactly. */
  readonly digests?: Readonly<Record<string, { readonly Id: string; readonly RepoDigests: string[] | null }>>
  /** Containers by their names, as the Engine has them. */
  readonly containers?: Readonly<Record<string, unknown>>
  /** Volumes, as the Engine has them. */
  readonly volumesThere?: readonly unknown[]
  /** What a `docker-compose` does, as shell lines; without it there is that of this machine. */
  readonly compose?: string
  /** The status with which the Engine answers who removes a container. */
  readonly removed?: number
}

/**
 * `script` is what docker does after noting its arguments, as shell lines that see them. `images` maps the names of
 * the images that the Engine has to their labels.
 */
export async function standIns(
  script = 'exit 0',
  images: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
  {
    info = {},
    volumes = {},
    users = {},
    files = {},
    config = {},
    containers = {},
    digests = {},
    volumesThere = [],
    compose,
    removed = 204
  }: Said = {}
): Promise<StandIns> {
  const directory = await mkdtemp(join(tmpdir(), 'stand-ins-'))
  const [record, socket, docker] = ['calls', 'engine.sock', 'docker'].map(name => join(directory, name)) as [
    string,
    string,
    string
  ]
  // Each argument ends with a NUL, each call with an empty one.
  const note = `for word do printf '%s\\0' "$word"; done >>${record}; printf '\\0' >>${record}`
  await writeFile(docker, `#!/bin/sh\n${note}\n${script}\n`)
  await chmod(docker, 0o755)
  if (compose !== undefined)
    await writeFile(join(directory, 'docker-compose'), `#!/bin/sh\n${note}\n${compose}\n`, { mode: 0o755 })

  const looks: StandIns['looks'] = []
  const asked: string[] = []
  const engine = createServer((request, response) => {
    const container = /^\/containers\/(.*)\/json$/.exec(request.url ?? '')?.[1]
    if (container !== undefined) {
      response.statusCode = container in containers ? 200 : 404
      response.end(JSON.stringify(containers[container] ?? {}))
      return
    }
    if (request.url?.startsWith('/containers/json') === true) {
      response.end(JSON.stringify(listedIn(containers)))
      return
    }
    if (request.url?.startsWith('/containers/') === true) {
      void answerLook(request, response, looks, { files, removed })
      return
    }
    if (request.url?.startsWith('/volumes') === true) {
      asked.push(decodeURIComponent(request.url))
      response.end(JSON.stringify({ Volumes: volumesThere }))
      return
    }
    if (request.url === '/info') {
      response.end(JSON.stringify(info))
      return
    }
    if (request.url === '/images/json') {
      response.end(JSON.stringify(Object.keys(images).map(tag => ({ RepoTags: [tag, '<none>:<none>'] }))))
      return
    }
    const name = decodeURIComponent(/^\/images\/(.*)\/json$/.exec(request.url ?? '')?.[1] ?? '')
    const labels = images[name]
    response.statusCode = labels === undefined ? 404 : 200
    const ofImage = Object.fromEntries((volumes[name] ?? []).map(path => [path, {}]))
    const own = { Labels: labels, Volumes: ofImage, User: users[name] }
    response.end(JSON.stringify({ Config: { ...own, ...config[name] }, ...digests[name] }))
  })
  await new Promise<void>(resolve => engine.listen(socket, resolve))
  onTestFinished(async () => {
    await new Promise(resolve => engine.close(resolve))
    await rm(directory, { recursive: true })
  })
  return {
    looks,
    asked,
    env: { PATH: `${directory}:/usr/bin:/bin`, DOCKER_HOST: `unix://${socket}` },
    async calls() {
      const text = await readFile(record, 'utf8').catch(() => '')
      return text
        .split('\0\0')
        .slice(0, -1)
        .map(call => call.split('\0'))
    }
  }
}

/** As the Engine lists containers, whatever its filters are. */
function listedIn(containers: NonNullable<Said['containers']>): unknown[] {
  return Object.entries(containers).map(([id, container]) => {
    const { Config } = container as { Config?: { Labels?: unknown } }
    return { Id: id, Labels: Config?.Labels ?? null }
  })
}

/** Makes, shows and removes containers as the Engine does (moby, api/server/router/container/copy.go). */
async function answerLook(
  request: IncomingMessage,
  response: ServerResponse,
  looks: StandIns['looks'],
  { files, removed }: { files: NonNullable<Said['files']>; removed: number }
): Promise<void> {
  const url = new URL(request.url ?? '', 'http://docker')
  if (request.method === 'POST') {
    looks.push({ asked: await json(request), isThere: true })
    response.writeHead(201).end(JSON.stringify({ Id: String(looks.length - 1) }))
    return
  }
  const look = looks[Number(url.pathname.split('/')[2])]
  const path = url.searchParams.get('path') ?? ''
  const found = look?.isThere === true ? files[path] : undefined
  if (request.method === 'DELETE' && look !== undefined) look.isThere = false
  if (found === undefined) {
    response.writeHead(request.method === 'DELETE' ? removed : 404).end()
    return
  }
  const stat =
    found === null
      ? { mode: 0x8000_01ed, linkTarget: '' }
      : typeof found === 'string'
        ? { mode: 0o644, linkTarget: '' }
        : { mode: 0x0800_01ff, linkTarget: found.to }
  const header = Buffer.from(JSON.stringify({ name: path, size: 1, ...stat })).toString('base64')
  response.writeHead(200, { 'X-Docker-Container-Path-Stat': header })
  const pack = tar.pack()
  if (typeof found === 'string') pack.entry({ name: path.slice(path.lastIndexOf('/') + 1) }, found)
  pack.finalize()
  response.end(request.method === 'HEAD' ? undefined : await buffer(pack))
}
