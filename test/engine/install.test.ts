import { lstat, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../../rootfs-build/bundle.ts'
import { tryCommand, type Finished } from './command.ts'
import { importTestImage } from './image.ts'
import { builtCli } from './plugin.ts'
import { startPrivateEngine, type PrivateEngine } from './private-engine.ts'
import { makeBox, mountArgument, runScript, startContainer } from './shared-engine.ts'

let engine: PrivateEngine
let host: string
let places: Record<
  | 'DATA_DIR'
  | 'KEY_DIR'
  | 'CLI_PLUGINS_DIR'
  | 'BIN_DIR'
  | 'BASH_COMPLETION_DIR'
  | 'ZSH_COMPLETION_DIR'
  | 'FISH_COMPLETION_DIR',
  string
>

beforeAll(async () => {
  engine = await startPrivateEngine()
  host = join(engine.root, 'host')
  places = {
    DATA_DIR: join(host, 'lib'),
    KEY_DIR: join(host, 'etc/secretbox'),
    CLI_PLUGINS_DIR: join(engine.root, 'docker-config/cli-plugins'),
    BIN_DIR: join(host, 'bin'),
    BASH_COMPLETION_DIR: join(host, 'etc/bash_completion.d'),
    ZSH_COMPLETION_DIR: join(host, 'share/zsh/site-functions'),
    FISH_COMPLETION_DIR: join(host, 'etc/fish/conf.d')
  }
  // A host on which some of the directories are there, with things of others in them.
  await mkdir(places.BASH_COMPLETION_DIR, { recursive: true })
  await mkdir(places.ZSH_COMPLETION_DIR, { recursive: true })
  await writeFile(join(places.BASH_COMPLETION_DIR, 'git'), "# somebody else's")
  await importTestImage(engine)
})

afterAll(() => engine.stop())

function run(script: 'install' | 'uninstall', env: Record<string, string> = {}): Promise<Finished> {
  const file = join(projectRoot, 'install', `${script}.ts`)
  return tryCommand(process.execPath, [file], { env: { ...engine.env, ...places, ...env } })
}

/** What lies on the host, but for what the daemon keeps. */
async function hostTree(): Promise<string[]> {
  const entries = await readdir(host, { recursive: true })
  return entries.filter(path => !/^(lib|etc\/secretbox)(\/|$)/.test(path)).sort()
}

const missing = { code: 'ENOENT' }
const plugins = (): Promise<string> => engine.docker(['plugin', 'ls', '--format', '{{.Name}}'])

const foreign = [
  'etc',
  'etc/bash_completion.d',
  'etc/bash_completion.d/git',
  'share',
  'share/zsh',
  'share/zsh/site-functions'
]
const installed = [
  'bin',
  'bin/docker-vault',
  'bin/secretbox',
  'etc/bash_completion.d/docker-vault',
  'etc/fish',
  'etc/fish/conf.d',
  'etc/fish/conf.d/docker-vault.fish',
  'share/zsh/site-functions/_docker-vault'
]

test('install takes the place of nothing that others put there, and then changes nothing', async () => {
  await mkdir(places.BIN_DIR)
  const path = join(places.BIN_DIR, 'secretbox')
  await writeFile(path, 'another program')
  const { code, stderr } = await run('install')
  expect(code).toBe(1)
  expect(stderr).toBe(
    `error: cannot install "${path}": something else has that name\n` +
      'hint: move it away, or choose another directory: make install BIN_DIR=/path/to/directory\n'
  )
  expect(await plugins()).toBe('')
  expect(await readFile(path, 'utf8')).toBe('another program')
  expect(await run('uninstall')).toMatchObject({ code: 0 })
  expect(await readFile(path, 'utf8')).toBe('another program')
  await rm(places.BIN_DIR, { recursive: true })
  expect(await hostTree()).toEqual(foreign)
})

test('install needs no more than the Engine, and names three commands that work next', async () => {
  const { code, stdout, stderr } = await run('install')
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(await plugins()).toBe('secretbox:latest\n')
  expect((await stat(places.DATA_DIR)).mode & 0o777).toBe(0o700)
  expect((await stat(places.KEY_DIR)).mode & 0o777).toBe(0o700)
  expect(await readlink(join(places.CLI_PLUGINS_DIR, 'docker-vault'))).toBe(builtCli)
  expect(await hostTree()).toEqual([...foreign, ...installed].sort())

  const commands = stdout.split('\n').filter(line => line.startsWith('  docker '))
  expect(commands).toHaveLength(3)
  for (const command of commands) {
    const args = command.trim().replace(' debian ', ' secretbox-test ').split(' ').slice(1)
    await engine.docker(args)
  }
  expect(await engine.docker(['vault', 'list', 'db'])).toContain('db:password')
})

test('docker-vault and secretbox are programs on the PATH, each under its own name', async () => {
  for (const name of ['docker-vault', 'secretbox']) {
    const program = join(places.BIN_DIR, name)
    expect((await tryCommand(program, ['list', '--boxes'], { env: engine.env })).stdout).toBe('db\n')
    expect((await tryCommand(program, ['--help'], { env: engine.env })).stdout).toContain(
      `Usage: ${name} COMMAND`
    )
  }
})

test('the completion scripts are those that the program prints', async () => {
  for (const [shell, path] of [
    ['bash', join(places.BASH_COMPLETION_DIR, 'docker-vault')],
    ['zsh', join(places.ZSH_COMPLETION_DIR, '_docker-vault')],
    ['fish', join(places.FISH_COMPLETION_DIR, 'docker-vault.fish')]
  ] as const) {
    expect(await readFile(path, 'utf8')).toBe(await engine.docker(['vault', 'completion', shell]))
    expect((await stat(path)).mode & 0o777).toBe(0o644)
  }
})

test('a second install upgrades in place: settings, boxes, volumes and stopped containers are kept', async () => {
  await makeBox(engine, 'web', { token: 'hunter2' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', 'web'])
  const container = await startContainer(engine, mountArgument({ volume: 'web' }))
  await engine.docker(['stop', container])
  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  await engine.docker(['plugin', 'set', 'secretbox', 'LOG_LEVEL=warn', 'MAX_VERSIONS=7'])
  await engine.docker(['plugin', 'enable', 'secretbox'])

  // Other places are of no interest any more: the installed plugin's own are kept.
  const { code, stdout } = await run('install', { DATA_DIR: '/nowhere' })
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^keeping its settings: .*\nupgraded the plugin "secretbox" in the Engine at .*, and "docker vault"\n$/
  )
  const settings = await engine.docker(['plugin', 'inspect', '--format', '{{json .Settings}}', 'secretbox'])
  for (const kept of ['LOG_LEVEL=warn', 'MAX_VERSIONS=7', places.DATA_DIR]) expect(settings).toContain(kept)
  await engine.docker(['start', container])
  expect(await engine.docker(['exec', container, 'cat', '/secrets/token'])).toBe('hunter2')
  await engine.docker(['rm', '--force', container])
})

test('while a running container holds a copy, install and uninstall refuse and name the container', async () => {
  const container = await startContainer(engine, mountArgument({ volume: 'web' }))
  for (const [script, action] of [
    ['install', 'upgrade'],
    ['uninstall', 'uninstall']
  ] as const) {
    const { code, stderr } = await run(script)
    expect(code).toBe(1)
    expect(stderr).toBe(
      `error: cannot ${action} the plugin: running containers use its volumes: ${container} (volume web)\n` +
        'hint: stop them first; start them again afterwards\n'
    )
  }
  expect(await engine.docker(['exec', container, 'cat', '/secrets/token'])).toBe('hunter2')
  await engine.docker(['rm', '--force', container])
})

test('uninstall leaves boxes and key, and a later install finds them again', async () => {
  const { code, stdout } = await run('uninstall')
  expect(code).toBe(0)
  expect(stdout).toContain(`boxes in ${places.DATA_DIR} and key in ${places.KEY_DIR}: still there`)
  expect(await plugins()).toBe('')
  expect(await hostTree()).toEqual(foreign)
  await expect(lstat(join(places.CLI_PLUGINS_DIR, 'docker-vault'))).rejects.toMatchObject(missing)

  expect((await run('install')).code).toBe(0)
  expect(await engine.docker(['vault', 'read', 'web:token'])).toBe('hunter2')
  expect(await runScript(engine, mountArgument({ volume: 'web' }), 'cat /secrets/token')).toBe('hunter2')
})

test('uninstall with PURGE=1 refuses while there are volumes, and then deletes boxes and key', async () => {
  const refused = await run('uninstall', { PURGE: '1' })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/^error: cannot purge: there are volumes of the plugin: .*web/)
  expect(refused.stderr).toContain('hint: remove them first: docker volume rm ')
  const volumes = (await engine.docker(['volume', 'ls', '--quiet'])).trim().split('\n')
  await engine.docker(['volume', 'rm', ...volumes])

  const { code, stdout } = await run('uninstall', { PURGE: '1' })
  expect(code).toBe(0)
  expect(stdout).toContain('deleted')
  await expect(stat(places.DATA_DIR)).rejects.toMatchObject(missing)
  await expect(stat(places.KEY_DIR)).rejects.toMatchObject(missing)
})

test('uninstall finds what install put elsewhere, and leaves what was changed since', async () => {
  const elsewhere = join(host, 'opt/secretbox/bin')
  expect(await run('install', { BIN_DIR: elsewhere })).toMatchObject({ code: 0 })
  expect(await run('install', { BIN_DIR: elsewhere })).toMatchObject({ code: 0 })
  const replaced = join(elsewhere, 'secretbox')
  await rm(replaced)
  await writeFile(replaced, 'another program')
  expect(await run('uninstall', { PURGE: '1' })).toMatchObject({ code: 0 })
  expect(await hostTree()).toEqual(
    [...foreign, 'opt', 'opt/secretbox', 'opt/secretbox/bin', 'opt/secretbox/bin/secretbox'].sort()
  )
})

test('uninstall of what is not installed says so and is no error', async () => {
  const { code, stdout } = await run('uninstall')
  expect(code).toBe(0)
  expect(stdout).toContain('the plugin was not installed')
})

test('a missing Engine, one elsewhere, and a missing docker get clear errors', async () => {
  const absent = await run('install', { DOCKER_HOST: 'unix:///nowhere/docker.sock' })
  expect(absent).toMatchObject({
    code: 1,
    stderr:
      'error: no Engine\'s socket at "/nowhere/docker.sock"\n' +
      'hint: start Docker, or name the socket: make install DOCKER_SOCKET=/path/to/docker.sock\n'
  })
  expect(await run('install', { DOCKER_HOST: 'tcp://127.0.0.1:1' })).toMatchObject({
    code: 1,
    stderr:
      'error: cannot install into the Engine at "tcp://127.0.0.1:1"\n' +
      "hint: run this on the Engine's own host\n"
  })
  for (const script of ['install', 'uninstall'] as const) {
    expect(await run(script, { PATH: '/nowhere' })).toMatchObject({
      code: 1,
      stderr:
        'error: there is no docker command\n' +
        'hint: install Docker Engine, on Debian: apt-get install docker.io\n'
    })
  }
  const stopped = await run('uninstall', { DOCKER_HOST: 'unix:///nowhere/docker.sock' })
  expect(stopped.code).toBe(1)
  expect(stopped.stderr).toMatch(
    /^error: docker plugin ls failed: .*\nhint: is the Engine running\? try: docker info\n$/s
  )
})

test('whoever is not root is told to be', async () => {
  const command = ['--reuid=65534', '--clear-groups', process.execPath]
  for (const script of ['install', 'uninstall']) {
    const file = join(projectRoot, 'install', `${script}.ts`)
    expect(await tryCommand('setpriv', [...command, file], { env: engine.env })).toMatchObject({
      code: 1,
      stderr: `error: cannot ${script}: not root\nhint: try: sudo make ${script}\n`
    })
  }
})
