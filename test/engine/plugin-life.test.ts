import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tryCommand } from './command.ts'
import { importTestImage } from './image.ts'
import { builtPlugin, linkCli, pluginSettings } from './plugin.ts'
import { startPrivateEngine, type PrivateEngine } from './private-engine.ts'
import { pluginProcess } from './processes.ts'
import { startRegistry, type Registry } from './registry.ts'
import { liveCopies, makeBox, mountArgument, putFiles, runScript, startContainer } from './shared-engine.ts'

let registry: Registry
let engine: PrivateEngine
let reference: (tag: string) => string

beforeAll(async () => {
  engine = await startPrivateEngine()
  registry = await startRegistry(join(engine.root, 'registry'))
  reference = tag => `${registry.address}/secretbox:${tag}`
  await Promise.all([importTestImage(engine), linkCli(engine), push('1', builtPlugin)])
  const install = ['plugin', 'install', '--grant-all-permissions', '--alias', 'secretbox', reference('1')]
  await engine.docker([...install, ...pluginSettings(engine)])
  await makeBox(engine, 'db', { password: 'hunter2' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', 'db'])
})

afterAll(async () => {
  await registry.stop()
  await engine.stop()
})

async function push(tag: string, directory: string): Promise<void> {
  await engine.docker(['plugin', 'create', reference(tag), directory])
  await engine.docker(['plugin', 'push', reference(tag)])
  await engine.docker(['plugin', 'rm', reference(tag)])
}

const readPassword = (): Promise<string> =>
  runScript(engine, mountArgument({ volume: 'db' }), 'cat /secrets/password')

test('a disabled and enabled plugin has its boxes and volumes, and running containers keep their copies', async () => {
  const container = await startContainer(engine, mountArgument({ volume: 'db' }))
  const refusal = await engine.tryDocker(['plugin', 'disable', 'secretbox'])
  expect(refusal.stderr).toContain('in use')

  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  expect(await engine.docker(['exec', container, 'cat', '/secrets/password'])).toBe('hunter2')
  const advice = await engine.tryDocker(['vault', 'list'])
  expect(advice.code).not.toBe(0)
  expect(advice.stderr).toContain('docker plugin enable secretbox')

  await engine.docker(['plugin', 'enable', 'secretbox'])
  expect(await engine.docker(['exec', container, 'cat', '/secrets/password'])).toBe('hunter2')
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe('db\n')
  await engine.docker(['rm', '--force', container])
  expect(await readPassword()).toBe('hunter2')
  expect(await liveCopies(engine)).toEqual([])
})

test('after its process was killed the plugin wipes the copies of containers that stop later', async () => {
  const container = await startContainer(engine, mountArgument({ volume: 'db' }))
  const killed = await pluginProcess(engine)
  process.kill(killed, 'SIGKILL')
  // The Engine starts it again at once, and its calls wait until it serves.
  expect(await readPassword()).toBe('hunter2')
  expect(await pluginProcess(engine)).not.toBe(killed)
  expect(await engine.docker(['exec', container, 'cat', '/secrets/password'])).toBe('hunter2')
  expect(await liveCopies(engine)).toHaveLength(1)
  await engine.docker(['rm', '--force', container])
  expect(await liveCopies(engine)).toEqual([])
})

test('boxes, volumes and containers survive a restart of dockerd', async () => {
  const container = await startContainer(engine, mountArgument({ volume: 'db' }))
  await engine.stopDockerd()
  await engine.startDockerd()
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe('db\n')
  await engine.docker(['start', container])
  expect(await engine.docker(['exec', container, 'cat', '/secrets/password'])).toBe('hunter2')
  await engine.docker(['rm', '--force', container])
  expect(await liveCopies(engine)).toEqual([])
})

test('an upgrade keeps boxes and volumes', async () => {
  await putFiles(engine, 'db', { extra: 'kept' })
  const next = join(engine.root, 'next-plugin')
  await cp(builtPlugin, next, { recursive: true, preserveTimestamps: true })
  const config = await readFile(join(next, 'config.json'), 'utf8')
  await writeFile(join(next, 'config.json'), config.replace('"description": "', '"description": "next: '))
  await push('2', next)

  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  await engine.docker([
    'plugin',
    'upgrade',
    '--grant-all-permissions',
    '--skip-remote-check',
    'secretbox',
    reference('2')
  ])
  // The Engine forgets a plugin's settings when it upgrades it.
  await engine.docker(['plugin', 'set', 'secretbox', ...pluginSettings(engine)])
  await engine.docker(['plugin', 'enable', 'secretbox'])

  const description = ['plugin', 'inspect', '--format', '{{.Config.Description}}', 'secretbox']
  expect(await engine.docker(description)).toMatch(/^next: /)
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe('db\n')
  expect(await readPassword()).toBe('hunter2')
  expect(await engine.docker(['vault', 'read', 'db:extra'])).toBe('kept')
})

test('a shell inside the plugin cannot be had, because it has none', async () => {
  const plugin = await pluginProcess(engine)
  const { code } = await tryCommand('nsenter', [
    '--target',
    String(plugin),
    '--mount',
    '--root',
    'sh',
    '-c',
    'true'
  ])
  expect(code).not.toBe(0)
})
