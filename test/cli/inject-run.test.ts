import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { driverAt } from '../kit/driver.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done } from '../kit/run-program.ts'
import { standIns } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, runHere, program, daemon } = useCli()
const image = { web: {} }
const volume = (box: string, target: string): string[] => [
  '--mount',
  `type=volume,volume-driver=secretbox,volume-opt=box=${box},volume-opt=transient=true,target=${target},volume-nocopy`
]

beforeAll(async () => {
  await run(['create', 'db', 'tls'])
  await run(['put', 'db', 'password'], { input: 'hunter2' })
  await run(['create', 'nested'])
  await run(['put', 'nested', 'dir/file'], { input: 'x' })
  await run(['put', 'nested', 'dir/deep/file'], { input: 'x' })
})

test('row 42: boxes become mounts and a label, and everything else goes to docker as it is', async () => {
  const { env, calls } = await standIns('exit 0', image)
  const args = [
    '-it',
    '--inject',
    'db',
    '--name=web',
    '--inject=tls:certs',
    '-p',
    '80:80',
    'web',
    'sh',
    '--inject',
    'x'
  ]
  expect(await runHere(['run', ...args], { env })).toMatchObject(done())
  const injected = [
    { box: 'db', version: 2, target: '/run/vault/db' },
    { box: 'tls', version: 1, target: '/run/vault/certs' }
  ]
  expect(await calls()).toEqual([
    [
      'run',
      ...volume('db', '/run/vault/db'),
      ...volume('tls', '/run/vault/certs'),
      '--label',
      `io.secretbox.injected=${JSON.stringify(injected)}`,
      '--label',
      expect.stringMatching(/^io\.secretbox\.digest=[0-9a-f]{64}$/),
      ...['-i', '-t', '--name=web', '-p', '80:80', 'web', 'sh', '--inject', 'x']
    ]
  ])
})

test('row 43: a container is created likewise', async () => {
  const { env, calls } = await standIns('exit 0', image)
  expect(await runHere(['create-container', '--inject', 'db:/etc/db', 'web'], { env })).toMatchObject(done())
  const [call] = await calls()
  expect(call?.slice(0, 3)).toEqual(['create', ...volume('db', '/etc/db')])
})

test('the Engine that was chosen before "vault" is docker\'s, too', async () => {
  const { env, calls } = await standIns('exit 0', image)
  const host = env['DOCKER_HOST'] ?? ''
  expect(await runHere(['--config', '/etc', '-H', host, 'vault', 'run', 'web'], { env })).toMatchObject(
    done()
  )
  expect(await calls()).toEqual([['--config', '/etc', '--host', host, 'run', 'web']])
})

test("docker's name for the plugin can be another", async () => {
  const { env, calls } = await standIns('exit 0', image)
  await runHere(['run', '--inject', 'db', 'web'], { env: { ...env, SECRETBOX_DRIVER: 'me/box:v2' } })
  expect((await calls())[0]?.[2]).toContain('volume-driver=me/box:v2,')
})

test('row 50: a missing box is told before docker is called, and so is every other', async () => {
  const { env, calls } = await standIns('exit 0', image)
  expect(
    await runHere(['run', '--inject', 'no', '--inject', 'db', '--inject', 'nor', 'web'], { env })
  ).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'error: no such box "no"\nhint: docker vault list --boxes shows those that there are\n' +
      'error: no such box "nor"\nhint: docker vault list --boxes shows those that there are\n'
  })
  expect(await calls()).toEqual([])
})

test.each([
  [['--inject', 'db', '--inject', 'tls:db'], '/run/vault/db', '--inject db', '--inject tls:db'],
  [
    ['--inject', 'db:/etc/x', '-v', '/src:/etc//x/:ro'],
    '/etc/x',
    '--inject db:/etc/x',
    '-v /src:/etc//x/:ro'
  ],
  [['--tmpfs=/run/vault/db', '--inject', 'db'], '/run/vault/db', '--inject db', '--tmpfs=/run/vault/db'],
  [
    ['--inject-dir', '/usr/share:db', '--inject', 'db'],
    '/run/vault/db',
    '--inject db',
    '--inject-dir /usr/share:db'
  ],
  [['-v', 'a:/x', '--mount', 'type=tmpfs,dst=/x'], '/x', '-v a:/x', '--mount type=tmpfs,dst=/x']
])('row 94: %j mounts two things at one place', async (args, target, one, other) => {
  const { env, calls } = await standIns('exit 0', image)
  expect(await runHere(['run', ...args, 'web'], { env })).toMatchObject({
    code: 2,
    stderr:
      `error: cannot mount two things at "${target}": "${one}" and "${other}"\n` +
      'hint: give one of them another place, as in --inject box:alias\n'
  })
  expect(await calls()).toEqual([])
})

const ownDriver = 'type=volume,volume-driver=secretbox,volume-opt=box=nested'

test.each([
  [
    ['--inject', 'nested:/run/vault', '--inject', 'db'],
    'it has no "db"',
    '--inject db',
    '--inject nested:/run/vault'
  ],
  [
    ['--inject', 'nested', '-v', 'x:/run/vault/nested/y'],
    'it has no "y"',
    '-v x:/run/vault/nested/y',
    '--inject nested'
  ],
  [
    ['--inject', 'nested', '--tmpfs', '/run/vault/nested/y:ro'],
    'it has no "y"',
    '--tmpfs /run/vault/nested/y:ro',
    '--inject nested'
  ],
  [
    ['--inject', 'nested:/x', '--inject', 'db:/x/dir/file'],
    '"dir/file" in it is a file',
    '--inject db:/x/dir/file',
    '--inject nested:/x'
  ],
  [
    ['--inject', 'nested:/x', '--inject', 'tls:/x/dir', '--inject', 'db:/x/dir/a'],
    'it has no "a"',
    '--inject db:/x/dir/a',
    '--inject tls:/x/dir'
  ],
  [
    ['--mount', `${ownDriver},dst=/x`, '--inject', 'db:/x/db'],
    'it has no "db"',
    '--inject db:/x/db',
    `--mount ${ownDriver},dst=/x`
  ],
  [
    ['-v', '/usr:/x:ro', '--inject', 'db:/x/nowhere'],
    'it has no "nowhere"',
    '--inject db:/x/nowhere',
    '-v /usr:/x:ro'
  ],
  [
    ['--inject-dir', '/usr:/x', '--inject', 'db:/x/nowhere'],
    'it has no "nowhere"',
    '--inject db:/x/nowhere',
    '--inject-dir /usr:/x'
  ],
  [['--inject', 'nested:/etc'], 'it has no "hosts"', "the Engine's /etc/hosts", '--inject nested:/etc'],
  [['--inject', 'nested:/srv'], 'it has no "data"', 'VOLUME /srv/data/', '--inject nested:/srv']
])('row 94: %j has no place for what is nested', async (args, reason, inner, outer) => {
  const { env, calls } = await standIns('exit 0', image, { volumes: { web: ['/srv/data/', '/srv'] } })
  expect(await runHere(['run', ...args, 'web'], { env })).toMatchObject({
    code: 2,
    stderr:
      `error: cannot mount "${inner}" in "${outer}": that is read-only, and ${reason}\n` +
      'hint: give one of them another place, as in --inject box:alias\n'
  })
  expect(await calls()).toEqual([])
})

test.each([
  [['--tmpfs', '/run', '--inject', 'db']],
  [['--tmpfs', '/run:ro', '--inject', 'db']],
  [['-v', 'data:/run', '--inject', 'db']],
  [['-v', 'data:/run/vault:ro', '--inject', 'db']],
  [['-v', '/usr:/x:ro', '--inject', 'db:/x/share']],
  [['--inject', 'nested:/x', '--inject', 'db:/x/dir']],
  [['--inject', 'nested:/x', '-v', '/etc/hostname:/x/dir/file']],
  [['--inject', 'nested:/x', '--tmpfs', '/x/dir', '--inject', 'db:/x/dir/any']],
  [['--mount', `${ownDriver},volume-opt=rw=true,dst=/x`, '--inject', 'db:/x/db']],
  [['--mount', `${ownDriver},volume-opt=path=dir,dst=/x`, '-v', 'v:/x/deep']],
  [['--inject', 'db:/run/vault', '--inject', 'tls:/run/vault2']]
])('%j has a place for what is nested', async args => {
  const { env, calls } = await standIns('exit 0', image)
  expect(await runHere(['run', ...args, 'web'], { env })).toMatchObject(done())
  expect(await calls()).toHaveLength(1)
})

const mountOf = (name: string, ...options: string[]): string =>
  [`type=volume,src=${name},dst=/x`, ...options.map(option => `volume-opt=${option}`)].join(',')

test('options that docker will pass over, since the volume exists, are warned of', async () => {
  const { env, calls } = await standIns('exit 0', image)
  const driver = driverAt(daemon().pluginSocket)
  await driver.call('Create', { Name: 'made', Opts: { box: 'db', mode: '0400' } })
  driver.close()
  const ours = 'volume-driver=secretbox:latest'
  for (const mount of [
    mountOf('made'),
    `${mountOf('made', 'box=db', 'mode=0o400', 'uid=0')},${ours}`,
    `${mountOf('new', 'box=db', 'mode=0440')},${ours}`,
    `${mountOf('made', 'mode=0440')},volume-driver=local`,
    mountOf('no/name', 'mode=0440'),
    'type=volume,dst=/x,volume-driver=secretbox,volume-opt=box=tls'
  ])
    expect(await runHere(['run', '--mount', mount, 'web'], { env })).toMatchObject(done())
  const told = async (verb: string, mount: string): Promise<string> => {
    const { code, stderr } = await runHere([verb, '--inject', 'tls', '--mount', mount, 'web'], { env })
    expect(code).toBe(0)
    return stderr
  }
  const hint =
    'hint: docker asks no driver about a volume that exists, and takes it as it is: ' +
    'remove it first (docker volume rm made), or use another name\n'
  expect(await told('run', `${mountOf('made', 'box=db', 'mode=0440', 'rw=true')},${ours}`)).toBe(
    'warning: volume "made" exists already, with mode=0400 instead of mode=0440, rw=false instead of rw=true\n' +
      hint
  )
  // Neither does docker need the driver's name.
  expect(await told('create-container', mountOf('made', 'box=db', 'mode=256'))).toBe(
    `warning: volume "made" exists already, with mode=0400 instead of mode=256\n${hint}`
  )
  expect(await told('run', mountOf('made', 'box=db', 'Mode=0400'))).toBe(
    `warning: volume "made" exists already, with mode=0400 instead of no mode, no Mode instead of Mode=0400\n${hint}`
  )
  expect((await calls()).filter(([verb]) => verb === 'run' || verb === 'create')).toHaveLength(9)
})

test('what a volume that exists shows is what it was made with', async () => {
  const { env, calls } = await standIns('exit 0', image)
  const driver = driverAt(daemon().pluginSocket)
  await driver.call('Create', { Name: 'shows-nested', Opts: { box: 'nested' } })
  driver.close()
  const flag = `type=volume,volume-driver=secretbox,src=shows-nested,dst=/x,volume-opt=box=`
  expect(
    await runHere(['run', '--mount', `${flag}tls`, '--inject', 'db:/x/dir', 'web'], { env })
  ).toMatchObject({
    code: 0
  })
  expect(
    await runHere(['run', '--mount', `${flag}db`, '--inject', 'db:/x/password', 'web'], { env })
  ).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('that is read-only, and it has no "password"') as string
  })
  expect(await calls()).toHaveLength(1)
})

test('with an Engine that remaps users boxes belong to root of the container', async () => {
  const info = { DockerRootDir: '/var/lib/docker/100000.200000', SecurityOptions: ['name=userns'] }
  const { env, calls } = await standIns('exit 0', image, { info })
  await runHere(['run', '--inject', 'db', 'web'], { env })
  await runHere(['run', '--inject', 'db', '--userns=host', 'web'], { env })
  await runHere(['create-container', '--inject-dir', '/etc/default:x', 'web'], { env })
  await runHere(['run', 'web'], { env })
  const [remapped, host, directory, none] = await calls()
  expect(remapped?.[2]).toContain(
    'volume-opt=box=db,volume-opt=uid=100000,volume-opt=gid=200000,volume-opt=transient=true,target='
  )
  expect(host?.[2]).toBe(volume('db', '/run/vault/db')[1])
  expect(directory?.[2]).toMatch(/volume-opt=uid=100000,volume-opt=gid=200000,volume-opt=ephemeral=true/)
  expect(none).toEqual(['run', 'web'])
})

test.each([
  [{ DockerRootDir: '/data/1000.1000', SecurityOptions: ['name=seccomp,profile=default'] }],
  [{ DockerRootDir: '/var/lib/docker', SecurityOptions: ['name=userns'] }],
  [{ DockerRootDir: '/var/lib/docker' }]
])('an Engine that says %j remaps nobody', async info => {
  const { env, calls } = await standIns('exit 0', image, { info })
  await runHere(['run', '--inject', 'db', 'web'], { env })
  expect((await calls())[0]?.[2]).toBe(volume('db', '/run/vault/db')[1])
})

test.each([
  [['run'], 'name the image', 'see: docker run --help'],
  [['run', '--inject'], 'flag "--inject" needs a value', null],
  [
    ['run', '--inject', 'db:etc/pg', 'web'],
    'bad flag "--inject db:etc/pg": bad box name "etc/pg": it contains "/"',
    'write it as --inject BOX, --inject BOX:ALIAS or --inject BOX:/PATH'
  ],
  [
    ['run', '--inject-dir', '/', 'web'],
    'bad flag "--inject-dir /": bad box name "": it is empty',
    'write it as --inject-dir DIR, --inject-dir DIR:ALIAS or --inject-dir DIR:/PATH'
  ],
  [['run', '--inject-dir', '/nowhere', 'web'], 'cannot inject "/nowhere": there is no such directory', null],
  [
    ['create-container', '--frob', 'web'],
    'unknown flag "--frob"',
    'if your docker knows it, write it with an equals sign and its value, as in --flag=value or --switch=true'
  ]
])('%j is a mistake', async (args, message, hint) => {
  const { env, calls } = await standIns()
  const stderr = `error: ${message}\n${hint === null ? '' : `hint: ${hint}\n`}`
  expect(await runHere(args, { env })).toMatchObject({ code: 2, stderr })
  expect(await calls()).toEqual([])
})

test('rows 15 and 48: a box that the image asks for and nobody injects is empty, and the user is told', async () => {
  const hints = { 'io.secretbox.boxes': '["db","tls","a b","mine","parent/../x"]' }
  const asking = { ...hints, 'io.secretbox.boxes': '["db","tls","a b","mine"]' }
  const { env, calls } = await standIns('exit 0', { 'my/web:1': asking, odd: hints })
  const args = ['run', '--inject', 'tls', '-v', 'x:/run/vault/mine', 'my/web:1']
  expect(await runHere(args, { env })).toMatchObject({
    code: 0,
    stderr:
      'note: the image asks for box "db", which is not injected: /run/vault/db is empty\n' +
      'note: the image asks for box "a b", which is not injected: /run/vault/a b is empty\n'
  })
  const empty = (target: string): string[] => [
    '--mount',
    `type=tmpfs,target=${target},tmpfs-mode=0555,tmpfs-size=4096,readonly`
  ]
  const [call = []] = await calls()
  expect(call.slice(0, 7)).toEqual([
    'run',
    ...volume('tls', '/run/vault/tls'),
    ...empty('/run/vault/db'),
    ...empty('/run/vault/a b')
  ])
  expect((await runHere(['run', 'odd'], { env })).stderr).toBe(
    'note: label io.secretbox.boxes of image "odd" is not a JSON array of box names\n'
  )
})

test('row 45: a box under the name that the image asks for fulfils its hint', async () => {
  const { env } = await standIns('exit 0', { web: { 'io.secretbox.boxes': '["production"]' } })
  expect(await runHere(['run', '--inject', 'db:production', 'web'], { env })).toMatchObject(done())
})

test('an image that is not there is pulled first, for what it asks for', async () => {
  const { env, calls } = await standIns('[ "$1" != pull ] || echo pulled')
  const args = ['--platform=linux/arm64', '-q', 'my/web:1']
  expect(await run(['run', ...args], { env })).toMatchObject({ code: 0, stdout: '', stderr: 'pulled\n' })
  expect(await calls()).toEqual([
    ['pull', '--platform', 'linux/arm64', '--quiet', 'my/web:1'],
    ['run', ...args]
  ])
})

test('--pull=always pulls again, --pull=never never', async () => {
  const { env, calls } = await standIns('exit 0', image)
  await runHere(['run', '--pull', 'always', 'web'], { env })
  await runHere(['run', '--pull=never', 'absent'], { env })
  expect(await calls()).toEqual([
    ['pull', 'web'],
    ['run', '--pull=never', 'web'],
    ['run', '--pull=never', 'absent']
  ])
})

test("an image that cannot be pulled ends as docker's own run and create do", async () => {
  const { env, calls } = await standIns('exit 1')
  expect((await runHere(['run', 'absent'], { env })).code).toBe(125)
  expect((await runHere(['create-container', 'absent'], { env })).code).toBe(1)
  expect(await calls()).toEqual([
    ['pull', 'absent'],
    ['pull', 'absent']
  ])
})

test("docker's exit status, input and output are ours", async () => {
  const { env } = await standIns('cat; echo oops >&2; exit 42', image)
  expect(await run(['run', 'web'], { env, input: 'through' })).toMatchObject({
    code: 42,
    stdout: 'through',
    stderr: 'oops\n'
  })
})

test('without docker or without an Engine it says so', async () => {
  const { env } = await standIns('exit 0', image)
  expect(await runHere(['run', 'web'], { env: { ...env, PATH: '/nowhere' } })).toMatchObject({
    code: 1,
    stderr: 'error: cannot run "docker": no such file or directory\nhint: install the docker client\n'
  })
  expect(
    await runHere(['run', 'web'], { env: { ...env, DOCKER_HOST: 'unix:///nowhere.sock' } })
  ).toMatchObject({
    code: 3,
    stderr:
      'error: cannot reach the Engine: there is no socket at "/nowhere.sock"\nhint: is dockerd running? see: docker version\n'
  })
})

/** Starts the program and resolves once docker stands in, which then says so. */
async function started(env: NodeJS.ProcessEnv, args: string[]): Promise<ChildProcess> {
  const child = spawn(program, [...args], {
    env: { ...env, SECRETBOX_SOCKET: daemon().adminSocket },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  await once(child.stdout, 'data')
  return child
}

const untilSignal = (action: string): string =>
  `trap '${action}' HUP INT QUIT TERM USR1 USR2; echo ready; while :; do sleep 0.05; done`

test.each(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const)(
  '%s that reaches us reaches docker, whose end is ours',
  async signal => {
    const { env } = await standIns(untilSignal('exit 9'), image)
    const child = await started(env, ['run', 'web'])
    const ended = once(child, 'exit')
    child.kill(signal)
    expect(await ended).toEqual([9, null])
  }
)

test('a docker that a signal ends takes us along by the same', async () => {
  const { env } = await standIns('echo ready; kill -KILL $$', image)
  const child = await started(env, ['run', 'web'])
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
})

test('a docker that started us and hangs up is one that was told to end', async () => {
  const { env } = await standIns(untilSignal('exit 7'), image)
  const name = `docker_cli_${process.pid}`
  const parent = createServer().listen(`\0${name}`)
  const connected = once(parent, 'connection') as Promise<[{ end(): void }]>
  const child = await started({ ...env, DOCKER_CLI_PLUGIN_SOCKET: `@${name}` }, ['run', 'web'])
  const ended = once(child, 'exit')
  const [connection] = await connected
  connection.end()
  expect(await ended).toEqual([7, null])
  parent.close()
})

const boxes = async (): Promise<string[]> =>
  (await run(['list', '--boxes'])).stdout.split('\n').filter(name => name.startsWith('ephemeral-'))

test('rows 76 and 77: a directory is injected as a box that nobody can guess, gone when no volume shows it', async () => {
  const directory = join(temporaryDirectory(), 'my secrets')
  await mkdir(join(directory, 'empty'), { recursive: true })
  await writeFile(join(directory, 'key'), 'k', { mode: 0o640 })
  await symlink('key', join(directory, 'link'))
  // What docker would show the daemon: the box, while it is there.
  const list = `${program} list --format '{{.Box}}:{{.Path}} {{.Mode}}' | grep ^ephemeral`
  const { env, calls } = await standIns(list, image)
  const { code, stdout } = await run(
    ['run', '--inject-dir', directory, '--inject-dir', `${directory}:x`, 'web'],
    { env }
  )
  expect(code).toBe(0)
  const [name = '', other] = [...new Set(stdout.match(/^ephemeral-[0-9a-f]{32}(?=:)/gm))]
  expect(other).toMatch(/^ephemeral-/)
  expect(stdout).toContain(`${name}:empty 0755`)
  expect(stdout).toContain(`${name}:key 0640`)
  expect(stdout).toContain(`${name}:link`)
  const call = (await calls())[0]?.join(' ') ?? ''
  expect(call).toMatch(
    /volume-opt=box=ephemeral-[0-9a-f]{32},volume-opt=ephemeral=true,volume-opt=transient=true,target=\/run\/vault\/my secrets,/
  )
  expect(call).toContain('target=/run/vault/x,')
  expect(call).toMatch(
    /io\.secretbox\.injected=\[\{"box":"ephemeral-[0-9a-f]{32}","version":2,"target":"\/run\/vault\/my secrets"\}/
  )
  expect(await boxes()).toEqual([])
})

test('of a directory everything is injected or nothing, and docker is not called', async () => {
  const directory = temporaryDirectory()
  await writeFile(join(directory, 'key'), 'k')
  const socket = createServer().listen(join(directory, 'socket'))
  await once(socket, 'listening')
  const { env, calls } = await standIns('exit 0', image)
  expect(await runHere(['run', '--inject-dir', directory, 'web'], { env })).toMatchObject({
    code: 1,
    stderr:
      `error: cannot add "${directory}/socket": it is a socket\nhint: files, directories and symlinks can be added\n` +
      `error: cannot inject "${directory}": not all of it can be put into a box\n`
  })
  socket.close()
  expect(await calls()).toEqual([])
  expect(await boxes()).toEqual([])
})

test('symlinks that lead out of a directory stay symlinks, and are told with what to do', async () => {
  const directory = temporaryDirectory()
  await mkdir(join(directory, 'live'))
  await writeFile(join(directory, 'key'), 'k')
  await symlink('../key', join(directory, 'live/key'))
  const { env } = await standIns('exit 0', image)
  expect(await runHere(['run', '--inject-dir', join(directory, 'live'), 'web'], { env })).toMatchObject({
    code: 0,
    stderr:
      'warning: "key" is a symlink to "../key", which leads out of the box\n' +
      'hint: inject the directory that holds what symlinks lead to as well, or put it into a box with: cp -L\n'
  })
})

test('a signal while docker runs leaves no box behind either', async () => {
  const { env } = await standIns(untilSignal('exit 3'), image)
  const child = await started(env, ['run', '--inject-dir', temporaryDirectory(), 'web'])
  expect(await boxes()).toHaveLength(1)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([3, null])
  expect(await boxes()).toEqual([])
})

test('help tells of our own flags and leaves the others to docker', async () => {
  const { env, calls } = await standIns()
  const { code, stdout } = await runHere(['run', '--help'], { env })
  expect(code).toBe(0)
  expect(stdout).toContain('--inject BOX[:ALIAS|:/PATH][,OPTION]...')
  expect(stdout).toContain('--inject-dir DIR[:ALIAS|:/PATH]\n')
  expect(stdout).toContain('that is kept nowhere, and lost when it stops')
  expect(stdout).toContain('Everything else is as in: docker run --help')
  expect(await calls()).toEqual([])
})
