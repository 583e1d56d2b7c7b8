import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from './temporary.ts'

/** A container as the stand-in tells of it. Change it, and the next answer is different. */
export interface StandInContainer {
  name: string
  image: string
  /** `sha256:…` */
  imageId: string
  labels: Record<string, string>
  /** For which platform its image is, where the Engine has images of several. */
  platform?: Readonly<Record<string, string>>
  state: string
  /** Its first process, while it runs. */
  pid?: number
  /** Whether it is just starting: then nothing is answered about it until the question is taken back. */
  isLocked: boolean
  /** Names of volumes, all of the driver secretbox. */
  volumes: string[]
  restartPolicy: string
  /** Options that were given for a volume (`volume-opt`); a volume without a name is at `/secrets`. */
  givenOptions: { volume: string; options: Record<string, string> | null }[]
  /** What the Engine noted about its last start. */
  error: string
  /** Answers a start, after which the container runs if that is 204. */
  onStart: () => Answer | Promise<Answer>
}

/** A status, or one with the Engine's own words. */
export type Answer = number | { readonly status: number; readonly message: string }

/** What registries call an image, and its labels. */
export interface StandInImage {
  readonly repoDigests?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
}

/** Something that speaks the Engine's API as far as the daemon asks it. */
export interface StandInEngine {
  readonly socket: string
  readonly containers: Map<string, StandInContainer>
  /** The names of containers that were to be started, in order. */
  readonly starts: string[]
  /** The names of those that were killed, in order. */
  readonly kills: string[]
  /** How many of the next requests to kill are answered with an error. */
  killFailures: number
  /** What is said of an image, by its ID, or by that and a platform: `sha256:… {"os":"linux"}`; null: there is none. */
  readonly images: Map<string, StandInImage | null>
  /** What was asked, in order: `GET /containers/json`. */
  readonly asked: string[]
  /** Answers the request to remove a volume. Nobody has any volume at first. */
  onRemove: (volume: string) => Answer | Promise<Answer>
  /** Ends the event streams, as an Engine does that ends; how many there were. */
  breakStreams(): number
  /** Resolves when the daemon follows events. */
  followed(): Promise<void>
  tell(action: 'start' | 'die' | 'destroy', id: string, attributes?: Readonly<Record<string, string>>): void
  /** Tells that a copy of the volume was mounted for a container, just now unless it says when. */
  tellMounted(volume: string, id: string, atMs?: number): void
  /** Ends it, as the end of the test does. */
  end(): Promise<void>
}

/** The ID of the image that containers have unless they are given another. */
export const busyboxId = `sha256:${'b'.repeat(64)}`

/** Adds a container that does not run, of the volume with the same name; `changes` make it another. */
export function addContainer(
  { containers }: StandInEngine,
  name: string,
  changes: Partial<StandInContainer> = {}
): string {
  const id = Buffer.from(name).toString('hex').padEnd(64, '0')
  const usual = {
    name,
    ...{ image: 'busybox', imageId: busyboxId, labels: {}, isLocked: false },
    state: 'exited',
    volumes: [name],
    restartPolicy: 'always',
    givenOptions: [],
    error: ''
  }
  containers.set(id, { ...usual, onStart: () => 204, ...changes })
  return id
}

/** Serves until the test ends. `place`: where its socket is to be. */
export async function standInEngine(
  place = join(temporaryDirectory(), 'docker.sock')
): Promise<StandInEngine> {
  const containers: StandInEngine['containers'] = new Map()
  const [starts, kills, asked]: [string[], string[], string[]] = [[], [], []]
  const images: StandInEngine['images'] = new Map()
  const streams = new Set<ServerResponse>()
  let onFollowed: () => void = () => undefined

  const answerTo = (method: string, url: URL, response: ServerResponse): void => {
    const path = url.pathname
    const send = (status: number, body?: unknown): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(body === undefined ? undefined : JSON.stringify(body))
    }
    const answer = (given: Answer): void => {
      const { status, message } = typeof given === 'number' ? { status: given, message: 'not now' } : given
      send(status, status === 204 ? undefined : { message })
    }
    asked.push(`${method} ${path}`)
    if (path === '/events') {
      streams.add(response.writeHead(200))
      response.flushHeaders()
      response.once('close', () => streams.delete(response))
      onFollowed()
      return
    }
    if (path === '/containers/json') {
      send(
        200,
        [...containers].map(([id, one]) => listed(id, one))
      )
      return
    }
    const [, kind, id = '', action] = path.split('/')
    if (kind === 'images') {
      const platform = url.searchParams.get('platform')
      const key = decodeURIComponent(id) + (platform === null ? '' : ` ${platform}`)
      const { repoDigests = null, labels = null } = images.get(key) ?? {}
      if (images.get(key) === null) send(404, { message: `No such image: ${id}` })
      else send(200, { Id: id, RepoDigests: repoDigests, Config: { Labels: labels } })
      return
    }
    if (kind === 'volumes' && method === 'DELETE') {
      void Promise.resolve(standIn.onRemove(id)).then(answer)
      return
    }
    const container = containers.get(id)
    if (container === undefined) send(404, { message: `No such container: ${id}` })
    else if (method === 'GET') {
      if (!container.isLocked) send(200, inspected(id, container))
    } else if (action === 'kill' && standIn.killFailures > 0) {
      standIn.killFailures--
      answer(500)
    } else if (action === 'kill') {
      kills.push(container.name)
      const isRunning = container.state === 'running'
      container.state = 'exited'
      answer(isRunning ? 204 : 409)
    } else if (action === 'start') {
      starts.push(container.name)
      void Promise.resolve(container.onStart()).then(given => {
        if (given === 204) Object.assign(container, { state: 'running', error: '' })
        answer(given)
      })
    }
  }

  const tell = (event: object): void => {
    for (const stream of streams) stream.write(`${JSON.stringify(event)}\n`)
  }

  const server: Server = createServer(({ method = '', url = '' }, response) =>
    answerTo(method, new URL(url, 'http://docker'), response)
  )
  rmSync(place, { force: true })
  server.listen(place)
  await once(server, 'listening')
  const end = async (): Promise<void> => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  onTestFinished(async () => {
    if (server.listening) await end()
  })
  const standIn: StandInEngine = {
    end,
    socket: place,
    onRemove: volume => noSuchVolume(volume),
    containers,
    killFailures: 0,
    ...{ starts, kills, images, asked },
    breakStreams() {
      const open = [...streams]
      streams.clear()
      for (const stream of open) stream.destroy()
      return open.length
    },
    followed: () =>
      new Promise(resolve => {
        onFollowed = resolve
        if (streams.size > 0) resolve()
      }),
    tell: (action, id, attributes = {}) =>
      tell({ Type: 'container', Action: action, Actor: { ID: id, Attributes: attributes } }),
    tellMounted: (volume, container, atMs = Date.now()) =>
      tell({
        ...{ Type: 'volume', Action: 'mount', Actor: { ID: volume, Attributes: { container } } },
        timeNano: atMs * 1e6
      })
  }
  return standIn
}

/** What Engines 20.10.24, 26.1.5 and 28.5.2 answer to the removal of a volume that they do not see. */
export function noSuchVolume(volume: string): Answer {
  return { status: 404, message: `get ${volume}: no such volume` }
}

/** What they answer while a container has the volume. */
export function volumeInUse(volume: string): Answer {
  return { status: 409, message: `remove ${volume}: volume is in use - [${'0'.repeat(64)}]` }
}

/** What they answer while the volume's plugin is disabled, or is just being enabled. */
export function pluginDisabled(volume: string): Answer {
  const driver = 'secretbox:latest'
  return {
    status: 409,
    message: `get ${volume}: error while checking if volume "${volume}" exists in driver "${driver}": error looking up volume plugin ${driver}: plugin ${driver} found but disabled`
  }
}

function listed(id: string, container: StandInContainer): object {
  const { name, image, imageId, labels, state, volumes, platform } = container
  return {
    ...(platform === undefined ? {} : { ImageManifestDescriptor: { digest: imageId, platform } }),
    ...{ Id: id, Names: [`/web/${name}`, `/${name}`], Image: image, ImageID: imageId },
    ...{ State: state, Labels: labels, Mounts: volumes.map(mountOf) }
  }
}

function inspected(
  id: string,
  { name, image, imageId, labels, state, pid, error, restartPolicy, volumes, givenOptions }: StandInContainer
): object {
  const given = givenOptions.map(({ volume, options }) => ({
    ...{ Type: 'volume', Source: volume, Target: '/secrets' },
    VolumeOptions: options === null ? null : { DriverConfig: { Name: 'secretbox', Options: options } }
  }))
  return {
    ...{ Id: id, Name: `/${name}`, Image: imageId, Config: { Image: image, Labels: labels } },
    State: { Running: state === 'running', Pid: pid ?? 0, Error: error },
    HostConfig: { RestartPolicy: { Name: restartPolicy }, Mounts: given },
    Mounts: volumes.map(mountOf)
  }
}

function mountOf(name: string): object {
  return { Type: 'volume', Name: name, Driver: 'secretbox:latest', Destination: '/secrets' }
}
