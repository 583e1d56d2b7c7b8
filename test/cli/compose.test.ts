import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { boxSecretsIn, placedSecretsIn } from '../../src/cli/compose/box-secrets.ts'
import { dollars } from '../../src/cli/compose/model.ts'
import { mountOfSecret, volumeNameForm, withVolumes } from '../../src/cli/compose/with-volumes.ts'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { standIns, type Said } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, runHere } = useCli()
const canary = 'hunter2-in-no-file-of-compose'

beforeAll(async () => {
  await run(['put', '--create', 'db_password', 'db_password'], { input: canary })
  await run(['put', '--create', 'web', 'certs/key.pem'], { input: canary })
  await run(['put', 'web', 'other'], { input: canary })
  await run(['put', '--create', 'vars', '.env'], { input: 'PASSWORD=hunter2' })
  await run(['create', 'pg', '--type', 'postgres'])
  for (const field of ['host', 'user', 'password']) await run(['set', 'pg', field], { input: 'hunter2' })
})

const external = { db: { external: true } }

test.each<[object, [string, string, string | null][]]>([
  [external, [['db', 'db', null]]],
  [{ db: { external: true, name: 'production' } }, [['db', 'production', null]]],
  [{ db: { external: { name: 'production' } } }, [['db', 'production', null]]],
  [{ tls: { 'x-vault': 'web:certs/a$$b' } }, [['tls', 'web', 'certs/a$b']]],
  [{ tls: { external: true, 'x-vault': 'web' } }, [['tls', 'web', null]]],
  [{ tls: { external: false, file: './x' }, plain: { environment: 'X' } }, []]
])('the secrets %j are files of boxes', (secrets, files) => {
  expect([...boxSecretsIn({ secrets })].map(([name, { box, path }]) => [name, box, path])).toEqual(files)
})

test('an x-vault that is no text is refused', () => {
  expect(() => boxSecretsIn({ secrets: { tls: { 'x-vault': true } } })).toThrow(
    'bad x-vault of secret "tls": it is no text'
  )
})

test.each([
  ['db', { target: '/run/secrets/db', uid: null, gid: null, mode: '0444' }],
  [{ source: 'db' }, { target: '/run/secrets/db', mode: '0444' }],
  [{ source: 'db', target: 'pw' }, { target: '/run/secrets/pw' }],
  [
    { source: 'db', target: '/etc/pw', uid: '103', gid: 104, mode: 288 },
    { target: '/etc/pw', uid: '103', gid: '104', mode: '0440' }
  ],
  [{ source: 'db', mode: '0400' }, { mode: '0400' }]
])('a service that has the secret as %j', (secret, expected) => {
  const model = { secrets: external, services: { web: { secrets: [secret, 'plain'] }, other: {} } }
  expect(placedSecretsIn(model, boxSecretsIn(model))).toMatchObject([
    { service: 'web', secret: 'db', box: 'db', ...expected }
  ])
})

const driver = 'secretbox:latest'
const ofBox = { service: 'web', box: parseBoxName('db'), uid: '0', gid: '0', mode: '0444' }

test('each secret is a volume that is this file, and is there once for all who mount the same', () => {
  const model = {
    name: 'p',
    secrets: { db: {}, pw: {}, plain: { file: '/x' } },
    services: {
      web: { image: 'i', secrets: ['db', { source: 'plain' }], volumes: ['v:/v'] },
      old: { image: 'i', secrets: ['db'] },
      other: { image: 'j', 'x-vault-env': 'a' }
    },
    volumes: { v: {} }
  }
  const file = parseFilePath('deep/fi$le')
  const boxes = [
    mountOfSecret({ ...ofBox, secret: 'db', target: '/run/secrets/a$b', path: file }),
    mountOfSecret({ ...ofBox, secret: 'pw', target: '/run/secrets/pw', path: parseFilePath('x') })
  ]
  const changes = new Map([
    ['web', { boxes, mounts: [], fields: { labels: {} } }],
    ['old', { boxes: boxes.slice(1), mounts: [], fields: {} }]
  ])
  const changedFor = (isOld: boolean) =>
    withVolumes(model, new Set(['db', 'pw']), changes, { driver, isOld }) as typeof model
  const changed = changedFor(false)
  const [first = '', second = ''] = Object.keys(changed.volumes).slice(1)
  const own = { box: 'db', file: 'true', uid: '0', gid: '0', mode: '0444' }
  const long = (source: string, target: string): object => {
    return { type: 'volume', source, target, volume: { nocopy: true } }
  }
  expect(changed).toEqual({
    name: 'p',
    secrets: { plain: { file: '/x' } },
    services: {
      web: {
        image: 'i',
        secrets: [{ source: 'plain' }],
        labels: {},
        volumes: ['v:/v', long(first, '/run/secrets/a$$b'), long(second, '/run/secrets/pw')]
      },
      old: { image: 'i', secrets: [], volumes: [long(second, '/run/secrets/pw')] },
      other: { image: 'j' }
    },
    volumes: {
      v: {},
      [first]: { driver, driver_opts: { ...own, path: 'deep/fi$$le' } },
      [second]: { driver, driver_opts: { ...own, path: 'x' } }
    }
  })
  expect(first).toMatch(volumeNameForm)
  expect(dollars('$a$$')).toBe('$$a$$$$')
  // Of the long syntax docker-compose 1.29 would keep the volume of the container before.
  expect(changedFor(true).services.old).toMatchObject({ volumes: [`${second}:/run/secrets/pw:nocopy`] })
})

/** A compose that says this of a project, and keeps what it is given to do something with; `version`: which it is. */
async function composeOf(
  model: object | string,
  { images = { web: {} }, said = {}, version = '2.29.1', then = '' }: Partial<Told> = {}
) {
  const directory = temporaryDirectory()
  const script = `case "$*" in
    *--short) echo ${version} ;;
    *config*) cat >"$KEPT/input"; cat "$KEPT/model" ;;
    ${then}
    *) while [ "$1" != --file ]; do shift; done; cp "$2" "$KEPT/given"; stat -c %a "$2" >"$KEPT/how"; stat -f -c %T "$2" >>"$KEPT/how" ;;
  esac`
  const isOld = version.startsWith('1')
  const { env, ...rest } = await standIns(isOld ? 'exit 1' : script, images, {
    ...said,
    ...(isOld ? { compose: script } : {})
  })
  await writeFile(join(directory, 'model'), typeof model === 'string' ? model : stringify(model))
  const kept = (name: string): Promise<string | null> =>
    readFile(join(directory, name), 'utf8').catch(() => null)
  return {
    ...rest,
    kept,
    /** Runs it. `given`: what compose was given in the place of the files, null when nothing was. */
    compose: async (words: readonly string[], conditions: Parameters<typeof runHere>[1] = {}) => {
      await rm(join(directory, 'given'), { force: true })
      const ended = await runHere(['compose', ...words], {
        ...conditions,
        env: { ...env, KEPT: directory, ...conditions.env }
      })
      const given = await kept('given')
      expect(given ?? '').not.toMatch(/hunter2/)
      return { ...ended, given: given === null ? null : (JSON.parse(given) as Given) }
    }
  }
}

interface Told {
  readonly images: Parameters<typeof standIns>[1]
  readonly said: Said
  readonly version: string
  readonly then: string
}

interface Given {
  readonly services: Record<string, Record<string, unknown> & { readonly volumes?: readonly unknown[] }>
  readonly volumes: Record<string, { readonly driver: string; readonly driver_opts: Record<string, string> }>
  readonly secrets: object
}

/** What a service is given: what each volume shows, by its target. */
function shownTo({ services, volumes }: Given, service: string): Record<string, object | undefined> {
  const mounts = (services[service]?.volumes ?? []).map(mount => {
    const [source = '', target = ''] =
      typeof mount === 'string'
        ? mount.split(':')
        : [(mount as { source: string }).source, (mount as { target: string }).target]
    return [target, volumes[source]?.driver_opts] as const
  })
  return Object.fromEntries(mounts)
}

const launched: Said = {
  config: { web: { Cmd: ['serve'], User: '7:8', Healthcheck: { Test: ['CMD', 'check'] } } }
}
const by = ['/run/secretbox/launcher', '/run/secretbox/env/1/.env', '--']

test('Compose 2 is given a model in memory that holds no secret, and gets everything else as it is', async () => {
  const model = {
    name: 'proj',
    services: {
      web: {
        image: 'web',
        user: '5:6',
        // As many as one likes in one directory, of one box or several.
        secrets: [
          ...['db_password', 'other', 'pg'].map(source => ({ source })),
          { source: 'tls', target: '/tls/key', uid: '7', mode: '0400' }
        ]
      }
    },
    secrets: {
      db_password: { name: 'db_password', external: true },
      other: { 'x-vault': 'web:other' },
      pg: { 'x-vault': 'pg:.pgpass' },
      tls: { 'x-vault': 'web:certs/key.pem' }
    }
  }
  const { compose, calls, kept } = await composeOf(model)
  const words = ['-f', 'a.yaml', '--ansi=never', '--profile', 'x', '-p', 'mine', 'up', '-d', '--file']
  const { code, stderr, given } = await compose(words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(await kept('how')).toBe('600\ntmpfs\n')
  const own = { file: 'true', uid: '5', gid: '6', mode: '0444' }
  expect(given && shownTo(given, 'web')).toEqual({
    '/run/secrets/db_password': { box: 'db_password', path: 'db_password', ...own },
    '/run/secrets/other': { box: 'web', path: 'other', ...own },
    '/run/secrets/pg': { box: 'pg', path: '.pgpass', ...own },
    '/tls/key': { box: 'web', path: 'certs/key.pem', ...own, uid: '7', mode: '0400' }
  })
  const asked = ['compose', '-f', 'a.yaml', '--ansi=never', '--profile', 'x', '-p', 'mine']
  expect((await calls()).filter(([word]) => word === 'compose').slice(1)).toEqual([
    [...asked, '--profile', '*', 'config', '--no-consistency'],
    [
      ...['compose', '--file', expect.stringMatching(/^\/(dev\/shm|run)\//) as string],
      ...['--ansi=never', '--profile', 'x', '--project-directory', process.cwd()],
      ...['--project-name', 'mine', 'up', '-d', '--file']
    ]
  ])
})

test('Compose 2 is asked for YAML, which has what begins with x-, and told of secrets that it would refuse', async () => {
  const cwd = temporaryDirectory()
  await writeFile(
    join(cwd, 'compose.yaml'),
    'services: {web: {image: web, x-vault-env: vars}}\nsecrets: {alone: {x-vault: web:other}, named: {external: true, x-vault: web}}\n'
  )
  await writeFile(join(cwd, 'compose.override.yaml'), 'secrets: {other: {file: ./x}}\n')
  const model = { name: 'p', services: { web: { image: 'web', 'x-vault-env': 'none' } } }
  const { compose, calls, kept } = await composeOf(model, { version: '2.26.1' })
  expect(await compose(['up'], { cwd })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no such box "none"') as string
  })
  expect(await kept('input')).toBe('{"secrets":{"alone":{"external":true}}}')
  const files = ['compose.yaml', 'compose.override.yaml'].flatMap(name => ['--file', join(cwd, name)])
  expect((await calls()).filter(([word]) => word === 'compose')[1]).toEqual([
    ...['compose', '--project-directory', cwd, ...files, '--file', '-'],
    ...['--profile', '*', 'config', '--no-consistency']
  ])
})

test.each([
  ['db_password:nothing', 'box "db_password" has no file "nothing"', 'db_password'],
  ['web', 'box "web" has 2 files', 'web'],
  // Of a typed box it is what a container is shown that counts.
  ['pg', 'box "pg" has 3 files', 'pg'],
  ['pg:host', 'box "pg" has no file "host"', 'pg']
])('x-vault: %s is told before compose starts anything', async (value, reason, box) => {
  const { compose } = await composeOf({
    services: { web: { image: 'web', secrets: ['s'] } },
    secrets: { s: { 'x-vault': value } }
  })
  expect(await compose(['up'])).toMatchObject({
    code: 1,
    given: null,
    stderr: `error: cannot find secret "s": ${reason}\nhint: say which it is: x-vault: "${box}:FILE"\n`
  })
})

test('what is no project, or asks for no box, is as compose has it', async () => {
  const { compose, calls } = await composeOf({ services: { web: { image: 'web' } } }, { then: '*) ;;' })
  await compose(['-f', 'a.yaml', 'up'])
  await compose(['--version'])
  const made = (await calls()).filter(call => !call.includes('config') && !call.includes('--short'))
  expect(made).toEqual([
    ['compose', '-f', 'a.yaml', 'up'],
    ['compose', '--version']
  ])
})

test('docker-compose 1.29 is given the same, and what it drops where it merges files is read from these', async () => {
  const directory = join(temporaryDirectory(), 'proj')
  await mkdir(directory)
  const write = (name: string, text: string) => writeFile(join(directory, name), text)
  await write('docker-compose.yml', 'services:\n  web:\n    image: web\n    x-vault-env: other\n')
  const override = (env: string): Promise<void> =>
    write('docker-compose.override.yml', `services:\n  web:\n    x-vault-env: ${env}\n`)
  await override('["vars:.env"]')
  // As it writes what it has read: without the key, with a mode of YAML's.
  const web = { image: 'web', environment: { B: '1' }, command: ['sh', '-c', 'echo $$HOME'] }
  const secrets = ['db_password', { source: 'tls', target: '/srv/tls/key.pem', uid: '103', mode: 0o440 }]
  const model = {
    services: { web: { ...web, secrets }, plain: { image: 'web' } },
    secrets: {
      db_password: { external: true, name: 'db_password' },
      tls: { 'x-vault': 'web:certs/key.pem' }
    },
    version: '3.9'
  }
  const { compose, calls } = await composeOf(model, { version: '1.29.2', said: launched })
  const { code, stderr, given } = await compose(['up'], { cwd: directory })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(given?.services['web']).toMatchObject({
    entrypoint: by,
    command: ['sh', '-c', 'echo $$HOME'],
    healthcheck: { test: ['CMD', ...by, 'check'] },
    labels: { 'io.secretbox.digest': expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    secrets: []
  })
  expect(JSON.stringify(given)).not.toMatch(/x-vault/)
  expect(given?.services['plain']).toEqual({ image: 'web' })
  expect(given?.secrets).toEqual({})
  const own = { file: 'true', uid: '7', gid: '8', mode: '0444' }
  expect(given && shownTo(given, 'web')).toMatchObject({
    '/run/secrets/db_password': { box: 'db_password', path: 'db_password', ...own },
    '/srv/tls/key.pem': { box: 'web', path: 'certs/key.pem', ...own, uid: '103', mode: '0440' },
    '/run/secretbox/env/1': { box: 'vars', path: '.env', uid: '7', gid: '8', mode: '0400' }
  })
  expect((await calls()).filter(call => call.includes('config'))).toEqual([['config']])

  await override('${BOX}')
  expect((await compose(['up'], { env: { BOX: 'vars' }, cwd: directory })).stderr).toContain(
    'docker-compose 1.29 drops it where it merges files, and replaces no variables in it'
  )
  await write('docker-compose.override.yml', 'services:\n  web:\n    x-vault-envs: vars\n')
  expect(await compose(['ps'], { cwd: directory })).toMatchObject({
    code: 2,
    stderr: 'error: unknown key "x-vault-envs" in "services.web"\nhint: did you mean "x-vault-env"?\n'
  })
})

const missing = {
  name: 'proj',
  services: { web: { image: 'web', secrets: ['s'], 'x-vault-env': 'no-such-box' } },
  secrets: { s: { 'x-vault': 'no-such-box' }, plain: { file: '/x' } }
}

test('what makes no container needs no box, and down takes the volumes away that there are', async () => {
  const labelled = (name: string) => ({ Labels: { 'com.docker.compose.volume': name } })
  const { compose, asked } = await composeOf(missing, {
    said: { volumesThere: [labelled('vault-0123456789abcdef'), labelled('data'), { Labels: null }] }
  })
  const without = {
    name: 'proj',
    services: { web: { image: 'web', secrets: [] } },
    secrets: { plain: { file: '/x' } }
  }
  const done = { code: 0, stderr: '' }
  expect(await compose(['logs', '-f', 'web'])).toMatchObject({ ...done, given: { ...without, volumes: {} } })
  expect(asked).toEqual([])
  expect(await compose(['down', '-v'])).toMatchObject({
    ...done,
    given: {
      ...without,
      volumes: { 'vault-0123456789abcdef': {} },
      // Compose 2 takes away what a service has.
      services: { web: { image: 'web', volumes: [{ source: 'vault-0123456789abcdef' }] } }
    }
  })
  expect(asked).toEqual(['/volumes?filters={"label":["com.docker.compose.project=proj"]}'])
  expect(await compose(['up'])).toMatchObject({ code: 1, given: null })
})

test('an image is pulled or built before it is looked at, and a service that is not meant is left alone', async () => {
  const model = {
    name: 'proj',
    services: {
      web: { image: 'not-there', secrets: ['s'] },
      built: { build: { context: '.' }, 'x-vault-env': 'vars' },
      off: { image: 'other', secrets: ['s'], profiles: ['x'] }
    },
    secrets: { s: { 'x-vault': 'web:other' } }
  }
  const { compose, calls } = await composeOf(model, {
    images: { 'proj-built': {} },
    said: { config: { 'proj-built': { Cmd: ['x'] } } },
    then: '*pull*) exit 5;;'
  })
  const verbs = async (): Promise<string[][]> =>
    (await calls()).filter(call => call.includes('--project-directory')).map(call => call.slice(7))
  expect(await compose(['up', '-d'])).toMatchObject({ code: 5, given: null })
  expect(await verbs()).toEqual([['pull', 'web']])
  const { code, given } = await compose(['up', '--build', 'built'])
  expect(code).toBe(0)
  expect(given?.services['built']).toMatchObject({ entrypoint: by, command: ['x'] })
  expect((await verbs()).slice(1)).toEqual([
    ['build', 'built'],
    ['up', '--build', 'built']
  ])
  expect(await compose(['run', '--entrypoint', 'sh', 'built'])).toMatchObject({
    code: 2,
    stderr:
      'error: service "built" would be without its variables: --entrypoint takes the place of what gives them\n' +
      'hint: set the entrypoint in a compose file, or use: docker vault run --env-box\n'
  })
})

test("compose run with another user makes the files that user's, and words of its command are none of ours", async () => {
  const model = { name: 'p', services: { web: { image: 'web', user: '5', 'x-vault-env': 'vars' } } }
  const { compose } = await composeOf(model, { said: launched })
  for (const words of [['--user', '9:8'], ['-u9:8'], ['--user=9:8', '-T']]) {
    const more = ['web', 'x', '--entrypoint', 'y', '-u', '3', '-e', 'PASSWORD=1']
    const { code, stderr, given } = await compose(['run', ...words, ...more])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(given && shownTo(given, 'web')).toMatchObject({
      '/run/secretbox/env/1': { path: '.env', uid: '9', gid: '8' }
    })
    expect(given?.services['web']).toMatchObject({ user: '5' })
  }
})

test.each<[string, object, string]>([
  ['two secrets', { secrets: [{ source: 's' }, { source: 's' }] }, '/run/secrets/s'],
  [
    'a volume',
    { secrets: ['s'], volumes: [{ type: 'bind', source: '/x', target: '/run/secrets/s/' }] },
    '/run/secrets/s'
  ],
  ['a short volume', { secrets: ['s'], volumes: ['/x:/run/secrets/s:ro'] }, '/run/secrets/s'],
  [
    'a config',
    { secrets: [{ source: 's', target: '/etc/s' }], configs: [{ source: 'c', target: '/etc/s' }] },
    '/etc/s'
  ],
  ['a config by its name', { secrets: [{ source: 's', target: '/c' }], configs: ['c'] }, '/c'],
  ["a secret of compose's own", { secrets: [{ source: 's', target: 'own' }, 'own'] }, '/run/secrets/own'],
  ['a tmpfs', { 'x-vault-env': 'vars', tmpfs: '/run/secretbox/env/1:size=1' }, '/run/secretbox/env/1']
])('row 94: %s at one place are refused', async (_what, fields, place) => {
  const model = {
    name: 'p',
    services: { web: { image: 'web', ...fields } },
    secrets: { s: { 'x-vault': 'web:other' }, own: { file: './x' } },
    configs: { c: { file: './c' } }
  }
  const { compose } = await composeOf(model, { said: launched })
  expect(await compose(['up'])).toMatchObject({
    code: 2,
    given: null,
    stderr: `error: service "web" has two things at "${place}"\nhint: give one of them another target\n`
  })
})

test.each<[string, string]>([
  ['/run/secrets/s/in', 'has "/run/secrets/s/in" in "/run/secrets/s", in which nothing can be mounted'],
  ['/proc/s', 'cannot have a secret at "/proc/s", where the runtime has something of its own']
])('a secret at %s cannot be', async (target, reason) => {
  const model = {
    name: 'p',
    services: { web: { image: 'web', secrets: [{ source: 's' }, { source: 's', target }] } },
    secrets: { s: { 'x-vault': 'web:other' } }
  }
  const { compose } = await composeOf(model)
  expect(await compose(['up'])).toMatchObject({
    code: 2,
    given: null,
    stderr: `error: service "web" ${reason}\nhint: give one of them another target\n`
  })
})

test.each<[string[], object, string]>([
  [['up'], { environment: ['PASSWORD=1'] }, 'in the environment of service "web"'],
  [['run', '-e', 'PASSWORD', 'web', 'x'], {}, 'is given by --env'],
  [['run', '--rm', '--env=PASSWORD=1', 'web'], {}, 'is given by --env'],
  [['run', '-ePASSWORD=1', 'web'], {}, 'is given by --env'],
  [['run', '--env-from-file', 'FILE', 'web'], {}, 'is given by --env'],
  [['up'], { 'x-vault-env': ['vars', 'vars'] }, 'is given by "vars:.env"']
])('%j with a service that says %j has a variable twice, and is refused', async (words, fields, other) => {
  const model = {
    name: 'p',
    services: { web: { image: 'web', 'x-vault-env': 'vars', ...fields } }
  }
  const { compose } = await composeOf(model, { said: launched })
  const file = join(temporaryDirectory(), 'env')
  await writeFile(file, 'OTHER=1\nPASSWORD=2\n')
  expect(await compose(words.map(word => (word === 'FILE' ? file : word)))).toMatchObject({
    code: 2,
    given: null,
    stderr: `error: variable "PASSWORD" is in "vars:.env", and ${other}, too\nhint: leave one of them out\n`
  })
})

test('what compose run says of a service is of that one alone, and what it mounts has its place', async () => {
  const web = { image: 'web', secrets: ['s'], depends_on: { db: {} } }
  const model = {
    name: 'p',
    services: { web, db: { image: 'web', 'x-vault-env': 'vars', secrets: ['s'] } },
    secrets: { s: { 'x-vault': 'web:other' } }
  }
  const { compose } = await composeOf(model, { said: launched })
  const { code, stderr, given } = await compose(['run', '-e', 'PASSWORD=1', '-u', '9', 'web'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const owners = ['web', 'db'].map(service => given && shownTo(given, service)['/run/secrets/s'])
  expect(owners).toMatchObject([{ uid: '9' }, { uid: '7', gid: '8' }])
  expect(await compose(['run', '-v', '/x:/run/secrets/s:ro', 'web'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('service "web" has two things at "/run/secrets/s"') as string
  })
})

test("a build has compose's own secrets, and one of a box is refused, which what builds nothing passes over", async () => {
  const services = (source: string): object => ({
    web: { image: 'web', build: { context: '.', secrets: ['own', source] }, secrets: ['s'] }
  })
  const secrets = { own: { file: './x' }, s: { 'x-vault': 'web:other' } }
  const own = await composeOf({ name: 'p', services: services('own'), secrets })
  const { given } = await own.compose(['up'])
  expect(given?.services['web']).toMatchObject({ build: { secrets: ['own', 'own'] } })
  expect(given?.secrets).toEqual({ own: { file: './x' } })

  const { compose } = await composeOf({ name: 'p', services: services('s'), secrets })
  for (const verb of ['build', 'up', 'config'])
    expect(await compose([verb])).toMatchObject({
      code: 2,
      given: null,
      stderr:
        'error: cannot build service "web" with secret "s": it comes from a box, which compose gives no build\n' +
        'hint: build the image by: docker vault build --inject BOX\n'
    })
  expect((await compose(['ps'])).given?.services['web']).toMatchObject({ build: { secrets: ['own'] } })
})

test('nothing of a project that cannot be read is told', async () => {
  const { compose } = await composeOf(`a: {b\n  ${canary}: [`)
  expect(await compose(['up'])).toMatchObject({
    code: 1,
    given: null,
    stderr: 'error: cannot read what compose says of the project: line 2 is not YAML\n'
  })
})
