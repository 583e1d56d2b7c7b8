import { lstat, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../../rootfs-build/bundle.ts'
import { tryCommand, type Finished } from './command.ts'
import { importTestImage } from './image.ts'
import { builtCli } from './plugin.ts'
import { startPrivateEngine, type PrivateEngine } from './private-engine.ts'
import { makeBox, mountArgument, runScript, startContainer } from './shared-engine.ts'

let engine: PrivateEngine
let places: Record<'DATA_DIR' | 'KEY_DIR' | 'CLI_PLUGINS_DIR', string>

beforeAll(async () => {
  engine = await startPrivateEngine()
  places = {
    DATA_DIR: join(engine.root, 'host/lib'),
    KEY_DIR: join(engine.root, 'host/etc'),
    CLI_PLUGINS_DIR: join(engine.root, 'docker-config/cli-plugins')
  }
  await importTestImage(engine)
})

afterAll(() => engine.stop())

function run(script: 'install' | 'uninstall', env: Record<string, string> = {}): Promise<Finished> {
  const file = join(projectRoot, 'install', `${script}.ts`)
  return tryCommand(process.execPath, [file], { env: { ...engine.env, ...places, ...env } })
}

const missing = { code: 'ENOENT' }
const plugins = (): Promise<string> => engine.docker(['plugin', 'ls', '--format', '{{.Name}}'])

test('install needs no more than the Engine, and names three commands that work next', async () => {
  const { code, stdout, stderr } = await run('install')
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(await plugins()).toBe('secretbox:latest\n')
  expect((await stat(places.DATA_DIR)).mode & 0o777).toBe(0o700)
  expect((await stat(places.KEY_DIR)).mode & 0o777).toBe(0o700)
  expect(await readlink(join(places.CLI_PLUGINS_DIR, 'docker-vault'))).toBe(builtCli)

  const commands = stdout.split('\n').filter(line => line.startsWith('  docker '))
  expect(commands).toHaveLength(3)
  for (const command of commands) {
    const args = command.trim().replace(' debian ', ' secretbox-test ').split(' ').slice(1)
    await engine.docker(args)
  }
  expect(await engine.docker(['vault', 'list', 'db'])).toContain('db:password')
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
  expect(stdout).toContain('upgraded')
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

test('uninstall of what is not installed says so and is no error', async () => {
  const { code, stdout } = await run('uninstall')
  expect(code).toBe(0)
  expect(stdout).toContain('the plugin was not installed')
})

test('a missing Engine gets a clear error', async () => {
  const { code, stderr } = await run('install', { DOCKER_HOST: 'unix:///nowhere/docker.sock' })
  expect(code).toBe(1)
  expect(stderr).toBe(
    'error: no Engine\'s socket at "/nowhere/docker.sock"\nhint: name it: make install DOCKER_SOCKET=/path/to/docker.sock\n'
  )
})
