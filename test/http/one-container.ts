import { createServer } from 'node:http'

/** The ID of the container. */
export const container = 'c0'.repeat(32)

/** What an Engine says that knows of one container: `container`, of the volume. */
export const said = {
  pid: 0,
  volume: 'db',
  /** Where it has other volumes. */
  beside: {} as Record<string, string>,
  /** Where it has a tmpfs, as of --tmpfs. */
  tmpfs: [] as string[],
  labels: {} as Record<string, string>,
  imageLabels: {} as Record<string, string> | null,
  answers: true
}
/** That Engine, for the daemon to ask. */
export const engine = createServer(({ url = '' }, response) => {
  const [path] = url.split('?')
  const places = { [said.volume]: '/run/vault/db', ...said.beside }
  const mounts = Object.entries(places).map(([Name, Destination]) => ({ Type: 'volume', Name, Destination }))
  const answers: Record<string, unknown> = {
    '/containers/json': [
      { Id: container, Names: ['/web-1'], Image: 'web:2', State: 'running', Mounts: mounts }
    ],
    [`/containers/${container}/json`]: {
      ...{ Id: container, Name: '/web-1', Image: `sha256:${'1'.repeat(64)}`, Mounts: mounts },
      State: { Running: true, Pid: said.pid },
      Config: { Image: 'web:2', Labels: said.labels },
      HostConfig: { Tmpfs: Object.fromEntries(said.tmpfs.map(path => [path, ''])) }
    },
    [`/images/sha256:${'1'.repeat(64)}/json`]: said.imageLabels && { Config: { Labels: said.imageLabels } }
  }
  const answer = said.answers ? answers[decodeURIComponent(path ?? '')] : null
  response.statusCode = (answer ?? null) === null ? 404 : 200
  response.end(JSON.stringify(answer ?? { message: 'no such thing' }))
})
