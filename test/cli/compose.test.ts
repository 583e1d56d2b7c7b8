import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { boxSecretsIn, placedSecretsIn } from '../../src/cli/compose/box-secrets.ts'
import { dollars } from '../../src/cli/compose/model.ts'
import { mountsOfSecrets, withVolumes, type FoundSecret } from '../../src/cli/compose/with-volumes.ts'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { standIns, type Said } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()
const canary = 'hunter2-in-no-file-of-compose'

beforeAll(async () => {
  await run(['put', '--create', 'db_password', 'db_password'], { input: canary })
  await run(['put', '--create', 'web', 'certs/key.pem'], { input: canary })
  await run(['put', 'web', 'other'], { input: canary })
  await run(['put', '--create', 'vars', '.env'], { input: 'PASSWORD=hunter2' })
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

const found = (
  secret: string,
  target: string,
  path: string,
  more: Partial<FoundSecret> = {}
): FoundSecret => ({
  service: 'web',
  secret,
  box: parseBoxName('db'),
  path: parseFilePath(path),
  target,
  uid: '0',
  gid: '0',
  mode: '0444',
  ...more
})
const driver = 'secretbox:latest'
const free = () => Promise.resolve(null)

test('with Engine 26 and Compose 2.27 each secret is a part of a volume that shows nothing else', async () => {
  const model = {
    name: 'p',
    secrets: { db: {}, pw: {}, plain: { file: '/x' } },
    services: {
      web: { image: 'i', secrets: ['db', { source: 'plain' }], volumes: ['v:/v'] },
      other: { image: 'j', 'x-vault-env': 'a' }
    },
    volumes: { v: {} }
  }
  const secrets = [found('db', '/etc/a$b', 'deep/file'), found('pw', '/run/secrets/pw', 'x')]
  const boxes = await mountsOfSecrets(secrets, { bySubpath: true, whyNot: free })
  const changes = new Map([['web', { boxes, mounts: [], fields: { labels: {} } }]])
  const changed = withVolumes(model, new Set(['db', 'pw']), changes, { driver, isOld: false })
  const [first, second] = Object.keys(changed['volumes'] as object).slice(1)
  expect(changed).toEqual({
    name: 'p',
    secrets: { plain: { file: '/x' } },
    services: {
      web: {
        image: 'i',
        secrets: [{ source: 'plain' }],
        labels: {},
        volumes: [
          'v:/v',
          { type: 'volume', source: first, target: '/etc/a$$b', volume: { nocopy: true, subpath: 'file' } },
          {
            type: 'volume',
            source: second,
            target: '/run/secrets/pw',
            volume: { nocopy: true, subpath: 'x' }
          }
        ]
      },
      other: { image: 'j' }
    },
    volumes: {
      v: {},
      [first ?? '']: {
        driver,
        driver_opts: { box: 'db', path: 'deep/file', uid: '0', gid: '0', mode: '0444' }
      },
      [second ?? '']: { driver, driver_opts: { box: 'db', path: 'x', uid: '0', gid: '0', mode: '0444' } }
    }
  })
  expect(first).toMatch(/^vault-[0-9a-f]{16}$/)
  expect(dollars('$a$$')).toBe('$$a$$$$')
})

test.each<[FoundSecret[], string | null]>([
  [[found('db', '/run/secrets/db', 'a/db')], null],
  [[found('db', '/run/secrets/db', 'db'), found('pw', '/run/more/pw', 'pw')], null],
  [[found('db', '/run/secrets/db', 'password')], 'in box "db" it is called "password"'],
  [
    [found('pw', '/run/secrets/pw', 'pw'), found('db', '/run/secrets/db', 'db')],
    'secret "pw" lies in that directory, too'
  ],
  [[found('db', '/etc/db', 'db')], 'the image has "/etc"']
])('before, %j is mounted by its directory, or refused: %j', async (secrets, reason) => {
  const mounting = mountsOfSecrets(secrets, {
    bySubpath: false,
    whyNot: (_service, directory) => Promise.resolve(directory === '/etc' ? 'the image has "/etc"' : null)
  })
  if (reason === null) expect(await mounting).toHaveLength(secrets.length)
  else
    await expect(mounting).rejects.toMatchObject({
      message: expect.stringContaining(
        `: ${reason}, and a file by itself takes Docker Engine 26 and Compose 2.27`
      ) as string
    })
})

test('Compose 2 is given a model in memory that holds no secret, and gets everything else as it is', async () => {
  const model = {
    name: 'proj',
    services: {
      web: {
        image: 'web',
        user: '5:6',
        secrets: [{ source: 'db_password' }, { source: 'tls', target: '/tls/key' }]
      }
    },
    secrets: { db_password: { name: 'db_password', external: true }, tls: { 'x-vault': 'web:certs/key.pem' } }
  }
  const script = `case "$*" in
    'compose version --short') echo 2.29.1 ;;
    version*) echo 1.45 ;;
    *config*) echo '${JSON.stringify(model)}' ;;
    *) while [ "$1" != --file ]; do shift; done; stat -c %a "$2"; stat -f -c %T "$2"; cat "$2" ;;
  esac`
  const { env, calls } = await standIns(script, { web: {} })
  const { code, stdout, stderr } = await run(
    ['compose', '-f', 'a.yaml', '--ansi=never', '--profile', 'x', '-p', 'mine', 'up', '-d', '--file'],
    { env }
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^600\ntmpfs\n/)
  expect(stdout).toContain(
    '"target":"/run/secrets/db_password","volume":{"nocopy":true,"subpath":"db_password"}'
  )
  expect(stdout).toContain(
    '"driver_opts":{"box":"web","path":"certs/key.pem","uid":"5","gid":"6","mode":"0444"}'
  )
  expect(stdout).not.toContain(canary)
  const asked = ['compose', '-f', 'a.yaml', '--ansi=never', '--profile', 'x', '-p', 'mine']
  expect((await calls()).filter(([word]) => word === 'compose').slice(1)).toEqual([
    [...asked, '--profile', '*', 'config', '--no-consistency'],
    [
      ...[
        'compose',
        '--file',
        expect.stringMatching(/^\/(dev\/shm|run)\//) as string,
        '--ansi=never',
        '--profile',
        'x'
      ],
      ...['--project-directory', process.cwd(), '--project-name', 'mine', 'up', '-d', '--file']
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
  const script = `case "$*" in
    'compose version --short') echo 2.26.1 ;;
    *config*) cat >input; printf '%s\\n' 'name: p' 'services:' '  web:' '    image: web' '    x-vault-env: none' ;;
  esac`
  const { env, calls } = await standIns(script, { web: {} })
  expect(await run(['compose', 'up'], { env, cwd })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no such box "none"') as string
  })
  expect(await readFile(join(cwd, 'input'), 'utf8')).toBe('{"secrets":{"alone":{"external":true}}}')
  const files = ['compose.yaml', 'compose.override.yaml'].flatMap(name => ['--file', join(cwd, name)])
  expect((await calls()).filter(([word]) => word === 'compose')[1]).toEqual([
    ...['compose', '--project-directory', cwd, ...files, '--file', '-'],
    ...['--profile', '*', 'config', '--no-consistency']
  ])
})

test.each([
  ['db_password:nothing', 'box "db_password" has no file "nothing"', 'db_password'],
  ['web', 'box "web" has 2 files', 'web']
])('x-vault: %s is told before compose starts anything', async (value, reason, box) => {
  const model = { services: { web: { image: 'web', secrets: ['s'] } }, secrets: { s: { 'x-vault': value } } }
  const script = `case "$*" in *--short) echo 2.29.1 ;; *config*) echo '${JSON.stringify(model)}' ;; *up*) echo up ;; esac`
  const { env } = await standIns(script, { web: {} })
  expect(await run(['compose', 'up'], { env })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `error: cannot find secret "s": ${reason}\nhint: say which it is: x-vault: "${box}:FILE"\n`
  })
})

test('what is no project, or asks for no box, is as compose has it', async () => {
  const { env, calls } = await standIns(
    `case "$*" in *--short) echo 2.29.1 ;; *config*) echo '{"services":{"web":{"image":"web"}}}' ;; esac`
  )
  await run(['compose', '-f', 'a.yaml', 'up'], { env })
  await run(['compose', '--version'], { env })
  const made = (await calls()).filter(call => !call.includes('config') && !call.includes('--short'))
  expect(made).toEqual([
    ['compose', '-f', 'a.yaml', 'up'],
    ['compose', '--version']
  ])
})

test('docker-compose 1.29 reads what it is given in the place of its files', async () => {
  const directory = join(temporaryDirectory(), 'proj')
  await mkdir(directory)
  await writeFile(
    join(directory, 'docker-compose.yaml'),
    `services:
  web:
    image: web
    command: ["sh", "-c", "echo $$HOME"]
    secrets:
      - db_password
      - source: tls
        target: /srv/tls/key.pem
        uid: "103"
        mode: 0440
secrets:
  db_password:
    external: true
  tls:
    x-vault: web:certs/key.pem
`
  )
  const { env } = await standIns('exit 1', { web: {} })
  const { code, stdout, stderr } = await run(['compose', 'config'], { env, cwd: directory })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { services, volumes, secrets } = parse(stdout) as {
    services: { web: { volumes: string[]; command: string[] } }
    volumes: Record<string, { driver: string; driver_opts: object }>
    secrets?: object
  }
  expect(services.web.command).toEqual(['sh', '-c', 'echo $$HOME'])
  expect(secrets ?? {}).toEqual({})
  // The short syntax: of the long one docker-compose would keep the volume of the container before.
  const shown = services.web.volumes.map(volume => {
    const [source = '', target, mode] = volume.split(':')
    expect(mode).toBe('nocopy')
    return [target, volumes[source]]
  })
  expect(shown).toEqual([
    [
      '/run/secrets',
      {
        driver: 'secretbox:latest',
        driver_opts: { box: 'db_password', path: 'db_password', uid: '0', gid: '0', mode: '0444' }
      }
    ],
    [
      '/srv/tls',
      {
        driver: 'secretbox:latest',
        driver_opts: { box: 'web', path: 'certs/key.pem', uid: '103', gid: '0', mode: '0440' }
      }
    ]
  ])
})

const launched: Said = {
  config: { web: { Cmd: ['serve'], User: '7:8', Healthcheck: { Test: ['CMD', 'check'] } } }
}

test('x-vault-env gives a service variables by the launcher, also where docker-compose 1.29 drops the key', async () => {
  const directory = join(temporaryDirectory(), 'proj')
  await mkdir(directory)
  const write = (name: string, text: string) => writeFile(join(directory, name), text)
  await write('docker-compose.yml', 'services:\n  web:\n    image: web\n    x-vault-env: other\n')
  await write(
    'docker-compose.override.yml',
    'services:\n  web:\n    environment: [B=1]\n    x-vault-env: ["vars:.env"]\n  plain:\n    image: web\n'
  )
  const { env } = await standIns('exit 1', { web: {} }, launched)
  const config = async (): Promise<{ services: Record<string, Record<string, unknown>> }> => {
    const { code, stdout, stderr } = await run(['compose', 'config'], { env, cwd: directory })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return parse(stdout) as { services: Record<string, Record<string, unknown>> }
  }
  const { services } = await config()
  const by = ['/run/secretbox/launcher', '/run/secretbox/env/1/.env', '--']
  expect(services['web']).toMatchObject({
    entrypoint: by,
    command: ['serve'],
    healthcheck: { test: ['CMD', ...by, 'check'] }
  })
  expect(services['web']?.['labels']).toMatchObject({
    'io.secretbox.digest': expect.stringMatching(/^[0-9a-f]{64}$/) as string
  })
  expect(JSON.stringify(services)).not.toMatch(/x-vault|hunter2/)
  expect(services['plain']).toEqual({ image: 'web' })

  await write(
    'docker-compose.override.yml',
    'services:\n  web:\n    environment: [PASSWORD=1]\n    x-vault-env: vars\n'
  )
  expect(await run(['compose', 'up'], { env, cwd: directory })).toMatchObject({
    code: 2,
    stdout: '',
    stderr:
      'error: variable "PASSWORD" is in "vars:.env", and in the environment of service "web", too\nhint: leave one of them out\n'
  })
  await write('docker-compose.override.yml', 'services:\n  web:\n    x-vault-env: ${BOX}\n')
  expect((await run(['compose', 'up'], { env: { ...env, BOX: 'vars' }, cwd: directory })).stderr).toContain(
    'docker-compose 1.29 drops it where it merges files, and replaces no variables in it'
  )
  await write('docker-compose.override.yml', 'services:\n  web:\n    x-vault-envs: vars\n')
  expect(await run(['compose', 'ps'], { env, cwd: directory })).toMatchObject({
    code: 2,
    stderr: 'error: unknown key "x-vault-envs" in "services.web"\nhint: did you mean "x-vault-env"?\n'
  })
})

/** A Compose 2 that says this of a project, and prints what it is given to do something with. */
function composeTwo(model: object, then = ''): string {
  return `case "$*" in
    *--short) echo 2.29.1 ;;
    version*) echo 1.45 ;;
    *config*) echo '${JSON.stringify(model)}' ;;
    ${then}
    *) while [ "$1" != --file ]; do shift; done; cat "$2" ;;
  esac`
}

const missing = {
  name: 'proj',
  services: { web: { image: 'web', secrets: ['s'], 'x-vault-env': 'no-such-box' } },
  secrets: { s: { 'x-vault': 'no-such-box' }, plain: { file: '/x' } }
}

test('what makes no container needs no box, and down takes the volumes away that there are', async () => {
  const labelled = (name: string) => ({ Labels: { 'com.docker.compose.volume': name } })
  const { env, asked } = await standIns(
    composeTwo(missing),
    {},
    {
      volumesThere: [labelled('vault-0123456789abcdef'), labelled('data'), { Labels: null }]
    }
  )
  const given = async (...words: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await run(['compose', ...words], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout)
  }
  const without = {
    name: 'proj',
    services: { web: { image: 'web', secrets: [] } },
    secrets: { plain: { file: '/x' } }
  }
  expect(await given('logs', '-f', 'web')).toEqual({ ...without, volumes: {} })
  expect(asked).toEqual([])
  expect(await given('down', '-v')).toEqual({ ...without, volumes: { 'vault-0123456789abcdef': {} } })
  expect(asked).toEqual(['/volumes?filters={"label":["com.docker.compose.project=proj"]}'])
  expect(await run(['compose', 'up'], { env })).toMatchObject({
    code: 1,
    stdout: expect.not.stringContaining('driver') as string
  })
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
  const { env, calls } = await standIns(
    composeTwo(model, '*pull*) exit 5;;'),
    { 'proj-built': {} },
    {
      config: { 'proj-built': { Cmd: ['x'] } }
    }
  )
  const verbs = async (): Promise<string[][]> =>
    (await calls()).filter(call => call.includes('--project-directory')).map(call => call.slice(7))
  expect(await run(['compose', 'up', '-d'], { env })).toMatchObject({ code: 5, stdout: '' })
  expect(await verbs()).toEqual([['pull', 'web']])
  expect(await run(['compose', 'up', '--build', 'built'], { env })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"/run/secretbox/env/1/.env","--"],"command":["x"]') as string
  })
  expect((await verbs()).slice(1)).toEqual([
    ['build', 'built'],
    ['up', '--build', 'built']
  ])
  expect(await run(['compose', 'run', '--entrypoint', 'sh', 'built'], { env })).toMatchObject({
    code: 2,
    stderr:
      'error: service "built" would be without its variables: --entrypoint takes the place of what gives them\n' +
      'hint: set the entrypoint in a compose file, or use: docker vault run --env-box\n'
  })
})

test("compose run with another user makes the files that user's, and words of its command are none of ours", async () => {
  const model = { name: 'p', services: { web: { image: 'web', user: '5', 'x-vault-env': 'vars' } } }
  const { env } = await standIns(composeTwo(model), { web: {} }, launched)
  for (const words of [['--user', '9:8'], ['-u9:8'], ['--user=9:8', '-T']]) {
    const ended = await run(['compose', 'run', ...words, 'web', 'x', '--entrypoint', 'y', '-u', '3'], { env })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('"path":".env","uid":"9","gid":"8"')
    expect(ended.stdout).toContain('"user":"5"')
  }
})

test.each([
  ['two secrets', { secrets: [{ source: 's' }, { source: 's' }] }, '/run/secrets/s'],
  [
    'a volume',
    { secrets: ['s'], volumes: [{ type: 'bind', source: '/x', target: '/run/secrets/s/' }] },
    '/run/secrets/s'
  ],
  ['a short volume', { secrets: ['s'], volumes: ['/x:/run/secrets/s:ro'] }, '/run/secrets/s'],
  ['a tmpfs', { 'x-vault-env': 'vars', tmpfs: '/run/secretbox/env/1:size=1' }, '/run/secretbox/env/1']
])('row 94: %s at one place are refused', async (_what, fields, place) => {
  const model = {
    name: 'p',
    services: { web: { image: 'web', ...fields } },
    secrets: { s: { 'x-vault': 'web:other' } }
  }
  const { env } = await standIns(composeTwo(model), { web: {} }, launched)
  expect(await run(['compose', 'up'], { env })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `error: service "web" has two things at "${place}"\nhint: give one of them another target\n`
  })
})

test('nothing of a project that cannot be read is told', async () => {
  const { env } = await standIns(`case "$*" in *--short) echo 2.29.1 ;; *) echo '{"a": ${canary}' ;; esac`)
  expect(await run(['compose', 'up'], { env })).toMatchObject({
    code: 1,
    stderr: 'error: cannot read what compose says of the project: line 2 is not YAML\n'
  })
})
