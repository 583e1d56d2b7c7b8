import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A docker client that only notes how it is called, and an Engine that only knows images; both go with the test. */
export interface StandIns {
  /** The environment in which the program finds both, and no other docker. */
  readonly env: NodeJS.ProcessEnv
  /** The calls of docker, in their order, each as its arguments. */
  readonly calls: () => Promise<string[][]>
}

/** What the Engine says besides: of itself, and of the volumes of each image. */
export interface Said {
  readonly info?: Readonly<Record<string, unknown>>
  readonly volumes?: Readonly<Record<string, readonly string[]>>
}

/**
 * `script` is what docker does after noting its arguments, as shell lines that see them. `images` maps the names of
 * the images that the Engine has to their labels.
 */
export async function standIns(
  script = 'exit 0',
  images: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
  { info = {}, volumes = {} }: Said = {}
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

  const engine = createServer((request, response) => {
    if (request.url === '/info') {
      response.end(JSON.stringify(info))
      return
    }
    const name = decodeURIComponent(/^\/images\/(.*)\/json$/.exec(request.url ?? '')?.[1] ?? '')
    const labels = images[name]
    response.statusCode = labels === undefined ? 404 : 200
    const ofImage = Object.fromEntries((volumes[name] ?? []).map(path => [path, {}]))
    response.end(JSON.stringify({ Config: { Labels: labels, Volumes: ofImage } }))
  })
  await new Promise<void>(resolve => engine.listen(socket, resolve))
  onTestFinished(async () => {
    await new Promise(resolve => engine.close(resolve))
    await rm(directory, { recursive: true })
  })
  return {
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
