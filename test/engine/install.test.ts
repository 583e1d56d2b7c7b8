import { copy, ensureDir, remove } from 'fs-extra/esm'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { refuseSharedPlaces } from '../../install/files.ts'
import { readPlaces } from '../../install/places.ts'
import { projectRoot } from '../../rootfs-build/bundle.ts'
import { node } from '../../rootfs-build/packages.ts'
import { builtPlugins } from '../kit/built.ts'
import { startDaemon } from '../kit/daemon-process.ts'
import { smallDisk } from '../kit/tmpfs.ts'
import { runCommand, tryCommand, type Finished } from '../kit/engine/command.ts'
import { importTestImage } from '../kit/engine/image.ts'
import { dockerThatPutsNode, putNode } from '../kit/engine/plugin.ts'
import { startPrivateEngine, type PrivateEngine } from '../kit/engine/private-engine.ts'
import { makeBox, mountArgument, runScript, startContainer } from '../kit/engine/shared-engine.ts'

let engine: PrivateEngine
/** A checkout whose plugin is one of tests, for most cases; and the environment in which its scripts run. */
let checkout: string
let scriptEnv: NodeJS.ProcessEnv
let host: string
let places: Record<
  | 'DATA_DIR'
  | 'KEY_DIR'
  | 'LIB_DIR'
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
    LIB_DIR: join(host, 'libexec/secretbox'),
    CLI_PLUGINS_DIR: join(engine.root, 'docker-config/cli-plugins'),
    BIN_DIR: join(host, 'bin'),
    BASH_COMPLETION_DIR: join(host, 'etc/bash_completion.d'),
    ZSH_COMPLETION_DIR: join(host, 'share/zsh/site-functions'),
    FISH_COMPLETION_DIR: join(host, 'etc/fish/conf.d')
  }
  // A host on which some of the directories are there, with things of others in them.
  await ensureDir(places.BASH_COMPLETION_DIR)
  await ensureDir(places.ZSH_COMPLETION_DIR)
  await writeFile(join(places.BASH_COMPLETION_DIR, 'git'), "# somebody else's")
  await importTestImage(engine)
  checkout = await checkoutOf('checkout', 'build/docker-vault', 'build/cli')
  // Every installation copies it: a hundred megabytes less.
  await rm(join(checkout, 'build/cli/node'))
  await writeFile(join(checkout, 'build/cli/node'), `#!/bin/sh\nexec ${node} "$@"\n`, { mode: 0o755 })
  await copy(builtPlugins.plain, join(checkout, 'build/plugin'), { preserveTimestamps: true })
  scriptEnv = {
    ...engine.env,
    ...places,
    PATH: [await dockerThatPutsNode(engine), process.env['PATH']].join(':'),
    // Which takes a third off each start.
    NODE_COMPILE_CACHE: join(engine.root, 'compiled')
  }
})

afterAll(() => engine.stop())

/** A checkout in which these were built. */
async function checkoutOf(name: string, ...built: string[]): Promise<string> {
  const directory = join(engine.root, name)
  for (const part of ['install', 'src', 'package.json', ...built])
    await copy(join(projectRoot, part), join(directory, part))
  // `make` has put the packages there by then.
  await symlink(join(projectRoot, 'node_modules'), join(directory, 'node_modules'))
  return directory
}

function run(
  script: 'install' | 'uninstall',
  env: Record<string, string> = {},
  from = checkout
): Promise<Finished> {
  const file = join(from, 'install', `${script}.ts`)
  // As root is on a hardened host.
  const args = ['-c', 'umask 077 && exec "$0" "$1"', process.execPath, file]
  return tryCommand('/bin/sh', args, { env: { ...scriptEnv, ...env } })
}

/** What lies on the host, but for what the daemon keeps. */
async function hostTree(): Promise<string[]> {
  const entries = await readdir(host, { recursive: true })
  return entries.filter(path => !/^(lib|etc\/secretbox|libexec\/secretbox)(\/|$)/.test(path)).sort()
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
  'libexec',
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
  await remove(places.BIN_DIR)
  expect(await hostTree()).toEqual(foreign)
})

test('install refuses a place that somebody else than root could change, and then changes nothing', async () => {
  const open = join(engine.root, 'open')
  await ensureDir(join(open, 'bin'))
  const variables = Object.keys(places) as (keyof typeof places)[]
  await chmod(open, 0o775)
  for (const variable of variables) {
    expect(() => refuseSharedPlaces(readPlaces({ ...places, [variable]: join(open, 'bin') }))).toThrow(
      expect.objectContaining({
        message: `cannot install into "${join(open, 'bin')}": others can write to "${open}" (mode 0775)`,
        hint: `only root may be able to change it: mend that, or choose another directory: make install ${variable}=/path/to/directory`
      }) as Error
    )
  }
  await chmod(open, 0o755)
  await chown(join(open, 'bin'), 65534, 65534)
  const { stderr } = await run('install', { BIN_DIR: join(open, 'bin/new') })
  expect(stderr).toContain(
    `error: cannot install into "${join(open, 'bin/new')}": "${join(open, 'bin')}" belongs to uid 65534\n`
  )
  expect(await plugins()).toBe('')
  expect(await hostTree()).toEqual(foreign)
})

test('install needs no more than the Engine, and names three commands that work next', async () => {
  // As users run it, with the plugin whole.
  const { code, stdout, stderr } = await run('install', { PATH: process.env['PATH'] ?? '' }, projectRoot)
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(await plugins()).toBe('secretbox:latest\n')
  expect((await stat(places.DATA_DIR)).mode & 0o777).toBe(0o711)
  expect((await stat(places.KEY_DIR)).mode & 0o777).toBe(0o700)
  expect(await hostTree()).toEqual([...foreign, ...installed].sort())

  const commands = stdout.split('\n').filter(line => line.startsWith('  docker '))
  expect(commands).toHaveLength(3)
  for (const command of commands) {
    const args = command.trim().replace(' debian ', ' secretbox-test ').split(' ').slice(1)
    await engine.docker(args)
  }
  expect(await engine.docker(['vault', 'list', 'db'])).toContain('db:password')
})

test('the plugin names its directories as they are on the host', async () => {
  const format = '{{.Store.Directory}} {{.Key.Directory}}'
  expect(await engine.docker(['vault', 'status', '--format', format])).toBe(
    `${places.DATA_DIR} ${places.KEY_DIR}\n`
  )
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

/** The one program that is installed: the directory that all links lead into. */
async function installedProgram(): Promise<string> {
  const links = [join(places.CLI_PLUGINS_DIR, 'docker-vault')]
  for (const name of ['docker-vault', 'secretbox']) links.push(join(places.BIN_DIR, name))
  const [program = '', ...others] = new Set(await Promise.all(links.map(link => readlink(link))))
  expect(others).toEqual([])
  expect(await readdir(places.LIB_DIR)).toEqual([basename(dirname(program))])
  return dirname(program)
}

test('the program and all that it starts are copies that only root can change', async () => {
  const program = await installedProgram()
  expect(dirname(program)).toBe(places.LIB_DIR)
  const entries = await readdir(program, { recursive: true })
  for (const needed of ['docker-vault', 'main.cjs', 'node']) expect(entries).toContain(needed)
  expect(entries.some(entry => entry.endsWith('/koffi.node'))).toBe(true)
  for (const path of [program, ...entries.map(entry => join(program, entry))]) {
    const found = await lstat(path)
    expect([path, found.isSymbolicLink(), found.uid, found.mode & 0o7022]).toEqual([path, false, 0, 0])
  }
  // Where the checkout's own is not to be seen.
  const script = 'mount -t tmpfs none "$0" && exec docker vault list --boxes'
  const hidden = ['--mount', 'sh', '-c', script, join(projectRoot, 'build/cli')]
  expect(await runCommand('unshare', hidden, { env: engine.env })).toBe('db\n')
})

test('the completion scripts are those that the program prints', async () => {
  for (const [shell, path] of [
    ['bash', join(places.BASH_COMPLETION_DIR, 'docker-vault')],
    ['zsh', join(places.ZSH_COMPLETION_DIR, '_docker-vault')],
    ['fish', join(places.FISH_COMPLETION_DIR, 'docker-vault.fish')]
  ] as const) {
    expect(await readFile(path, 'utf8')).toBe(await engine.docker(['vault', 'completion', shell]))
    // For every user, as the directory that was made for it.
    expect((await stat(path)).mode & 0o777).toBe(0o644)
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o755)
  }
})

test('a second install upgrades in place: settings, boxes, volumes and stopped containers are kept', async () => {
  await makeBox({ pluginData: places.DATA_DIR }, 'web', { token: 'hunter2' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', 'web'])
  const container = await startContainer(engine, mountArgument({ volume: 'web' }))
  await engine.docker(['stop', container])
  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  await engine.docker(['plugin', 'set', 'secretbox', 'LOG_LEVEL=warn', 'MAX_VERSIONS=7'])
  await engine.docker(['plugin', 'enable', 'secretbox'])

  // Other places are of no interest any more: the installed plugin's own are kept.
  const before = await installedProgram()
  const { code, stdout } = await run('install', { DATA_DIR: '/nowhere' })
  expect(code).toBe(0)
  expect(await installedProgram()).not.toBe(before)
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

test('while the plugin is disabled they refuse as well', async () => {
  const container = await startContainer(engine, mountArgument({ volume: 'web' }))
  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  for (const [script, action] of [
    ['install', 'upgrade'],
    ['uninstall', 'uninstall']
  ] as const) {
    expect(await run(script)).toMatchObject({
      code: 1,
      stderr:
        `error: cannot ${action} the plugin: running containers use its volumes: ${container} (volume web)\n` +
        'hint: stop them first; start them again afterwards\n'
    })
  }
  await engine.docker(['stop', container])
  const { stderr } = await run('uninstall', { PURGE: '1' })
  expect(stderr).toMatch(/^error: cannot purge: there are volumes of the plugin: web\n/)
  await engine.docker(['plugin', 'enable', 'secretbox'])
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

test("purging deletes what is secretbox's, and leaves and names what others keep in its directories", async () => {
  expect(await run('install')).toMatchObject({ code: 0 })
  const foreignFile = join(places.DATA_DIR, 'notes.txt')
  const foreignDirectory = join(places.KEY_DIR, 'other')
  await writeFile(foreignFile, "somebody else's")
  await mkdir(foreignDirectory)
  const { code, stdout } = await run('uninstall', { PURGE: '1' })
  expect(code).toBe(0)
  expect(stdout).toBe(
    'uninstalled the plugin\n' +
      `boxes in ${places.DATA_DIR} and key in ${places.KEY_DIR}: deleted\n` +
      `left, because it is not secretbox's: ${foreignFile} ${foreignDirectory}\n`
  )
  expect(await readdir(places.DATA_DIR)).toEqual(['notes.txt'])
  expect(await readdir(places.KEY_DIR)).toEqual(['other'])
  await remove(places.DATA_DIR)
  await remove(places.KEY_DIR)
})

test('purging refuses while a daemon that the Engine does not run has the boxes open', async () => {
  const daemon = await startDaemon()
  onTestFinished(() => daemon.stop())
  const [data, key] = [join(daemon.directory, 'data'), join(daemon.directory, 'key')]
  expect(await run('uninstall', { PURGE: '1', DATA_DIR: data, KEY_DIR: key })).toMatchObject({
    code: 1,
    stderr:
      `error: cannot purge: process ${daemon.pid} has the boxes in ${data} open\n` +
      'hint: it is a secretbox daemon which is not of this Engine; stop it first, or name other directories: ' +
      'make uninstall PURGE=1 DATA_DIR=/path KEY_DIR=/path\n'
  })
  expect(await readdir(key)).toEqual(['key'])
  await daemon.kill('SIGTERM')
  const { stdout } = await run('uninstall', { PURGE: '1', DATA_DIR: data, KEY_DIR: key })
  expect(stdout).toContain(': deleted\n')
  await expect(stat(data)).rejects.toMatchObject(missing)
  await expect(stat(key)).rejects.toMatchObject(missing)
})

test('an installation that cannot enable the plugin takes it out again, and the next one works', async () => {
  await ensureDir(places.KEY_DIR)
  await chmod(places.KEY_DIR, 0o777)
  const { code, stderr } = await run('install')
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^error: cannot install the plugin: docker plugin enable failed: .+dial unix .+\/secretbox\.sock: connect: no such file or directory\nhint: the daemon's reason is in the Engine's log: .+ plugin=; it is out of the Engine again, so when that is mended: make install\n$/s
  )
  expect(await readFile(engine.log, 'utf8')).toContain('others can write to it (mode 0777)')
  expect(await plugins()).toBe('')
  await chmod(places.KEY_DIR, 0o700)
  expect(await run('install')).toMatchObject({ code: 0, stderr: '' })
})

test('an upgrade whose plugin cannot be enabled says what is there and how to go on or back, and loses nothing', async () => {
  await makeBox({ pluginData: places.DATA_DIR }, 'upgraded', { token: 'hunter2' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', 'upgraded'])
  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  await engine.docker(['plugin', 'set', 'secretbox', 'MAX_VERSIONS=7'])
  await chmod(places.KEY_DIR, 0o777)
  const sources = `data.source=${places.DATA_DIR} key.source=${places.KEY_DIR} docker.source=${engine.socket}`
  const { code, stdout, stderr } = await run('install')
  expect(code).toBe(1)
  expect(stdout).toBe(`keeping its settings: ${sources} MAX_VERSIONS=7\n`)
  const [error, hint] = stderr.split('\nhint: ')
  expect(error).toMatch(
    /^error: the upgrade stopped half-way: the new plugin is there, with its settings, but disabled: docker plugin enable failed: /
  )
  expect(hint).toBe(
    `boxes, key and volumes are untouched (${sources}); ` +
      "the daemon's reason is in the Engine's log: journalctl -u docker | grep plugin=; " +
      'when that is mended: make install; to go back: the same in a checkout of the release that ran before\n'
  )
  await chmod(places.KEY_DIR, 0o700)
  // What one does to go back is the same as to go on: it finds the disabled plugin, and keeps its settings.
  expect(await run('install')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${sources} MAX_VERSIONS=7\nupgraded the plugin`) as string
  })
  expect(await runScript(engine, mountArgument({ volume: 'upgraded' }), 'cat /secrets/token')).toBe('hunter2')
})

test('an upgrade that is interrupted says that the plugin is gone, and its command brings all of it back', async () => {
  const sources = `data.source=${places.DATA_DIR} key.source=${places.KEY_DIR} docker.source=${engine.socket}`
  // A docker that gets Ctrl-C, as the script does, when it creates the plugin.
  const directory = join(engine.root, 'interrupted')
  await mkdir(directory)
  const next = join(engine.root, 'bin/docker')
  const script = `#!/bin/sh\n[ "$1 $2" != 'plugin create' ] || kill -INT $PPID $$\nexec ${next} "$@"\n`
  await writeFile(join(directory, 'docker'), script, { mode: 0o755 })
  const { code, stderr } = await run('install', { PATH: `${directory}:${scriptEnv['PATH'] ?? ''}` })
  expect(code).toBe(1)
  const command =
    `make install DATA_DIR=${places.DATA_DIR} KEY_DIR=${places.KEY_DIR} DOCKER_SOCKET=${engine.socket}` +
    ' && docker plugin disable -f secretbox && docker plugin set secretbox MAX_VERSIONS=7' +
    ' && docker plugin enable secretbox'
  expect(stderr).toBe(
    'error: the upgrade stopped half-way: the old plugin is gone and the new one is not there: ' +
      'docker plugin create failed: it was interrupted\n' +
      `hint: boxes, key and volumes are untouched (${sources}); ` +
      `to go on here, or back in a checkout of the release that ran before: ${command}\n`
  )
  expect(await plugins()).toBe('')
  const install = [process.execPath, join(checkout, 'install/install.ts')].join(' ')
  const asTyped = command.replace(/^make install (.*?) &&/, `$1 ${install} &&`)
  await runCommand('sh', ['-c', asTyped], { env: scriptEnv })
  const settings = await engine.docker(['plugin', 'inspect', '--format', '{{json .Settings}}', 'secretbox'])
  for (const kept of ['MAX_VERSIONS=7', places.DATA_DIR]) expect(settings).toContain(kept)
  expect(await runScript(engine, mountArgument({ volume: 'upgraded' }), 'cat /secrets/token')).toBe('hunter2')
})

test('a setting that the release does not have is dropped, and said to be', async () => {
  await run('uninstall')
  const older = join(engine.root, 'older-plugin')
  await copy(builtPlugins.plain, older, { preserveTimestamps: true })
  const config = JSON.parse(await readFile(join(older, 'config.json'), 'utf8')) as { env: object[] }
  config.env.push({ name: 'COLOUR', description: 'of old', value: 'red', settable: ['value'] })
  await writeFile(join(older, 'config.json'), JSON.stringify(config))
  const sources = [`data.source=${places.DATA_DIR}`, `key.source=${places.KEY_DIR}`]
  await engine.docker(['plugin', 'create', 'secretbox', older])
  await putNode(engine)
  const settings = [...sources, `docker.source=${engine.socket}`, 'COLOUR=green']
  await engine.docker(['plugin', 'set', 'secretbox', ...settings])
  await engine.docker(['plugin', 'enable', 'secretbox'])
  const { code, stdout } = await run('install')
  expect(code).toBe(0)
  expect(stdout).toContain('\ndropping what this release cannot set: COLOUR=green\n')
  expect(await engine.docker(['vault', 'read', 'upgraded:token'])).toBe('hunter2')
  await engine.docker(['volume', 'rm', 'upgraded'])
  expect(await run('uninstall', { PURGE: '1' })).toMatchObject({ code: 0 })
})

test('uninstall of what is not installed says so and is no error', async () => {
  const { code, stdout } = await run('uninstall')
  expect(code).toBe(0)
  expect(stdout).toContain('the plugin was not installed')
})

test('an installation that can put the plugin in place, but not "docker vault", says both', async () => {
  const disk = smallDisk(1 << 20)
  disk.remount({ readOnly: true })
  const { code, stderr } = await run('install', { BIN_DIR: join(disk.directory, 'bin') })
  expect(code).toBe(1)
  expect(stderr).toBe(
    'error: the plugin is installed and runs, but "docker vault" is not in place: ' +
      `EROFS: read-only file system, mkdir '${disk.directory}/bin'\n` +
      'hint: when that is mended, or with CLI_PLUGINS_DIR, BIN_DIR and so on elsewhere: make install\n'
  )
  expect(await plugins()).toBe('secretbox:latest\n')
  expect(await run('uninstall', { PURGE: '1' })).toMatchObject({ code: 0 })
})

test('before anything is built an installation says what to build', async () => {
  expect(await run('install', {}, await checkoutOf('not-built'))).toMatchObject({
    code: 1,
    stderr: 'error: build/plugin/config.json is missing\nhint: build it first: make plugin cli\n'
  })
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
