import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../kit/temporary.ts'
import { useCli } from '../kit/use-cli.ts'
import { standIns, type Said } from './stand-ins.ts'

const { run, runHere, daemon } = useCli()
const web = {
  Entrypoint: ['/entry'],
  Cmd: ['serve', '--all'],
  User: '1000:1000',
  Healthcheck: { Test: ['CMD', 'check', "it's"] }
}
const said: Said = { config: { web }, files: { '/bin/sh': '' } }
const launcher = '/run/secretbox/launcher'
const inEnv = (index: number, file: string): string => `/run/secretbox/env/${index}/${file}`

function mount(box: string, index: number, path: string, owner = ['uid=1000', 'gid=1000']): string[] {
  const own = [`box=${box}`, ...owner, `path=${path}`, 'mode=0400', 'dirmode=0500', 'transient=true']
  const options = own.map(option => `volume-opt=${option}`)
  const fields = ['type=volume', 'volume-driver=secretbox', ...options, `target=/run/secretbox/env/${index}`]
  return ['--mount', [...fields, 'volume-nocopy'].join(',')]
}
const launcherMount = (): string[] => [
  '--mount',
  `type=bind,source=${dirname(daemon().adminSocket)}/launcher,target=${launcher},readonly`
]

const failed = (stderr: string, code: number) => ({ code, stdout: '', stderr })

/** What docker was called with, and the label with the digest taken out of it. */
async function called(args: readonly string[], what = said): Promise<{ args: string[]; digest: string }> {
  const { env, calls } = await standIns('exit 0', { web: {}, bare: {} }, what)
  const { code, stderr } = await runHere(args, { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const [call = []] = await calls()
  const label = call.findIndex(word => word.startsWith('io.secretbox.digest='))
  const digest = call[label]?.split('=')[1] ?? ''
  return { args: call.toSpliced(label - 1, 2), digest }
}

beforeAll(async () => {
  await run(['put', '--create', 'app', '.env'], { input: 'A=1\nB="two"\n' })
  await run(['put', '--create', 'db', 'prod/vars'], { input: 'PASSWORD=hunter2\n' })
  await run(['put', 'db', 'cert'], { input: 'x' })
  await run(['put', '--create', 'again', 'vars'], { input: 'PASSWORD=other\n' })
  await run(['put', '--create', 'odd', 'vars'], { input: 'A=1\nCANARY\n' })
})

test('rows 68 and 100: a container executes its own program by the launcher, and its check as well', async () => {
  const args = ['run', '-it', '--env-box', 'app', '--env-box=db:/prod/vars', '-e', 'C=3', 'web']
  const files = [inEnv(1, '.env'), inEnv(2, 'vars'), '--']
  expect((await called(args)).args).toEqual([
    'run',
    ...[...mount('app', 1, '.env'), ...mount('db', 2, 'prod/vars'), ...launcherMount()],
    ...['--entrypoint', launcher],
    ...[
      '--health-cmd',
      `exec ${[launcher, ...files, 'check'].map(word => `'${word}'`).join(' ')} 'it'\\''s'`
    ],
    ...['-i', '-t', '-e', 'C=3', 'web'],
    ...[...files, '/entry', 'serve', '--all']
  ])
})

test('what the command line says of program, check and user counts', async () => {
  const given = ['--entrypoint', 'x', '--health-cmd=y', '--user', '7', '--env-box', 'app']
  const { args } = await called(['create-container', ...given, 'web', 'word'])
  expect(args).toEqual([
    'create',
    ...[...mount('app', 1, '.env', ['uid=7']), ...launcherMount()],
    ...['--entrypoint', launcher],
    ...['--health-cmd', `exec '${launcher}' '${inEnv(1, '.env')}' '--' '/bin/sh' '-c' 'y'`],
    ...['--user', '7', 'web'],
    ...[inEnv(1, '.env'), '--', 'x', 'word']
  ])
})

test('row 95: equal secrets at equal places have equal digests, in any order, and others have others', async () => {
  const digestOf = async (...args: string[]): Promise<string> =>
    (await called(['run', ...args, 'web'])).digest
  const first = await digestOf('--env-box', 'app', '--inject', 'db')
  expect(first).toMatch(/^[0-9a-f]{64}$/)
  expect(await digestOf('--inject', 'db', '--env-box', 'app:.env')).toBe(first)
  const others = [
    await digestOf('--env-box', 'app'),
    await digestOf('--inject', 'db'),
    await digestOf('--inject', 'db:other', '--env-box', 'app'),
    await digestOf('--inject', 'app', '--env-box', 'db:prod/vars')
  ]
  await run(['put', 'app', '.env'], { input: '# in another way\nB=two\nexport A=1' })
  expect(await digestOf('--env-box', 'app', '--inject', 'db')).toBe(first)
  await run(['put', 'app', '.env'], { input: 'A=1\nB="two "' })
  others.push(await digestOf('--env-box', 'app', '--inject', 'db'))
  expect(new Set([first, ...others]).size).toBe(6)
  await run(['rollback', 'app', '3'])
  expect(await digestOf('--env-box', 'app', '--inject', 'db')).toBe(first)
})

const twice = 'hint: leave one of them out'
const bring =
  'hint: everybody can read arguments: put the line into a file of a box (docker vault put BOX:FILE), and give that: --env-box BOX:FILE'
test.each([
  [['--env-box', 'app', '-e', 'B=3'], 2, 'variable "B" is in "app:.env", and is given by --env, too', twice],
  [['--env-box', 'app', '--env', 'B'], 2, 'variable "B" is in "app:.env", and is given by --env, too', twice],
  [
    ['--env-box', 'db:prod/vars', '--env-box', 'again'],
    2,
    'variable "PASSWORD" is in "db:prod/vars", and is given by "again:vars", too',
    twice
  ],
  [
    ['--env-box', 'app', '--env-box', 'app'],
    2,
    'variable "B" is in "app:.env", and is given by "app:.env", too',
    twice
  ],
  [
    ['--env-box', 'app', '--env-box', 'odd'],
    1,
    'cannot take the variables of "odd:vars": line 2: it is not NAME=value',
    `hint: a line is NAME=value, NAME="value" or NAME='value'; docs/environment.md says the rest`
  ],
  [
    ['--env-box', 'odd'],
    1,
    'cannot take the variables of "odd:vars": line 2: it is not NAME=value',
    `hint: a line is NAME=value, NAME="value" or NAME='value'; docs/environment.md says the rest`
  ],
  [
    ['--env-box', 'db'],
    1,
    'cannot take the variables of "db": it holds 2 files',
    'hint: name one, as in "db:cert"'
  ],
  [['--env-box', 'db:prod'], 1, 'cannot take the variables of "db:prod": it is a directory', null],
  [
    ['--env-box', 'db:'],
    2,
    'bad flag "--env-box db:": it names no file',
    'hint: write it as --env-box BOX or --env-box BOX:FILE'
  ],
  [['--env-box', 'PASSWORD=hunter2'], 2, '--env-box takes a box, not the variable "PASSWORD" itself', bring],
  [['--env-box', '{"PASSWORD":"hunter2"}'], 2, '--env-box takes a box, not JSON itself', bring],
  [['--env-box', 'hunter2='], 2, '--env-box takes a box, not contents', bring],
  [
    ['--env-file', 'PASSWORD=hunter2', '--env-box', 'app'],
    2,
    '--env-file takes a file, not the variable "PASSWORD" itself',
    'hint: everybody can read arguments: put the line into a file of a box, and give that: --env-box BOX:FILE'
  ],
  [
    ['-e', 'db:prod/vars'],
    2,
    '--env takes a variable, not the file "db:prod/vars" of a box',
    'hint: give it as: --env-box db:prod/vars'
  ],
  [
    ['--env-box', 'app', '--tmpfs', '/run/secretbox/env/1'],
    2,
    'cannot mount two things at "/run/secretbox/env/1": "--env-box app" and "--tmpfs /run/secretbox/env/1"',
    'hint: give one of them another place, as in --inject box:alias'
  ]
])('rows 106 and 108: %j is refused before docker is called', async (args, code, message, hint) => {
  const { env, calls } = await standIns('exit 0', { web: {} }, said)
  const ended = await runHere(['run', ...args, 'web'], { env })
  expect(ended).toMatchObject(failed(`error: ${message}\n${hint === null ? '' : `${hint}\n`}`, code))
  expect(ended.stderr).not.toMatch(/hunter2|CANARY/)
  expect(await calls()).toEqual([])
})

test('row 106: a variable that an --env-file gives, too, is refused, and one of which nobody can tell', async () => {
  const { env, calls } = await standIns('exit 0', { web: {} }, said)
  const file = join(temporaryDirectory(), 'env')
  writeFileSync(file, '\ufeff# A=1\n\n  B=2\nC\n')
  const attempt = (path: string) => runHere(['run', '--env-box', 'app', '--env-file', path, 'web'], { env })
  expect(await attempt(file)).toMatchObject(
    failed(
      `error: variable "B" is in "app:.env", and is given by --env-file ${JSON.stringify(file)}, too\n${twice}\n`,
      2
    )
  )
  expect((await attempt('/dev/null')).stderr).toContain(
    'cannot look for variables in --env-file "/dev/null": it can be read only once, which docker does'
  )
  expect((await attempt('/no/file')).stderr).toContain(
    'cannot read --env-file "/no/file": no such file or directory'
  )
  expect(await calls()).toEqual([])
  writeFileSync(file, 'C=3')
  expect(await attempt(file)).toMatchObject({ code: 0 })
})

test('a credential of type env gives its variables in the way that the launcher reads, whatever they are', async () => {
  await run(['create', '--type', 'env', 'typed'])
  for (const [name, value] of [
    ['QUOTED', `"it's" \\ $x #`],
    ['PLAIN', 'x']
  ] as const)
    await run(['set', 'typed', name], { input: value })
  const { args, digest } = await called(['run', '--env-box', 'typed', 'web'])
  expect(args.slice(1, 3)).toEqual(mount('typed', 1, 'variables'))
  expect(args).toContain(inEnv(1, 'variables'))
  await run(['put', '--create', 'same', 'vars'], { input: `PLAIN=x\nQUOTED="\\"it's\\" \\\\ $x #"\n` })
  expect((await called(['run', '--env-box', 'same', 'web'])).digest).toBe(digest)
  const { args: files } = await called(['run', '--inject', 'typed,path=env.sh', 'web'])
  expect(files[2]).toContain('volume-opt=path=env.sh')
})

test.each([
  [
    'typed:env',
    'typed:env',
    'its type "env" gives variables as "variables"',
    'hint: leave the file out: typed\n'
  ],
  [
    'typed:env.sh',
    'typed:env.sh',
    'its type "env" gives variables as "variables"',
    'hint: leave the file out: typed\n'
  ],
  ['tok', 'tok', 'its type "token" gives no file of variables', ''],
  ['tok:token', 'tok:token', 'its type "token" gives no file of variables', '']
])('of a credential %j is no file of variables', async (given, place, reason, hint) => {
  await run(['create', '--type', 'token', 'tok'])
  await run(['set', 'tok', 'token'], { input: 'hunter2' })
  const { env, calls } = await standIns('exit 0', { web: {} }, said)
  expect(await runHere(['run', '--env-box', given, 'web'], { env })).toMatchObject(
    failed(`error: cannot take the variables of "${place}": ${reason}\n${hint}`, 1)
  )
  expect(await calls()).toEqual([])
})

test('an image without a program is told, and one that is not there', async () => {
  const { env } = await standIns('exit 1', { bare: {} })
  expect(await runHere(['run', '--env-box', 'app', 'bare'], { env })).toMatchObject(
    failed('error: no command is given, and the image has none\nhint: name one after the image\n', 2)
  )
  expect((await runHere(['run', '--pull=never', '--env-box', 'app', 'none', 'x'], { env })).stderr).toBe(
    'error: cannot find out what the container is to run: there is no image "none"\n'
  )
})

test('a check of words needs a shell in the image, and one that is a shell finds its own', async () => {
  const { env, calls } = await standIns('exit 0', { web: {} }, { config: { web } })
  const args = ['--env-box', 'app', 'web']
  expect(await runHere(['run', ...args], { env })).toMatchObject(
    failed(
      'error: cannot give the image\'s health check its variables: --health-cmd is run by a shell, and the image has no "/bin/sh"\n' +
        'hint: leave the check out with --no-healthcheck, or run the container by docker vault compose\n',
      2
    )
  )
  expect(await calls()).toEqual([])
  const { env: failing } = await standIns('exit 0', { web: {} }, { ...said, removed: 500 })
  expect(await runHere(['run', ...args], { env: failing })).toMatchObject({
    stderr:
      'error: cannot remove the container that was made to look into an image: the Engine answered with status 500\n' +
      'hint: remove it: docker rm --force 0\n'
  })
  for (const instead of [['--no-healthcheck'], ['--health-cmd', 'true']])
    expect(await runHere(['run', ...instead, ...args], { env })).toMatchObject({ code: 0 })
  expect((await calls()).map(call => call.filter(word => word.startsWith('--health-cmd')).length)).toEqual([
    0, 1
  ])
})

test('exec runs a command by the launcher where the container has variables, and else as docker does', async () => {
  const containers = {
    web: { Path: launcher, Args: [inEnv(1, '.env'), '--', '/entry', '--', 'x'] },
    plain: { Path: '/entry', Args: ['--', 'x'] }
  }
  const { env, calls } = await standIns('exit 7', {}, { containers })
  for (const name of ['web', 'plain', 'none'])
    expect(await runHere(['exec', '-it', '-u', '5', name, 'sh', '-c', '-e'], { env })).toMatchObject({
      code: 7
    })
  expect(await calls()).toEqual([
    ['exec', '-i', '-t', '-u', '5', 'web', launcher, inEnv(1, '.env'), '--', 'sh', '-c', '-e'],
    ['exec', '-i', '-t', '-u', '5', 'plain', 'sh', '-c', '-e'],
    ['exec', '-i', '-t', '-u', '5', 'none', 'sh', '-c', '-e']
  ])
  expect(await runHere(['exec', 'web'], { env })).toMatchObject(
    failed('error: name the container and a command\nhint: see: docker exec --help\n', 2)
  )
})
