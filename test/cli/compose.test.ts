import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { boxSecretsIn, placedSecretsIn } from '../../src/cli/compose/box-secrets.ts'
import { dollars, withVolumes, type FoundSecret } from '../../src/cli/compose/with-volumes.ts'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { standIns } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()
const canary = 'hunter2-in-no-file-of-compose'

beforeAll(async () => {
  await run(['put', '--create', 'db_password', 'db_password'], { input: canary })
  await run(['put', '--create', 'web', 'certs/key.pem'], { input: canary })
  await run(['put', 'web', 'other'], { input: canary })
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
const free = () => Promise.resolve(null)

test('with Engine 26 and Compose 2.27 each secret is a part of a volume that shows nothing else', async () => {
  const model = {
    name: 'p',
    secrets: { db: {}, pw: {}, plain: { file: '/x' } },
    services: {
      web: { image: 'i', secrets: ['db', { source: 'plain' }], volumes: ['v:/v'] },
      other: { image: 'j' }
    },
    volumes: { v: {} }
  }
  const secrets = [found('db', '/etc/a$b', 'deep/file'), found('pw', '/run/secrets/pw', 'x')]
  const changed = await withVolumes(model, secrets, {
    driver: 'secretbox:latest',
    bySubpath: true,
    whyNot: free
  })
  const [first, second] = Object.keys(changed['volumes'] as object).slice(1)
  expect(changed).toEqual({
    name: 'p',
    secrets: { plain: { file: '/x' } },
    services: {
      web: {
        image: 'i',
        secrets: [{ source: 'plain' }],
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
        driver: 'secretbox:latest',
        driver_opts: { box: 'db', path: 'deep/file', uid: '0', gid: '0', mode: '0444' }
      },
      [second ?? '']: {
        driver: 'secretbox:latest',
        driver_opts: { box: 'db', path: 'x', uid: '0', gid: '0', mode: '0444' }
      }
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
  const changing = withVolumes({ services: { web: {} } }, secrets, {
    driver: 'secretbox',
    bySubpath: false,
    whyNot: (_service, directory) => Promise.resolve(directory === '/etc' ? 'the image has "/etc"' : null)
  })
  if (reason !== null) {
    await expect(changing).rejects.toMatchObject({
      message: expect.stringContaining(
        `: ${reason}, and a file by itself takes Docker Engine 26 and Compose 2.27`
      ) as string
    })
    return
  }
  const { services } = (await changing) as { services: { web: { volumes: object[] } } }
  expect(services.web.volumes).toHaveLength(secrets.length)
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
    [...asked, '--profile', '*', 'config', '--format', 'json'],
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
    stderr: `error: cannot find secret "s": ${reason}\nhint: say which it is: x-vault: ${box}:FILE\n`
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
    services: { web: { volumes: { source: string; target: string }[]; command: string[] } }
    volumes: Record<string, { driver: string; driver_opts: object }>
    secrets?: object
  }
  expect(services.web.command).toEqual(['sh', '-c', 'echo $$HOME'])
  expect(secrets ?? {}).toEqual({})
  const shown = services.web.volumes.map(({ source, target }) => [target, volumes[source]])
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
