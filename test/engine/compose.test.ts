import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { eventually } from '../kit/eventually.ts'
import { askJson } from '../kit/engine/admin.ts'
import { callEngine } from '../kit/engine/call-engine.ts'
import { runCommand, tryCommand, type Finished } from '../kit/engine/command.ts'
import { testImage } from '../kit/engine/image.ts'
import { freshName, liveCopies, makeBox, putFiles, sharedEngine } from '../kit/engine/shared-engine.ts'

/*
 * What only a real compose shows: that it does with volumes, secrets and variables what is meant. docker-compose 1.29 takes a
 * second of a processor for each command: what we make of a project is looked at in test/cli/compose.test.ts.
 */

const engine = sharedEngine()
const exampleFile = new URL('../../docs/examples/compose-users.yaml', import.meta.url).pathname
const example = await readFile(exampleFile, 'utf8')

afterEach(async () => {
  expect(await liveCopies(engine)).toEqual([])
})

/** A project of compose files, of which a later one adds to the earlier; what it runs is `docker-compose`, or `docker vault compose`. */
interface Project {
  readonly name: string
  /** Throws unless compose exits with 0. */
  readonly compose: (...args: string[]) => Promise<void>
  readonly tryCompose: (...args: string[]) => Promise<Finished>
  /** The IDs of a service's containers. */
  readonly idsOf: (service: string) => Promise<string[]>
  /** The ID of the only one. */
  readonly idOf: (service: string) => Promise<string>
  /** The lines that a service has written, in all its starts. */
  readonly said: (service: string) => Promise<string[]>
}

function projectOf(program: 'docker-compose' | 'docker vault compose', ...files: string[]): Project {
  const name = freshName('project').replace('-', '')
  const words = ['--no-ansi', '--project-name', name, ...files.flatMap(file => ['--file', file])]
  const tryCompose = (...args: string[]): Promise<Finished> => {
    const [command = '', ...own] = program.split(' ')
    return tryCommand(command, [...own, ...words, ...args], { env: engine.env })
  }
  const idsOf = async (service: string): Promise<string[]> => {
    const label = [`com.docker.compose.project=${name}`, `com.docker.compose.service=${service}`]
    const filters = encodeURIComponent(JSON.stringify({ label }))
    const found = await callEngine<{ Id: string }[]>(
      engine,
      'GET',
      `/containers/json?all=1&filters=${filters}`
    )
    return found.map(({ Id }) => Id)
  }
  const idOf = async (service: string): Promise<string> => {
    const [id = '', ...more] = await idsOf(service)
    expect(more).toEqual([])
    return id
  }
  return {
    name,
    tryCompose,
    idsOf,
    idOf,
    async compose(...args) {
      const { code, stdout, stderr } = await tryCompose(...args)
      if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}: ${stderr || stdout}`)
    },
    async said(service) {
      return (await engine.docker(['logs', await idOf(service)])).split('\n').filter(Boolean)
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

/** A service without the network that a private Engine lacks, which ends at once when it is to end. */
const quiet = { network_mode: 'none', stop_signal: 'SIGKILL' }
const running = (script: string): object => ({ ...quiet, command: ['sh', '-c', script] })

async function volumes(): Promise<string[]> {
  const found = await callEngine<{ Volumes: { Name: string }[] | null }>(engine, 'GET', '/volumes')
  return (found.Volumes ?? []).map(({ Name }) => Name)
}

test('the example with two users gives each service its part of the box, and another version at a restart', async () => {
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
  const { name, compose, idOf, said } = projectOf('docker-compose', exampleFile, added)
  // What is external is the user's to make, as the example says beside it.
  const [, command = ''] = /# (docker volume create .*)\n +external: true/.exec(example) ?? []
  expect(await runCommand('sh', ['-c', command], { env: engine.env })).toBe('tls\n')

  await compose('up', '--no-color')
  const refused = 'touch: x: Read-only file system'
  const ofApi = (key: string): string[] => [
    ...['./key 1000:0 400', key],
    ...['./queue/token 1000:0 400', 'queue-token', refused]
  ]
  expect(await said('api')).toEqual(ofApi('api-key'))
  expect(await said('worker')).toEqual(['./token 2000:0 400', 'queue-token', refused])
  expect(await said('proxy')).toEqual(['./key.pem 0:0 600', 'tls-key', refused])

  await putFiles(engine, 'app', { key: 'second' })
  await compose('restart', 'api')
  await callEngine(engine, 'POST', `/containers/${await idOf('api')}/wait`)
  expect(await said('api')).toEqual([...ofApi('api-key'), ...ofApi('second')])

  await compose('down', '--volumes')
  const left = await volumes()
  expect(left.filter(each => each.includes(name))).toEqual([])
  expect(left).toContain('tls')
  await callEngine(engine, 'DELETE', '/volumes/tls')
  await engine.docker(['vault', 'destroy', 'app', 'tls'])
})

test('a service whose box is missing is not started, and the message names the box', async () => {
  const { tryCompose, idsOf, name } = projectOf(
    'docker-compose',
    await composeFile({
      services: { one: { image: testImage, volumes: ['secrets:/secrets'], ...running('true') } },
      volumes: { secrets: { driver: 'secretbox:latest', driver_opts: { box: 'no-such-box' } } }
    })
  )
  const { code, stderr } = await tryCompose('up', '--no-color')
  expect(code).toBe(1)
  expect(stderr).toContain('no such box "no-such-box"')
  // Which of the two were made before depends on the compose.
  for (const id of await idsOf('one')) await callEngine(engine, 'DELETE', `/containers/${id}?force=1`)
  for (const volume of (await volumes()).filter(each => each.startsWith(name)))
    await callEngine(engine, 'DELETE', `/volumes/${volume}`)
})

/** What a container of the project below sees: whose its secrets are, and what is in them and in its variables. */
const look = `stat -c "%u:%g %a %n" /run/secrets/* /etc/tls-key
  grep -H "" /run/secrets/* /etc/tls-key
  echo "PASSWORD=$PASSWORD"`

test('docker vault compose gives services files and variables of boxes, and new ones when they changed', async () => {
  const canary = `canary-${freshName('x')}`
  await makeBox(engine, 'dbpw', { password: `${canary}-file` })
  await makeBox(engine, 'web', { 'certs/key.pem': 'tls-key', other: 'second of its box' })
  await makeBox(engine, 'vars', { '.env': `PASSWORD=${canary}\n` })
  const admin = join(engine.pluginData, 'admin.sock')
  await askJson(admin, 'PUT', '/vault/pg/?type=postgres')
  await putFiles(engine, 'pg', { host: 'h', user: 'u', password: canary })
  const base = await composeFile({
    services: {
      one: {
        image: testImage,
        user: '1200:1300',
        ...quiet,
        entrypoint: 'sh -c',
        healthcheck: { test: ['CMD', 'sh', '-c', 'test -n "$$PASSWORD"'], interval: '1s' },
        // As many as one likes, from several boxes or one, in a directory that the image has or has not.
        secrets: [
          ...['dbpw', 'other', 'pg'],
          { source: 'tls', target: '/etc/tls-key', uid: '7', gid: '1300', mode: 0o440 }
        ]
      },
      two: { image: testImage, ...running('exec sleep 86400'), secrets: ['dbpw'] }
    },
    secrets: {
      dbpw: { external: true },
      other: { 'x-vault': 'web:other' },
      pg: { 'x-vault': 'pg:.pgpass' },
      tls: { 'x-vault': 'web:certs/key.pem' }
    }
  })
  // docker-compose 1.29 drops the key where it merges files.
  const file = await composeFile({
    services: { one: { 'x-vault-env': 'vars', command: ['exec sleep 86400'] }, two: { user: '1400' } }
  })
  const before = await readFile(base, 'utf8')
  const { name, compose, tryCompose, idOf } = projectOf('docker vault compose', base, file)
  const seen = (id: string, script: string): Promise<string> =>
    engine.docker(['vault', 'exec', id, 'sh', '-c', script])
  const shown = (password: string, inFile: string): string =>
    [
      ...['1200:1300 444 /run/secrets/dbpw', '1200:1300 444 /run/secrets/other'],
      ...['1200:1300 444 /run/secrets/pg', '7:1300 440 /etc/tls-key'],
      `/run/secrets/dbpw:${inFile}`,
      '/run/secrets/other:second of its box',
      `/run/secrets/pg:h:5432:*:u:${canary}`,
      '/etc/tls-key:tls-key',
      `PASSWORD=${password}\n`
    ].join('\n')

  await compose('up', '--detach', '--no-color')
  const [one, two] = [await idOf('one'), await idOf('two')]
  expect(await seen(one, look)).toBe(shown(canary, `${canary}-file`))
  expect(await seen(two, 'stat -c "%u:%g %a" /run/secrets/dbpw')).toBe('1400:0 444\n')
  expect(await tryCompose('exec', '-T', 'two', 'cat', '/run/secrets/dbpw')).toMatchObject({
    code: 0,
    stdout: `${canary}-file`
  })
  const { State } = (await eventually(async () => {
    const found = await callEngine<{ State: { Health: { Status: string } } }>(
      engine,
      'GET',
      `/containers/${one}/json`
    )
    expect(JSON.stringify(found)).not.toContain(canary)
    return found.State.Health.Status === 'starting' ? null : found
  })) ?? { State: null }
  expect(State?.Health.Status).toBe('healthy')
  const stale = (): Promise<string> => engine.docker(['vault', 'stale', '--quiet', '--no-trunc'])
  expect(await stale()).not.toContain(one)
  await compose('up', '--detach', '--no-color')
  expect([await idOf('one'), await idOf('two')]).toEqual([one, two])

  // One has other secrets; two has another user, which is another volume, at the same place.
  await putFiles(engine, 'vars', { '.env': `PASSWORD=${canary}-2\n` })
  await putFiles(engine, 'web', { 'certs/key.pem': 'tls-key' })
  expect(await stale()).toContain(one)
  const again = await readFile(file, 'utf8')
  await writeFile(file, again.replace('"1400"', '"1500"'))
  await compose('up', '--detach', '--no-color')
  const after = [await idOf('one'), await idOf('two')] as const
  expect(after).not.toContain(one)
  expect(await seen(after[0], look)).toBe(shown(`${canary}-2`, `${canary}-file`))
  expect(await seen(after[1], 'stat -c "%u:%g %a" /run/secrets/dbpw')).toBe('1500:0 444\n')

  // Without the boxes, what is there can still be taken away.
  await engine.docker(['vault', 'destroy', '--force', 'vars', 'dbpw', 'web', 'pg'])
  await compose('down', '--volumes', '--timeout', '0')
  expect((await volumes()).filter(each => each.includes(name))).toEqual([])
  expect(await readFile(base, 'utf8')).toBe(before)
})
