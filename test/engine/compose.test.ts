import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { eventually } from '../kit/eventually.ts'
import { runCommand, tryCommand, type Finished } from '../kit/engine/command.ts'
import { testImage } from '../kit/engine/image.ts'
import { freshName, liveCopies, makeBox, sharedEngine } from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()
const exampleFile = new URL('../../docs/examples/compose-users.yaml', import.meta.url).pathname
const example = await readFile(exampleFile, 'utf8')

afterEach(async () => {
  expect(await liveCopies(engine)).toEqual([])
})

/** A project of docker-compose. */
interface Project {
  readonly name: string
  /** Runs docker-compose; throws unless it exits with 0. */
  readonly compose: (...args: string[]) => Promise<string>
  readonly tryCompose: (...args: string[]) => Promise<Finished>
  /** The lines that a service has written. */
  readonly said: (service: string) => Promise<string[]>
}

/** Makes a project of compose files, of which a later one adds to the earlier. */
function projectOf(...files: string[]): Project {
  const name = freshName('project').replace('-', '')
  const words = ['--no-ansi', '--project-name', name, ...files.flatMap(file => ['--file', file])]
  const compose = (...args: string[]): Promise<string> =>
    runCommand('docker-compose', [...words, ...args], { env: engine.env })
  return {
    name,
    compose,
    tryCompose: (...args) => tryCommand('docker-compose', [...words, ...args], { env: engine.env }),
    async said(service) {
      const [, ...lines] = (await compose('logs', '--no-color', '--no-log-prefix', service)).split('\n')
      return lines.filter(Boolean)
    }
  }
}

/** A compose file of one's own. */
async function composeFile(contents: object): Promise<string> {
  const directory = join(engine.root, freshName('compose'))
  await mkdir(directory)
  await writeFile(join(directory, 'compose.yaml'), stringify(contents))
  return join(directory, 'compose.yaml')
}

/** A service that runs a script, without the network that a private Engine lacks. */
const running = (script: string): object => ({ network_mode: 'none', command: ['sh', '-c', script] })

test('the example with two users gives each service its part of the box, by short and long syntax', async () => {
  // What is added to the example: images of these names, and something that its services do.
  for (const name of ['api', 'worker', 'proxy']) await engine.docker(['tag', testImage, `example/${name}`])
  const show = (directory: string): object =>
    running(`cd ${directory}
      for f in $$(find . -type f | sort); do stat -c "%n %u:%g %a" $$f; cat $$f; echo; done
      touch x 2>&1`)
  const added = await composeFile({
    services: {
      api: show('/run/vault/app'),
      worker: show('/run/vault/app'),
      proxy: show('/etc/proxy/tls')
    }
  })
  await makeBox(engine, 'app', { key: 'api-key', 'queue/token': 'queue-token' })
  await makeBox(engine, 'tls', { 'key.pem': 'tls-key' })
  const { name, compose, tryCompose, said } = projectOf(exampleFile, added)

  // What is external is the user's to make, as the example says beside it.
  const missing = await tryCompose('up', '--no-color')
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('tls declared as external, but could not be found')
  const [, command = ''] = /# (docker volume create .*)\n +external: true/.exec(example) ?? []
  expect(await runCommand('sh', ['-c', command], { env: engine.env })).toBe('tls\n')

  await compose('up', '--no-color')
  const refused = 'touch: x: Read-only file system'
  expect(await said('api')).toEqual([
    './key 1000:0 400',
    'api-key',
    './queue/token 1000:0 400',
    'queue-token',
    refused
  ])
  expect(await said('worker')).toEqual(['./token 2000:0 400', 'queue-token', refused])
  expect(await said('proxy')).toEqual(['./key.pem 0:0 600', 'tls-key', refused])

  await compose('down', '--volumes')
  const volumes = await engine.docker(['volume', 'ls', '--quiet'])
  expect(volumes).not.toContain(name)
  expect(volumes).toMatch(/^tls$/m)
  await engine.docker(['volume', 'rm', 'tls'])
  await engine.docker(['vault', 'destroy', 'app', 'tls'])
})

test('a restart by docker-compose gives a service the new version of its box', async () => {
  await makeBox(engine, 'changing', { key: 'first' })
  const { compose, said } = projectOf(
    await composeFile({
      services: {
        one: { image: testImage, volumes: ['secrets:/secrets'], ...running('cat /secrets/key; echo') }
      },
      volumes: { secrets: { driver: 'secretbox:latest', driver_opts: { box: 'changing' } } }
    })
  )
  await compose('up', '--no-color')
  await engine.docker(['vault', 'put', 'changing', 'key'], { input: 'second' })
  await compose('restart')
  await compose('up', '--no-color')
  expect(await said('one')).toEqual(expect.arrayContaining(['first', 'second']))
  await compose('down', '--volumes')
  await engine.docker(['vault', 'destroy', 'changing'])
})

test('a service whose box is missing is not started, and the message names the box', async () => {
  const { tryCompose, compose } = projectOf(
    await composeFile({
      services: { one: { image: testImage, volumes: ['secrets:/secrets'], ...running('true') } },
      volumes: { secrets: { driver: 'secretbox:latest', driver_opts: { box: 'no-such-box' } } }
    })
  )
  const { code, stderr } = await tryCompose('up', '--no-color')
  expect(code).toBe(1)
  expect(stderr).toContain('no such box "no-such-box"')
  await compose('down', '--volumes')
})

test('docker vault compose gives a service the file of a box as its secret, and leaves its files as they are', async () => {
  const canary = `canary-${freshName('x')}`
  await makeBox(engine, 'dbpw', { dbpw: canary })
  const file = await composeFile({
    services: {
      one: {
        image: testImage,
        user: '1200:1300',
        secrets: ['dbpw'],
        ...running('stat -c "%u:%g %a %n" /run/secrets/*; sha256sum </run/secrets/dbpw')
      }
    },
    secrets: { dbpw: { external: true } }
  })
  const before = await readFile(file, 'utf8')
  const { name, said } = projectOf(file)
  const words = ['vault', 'compose', '--no-ansi', '--project-name', name, '--file', file]
  await engine.docker([...words, 'up', '--no-color'])
  const digest = createHash('sha256').update(canary).digest('hex')
  expect(await said('one')).toEqual(['1200:1300 444 /run/secrets/dbpw', `${digest}  -`])
  const [container = ''] = (await engine.docker([...words, 'ps', '--all', '--quiet'])).split('\n')
  expect(await engine.docker(['inspect', container])).not.toContain(canary)
  await engine.docker([...words, 'down', '--volumes'])
  expect(await engine.docker(['volume', 'ls', '--quiet'])).not.toContain(name)
  expect(await readFile(file, 'utf8')).toBe(before)
  await engine.docker(['vault', 'destroy', 'dbpw'])
})

test('x-vault-env gives a service variables, its check too, and up makes it again when they changed', async () => {
  const canary = `canary-${freshName('x')}`
  await makeBox(engine, 'vars', { '.env': `PASSWORD=${canary}\n` })
  const base = await composeFile({
    services: {
      one: {
        image: testImage,
        user: '1200',
        entrypoint: 'sh -c',
        healthcheck: { test: ['CMD', 'sh', '-c', 'test -n "$$PASSWORD"'], interval: '1s' },
        ...running('')
      }
    }
  })
  const file = await composeFile({
    services: { one: { 'x-vault-env': 'vars', command: ['echo $$PASSWORD | sha256sum; exec sleep 86400'] } }
  })
  const { name, said } = projectOf(base, file)
  const words = ['vault', 'compose', '--no-ansi', '--project-name', name, '--file', base, '--file', file]
  const compose = (...more: string[]): Promise<string> => engine.docker([...words, ...more])
  await compose('up', '--detach', '--no-color')
  const digest = (text: string): string => `${createHash('sha256').update(`${text}\n`).digest('hex')}  -`
  const idOf = async (): Promise<string> => (await compose('ps', '--quiet')).trim()
  const first = await idOf()
  expect(await eventually(async () => ((await said('one')).length > 0 ? said('one') : null))).toEqual([
    digest(canary)
  ])
  const health = (): Promise<string> =>
    engine.docker(['inspect', '--format', '{{.State.Health.Status}}', first])
  expect(await eventually(async () => ((await health()) === 'starting\n' ? null : health()))).toBe(
    'healthy\n'
  )
  expect(await engine.docker(['vault', 'exec', first, 'sh', '-c', 'echo $PASSWORD'])).toBe(`${canary}\n`)
  expect(await engine.docker(['inspect', first])).not.toContain(canary)
  await compose('up', '--detach', '--no-color')
  expect(await idOf()).toBe(first)
  expect(await engine.docker(['vault', 'stale', '--quiet', '--no-trunc'])).not.toContain(first)

  await makeBox(engine, 'vars-2', { '.env': `PASSWORD=${canary}-2\n` })
  await engine.docker(['vault', 'cp', 'vars-2:.env', 'vars:.env'])
  expect(await engine.docker(['vault', 'stale', '--quiet', '--no-trunc'])).toContain(first)
  await compose('up', '--detach', '--no-color')
  expect(await idOf()).not.toBe(first)
  expect(await engine.docker(['vault', 'exec', await idOf(), 'sh', '-c', 'echo $PASSWORD'])).toBe(
    `${canary}-2\n`
  )
  // Another user is another volume, at the same place.
  const again = await readFile(file, 'utf8')
  await writeFile(file, again.replace('    x-vault-env: vars', '    user: "1300"\n    x-vault-env: vars'))
  await compose('up', '--detach', '--no-color')
  expect(await engine.docker(['vault', 'exec', await idOf(), 'sh', '-c', 'echo $(id -u) $PASSWORD'])).toBe(
    `1300 ${canary}-2\n`
  )
  // Without the box, what is there can still be taken away.
  await engine.docker(['vault', 'destroy', '--force', 'vars', 'vars-2'])
  await compose('down', '--volumes', '--timeout', '1')
  expect(await engine.docker(['volume', 'ls', '--quiet'])).not.toContain(name)
})

test('docs/inject.md shows the example as it is', async () => {
  const text = await readFile(new URL('../../docs/inject.md', import.meta.url), 'utf8')
  expect(text).toContain(`\`\`\`yaml\n${example}\`\`\`\n`)
})
