import { copy, remove } from 'fs-extra/esm'
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readStartError } from '../../src/engine/words.ts'
import { builtPlugins } from '../kit/built.ts'
import { tryCommand } from '../kit/engine/command.ts'
import { eventually } from '../kit/eventually.ts'
import { importTestImage, testImage } from '../kit/engine/image.ts'
import { killShims, mountsBelow } from '../kit/engine/leftovers.ts'
import { builtPlugin, linkCli, pluginSettings, putNode } from '../kit/engine/plugin.ts'
import { startPrivateEngine, type PrivateEngine } from '../kit/engine/private-engine.ts'
import { pluginProcess } from '../kit/engine/processes.ts'
import { startRegistry, type Registry } from '../kit/engine/registry.ts'
import { scratchDirectory } from '../kit/temporary.ts'
import {
  freshName,
  liveCopies,
  makeBox,
  mountArgument,
  putFiles,
  runScript,
  startContainer
} from '../kit/engine/shared-engine.ts'

let registry: Registry
let engine: PrivateEngine
let reference: (tag: string) => string

/** runc, which waits before it makes a container: opening `making` for reading waits for it, and opening `go` lets it go on. */
const heldRuntime = scratchDirectory()

beforeAll(async () => {
  for (const name of ['making', 'go']) execFileSync('mkfifo', [join(heldRuntime, name)])
  const script = `#!/bin/sh
case " $* " in *" create "*) : >${heldRuntime}/making; : <${heldRuntime}/go ;; esac
exec runc "$@"
`
  await writeFile(join(heldRuntime, 'runc'), script, { mode: 0o755 })
  engine = await startPrivateEngine({ runtime: join(heldRuntime, 'runc') })
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

test('a container that was about to start when the plugin was disabled by force gets its copy or does not start', async () => {
  const name = freshName('container')
  const created = [
    'create',
    '--name',
    name,
    '--runtime',
    'tried',
    '--restart',
    'on-failure',
    ...mountArgument({ volume: 'db' })
  ]
  await engine.docker([...created, testImage, 'sh', '-c', 'ls -A /secrets; sleep 86400'])
  const starting = engine.tryDocker(['start', name])
  // Its Mount was answered by then; the Engine takes what is mounted off the host before runc comes to bind it.
  await readFile(join(heldRuntime, 'making'))
  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  await writeFile(join(heldRuntime, 'go'), '')
  const { code } = await starting
  const error = (await engine.docker(['inspect', '--format', '{{.State.Error}}', name])).trimEnd()
  expect(readStartError(error, 'db', 'secretbox:latest'), error).toEqual({ means: 'gone' })
  expect(code).not.toBe(0)
  await engine.docker(['plugin', 'enable', 'secretbox'])
  await readFile(join(heldRuntime, 'making'))
  await writeFile(join(heldRuntime, 'go'), '')
  await eventually(async () => (await engine.docker(['logs', name])) === 'password\n' || null)
  await engine.docker(['rm', '--force', name])
})

test('a setting that keeps the plugin from being enabled is named by the client', async () => {
  await engine.docker(['plugin', 'disable', '--force', 'secretbox'])
  await engine.docker(['plugin', 'set', 'secretbox', 'MAX_VERSIONS=abc'])
  expect((await engine.tryDocker(['plugin', 'enable', 'secretbox'])).code).not.toBe(0)
  const { code, stderr } = await engine.tryDocker(['vault', 'status'])
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr:
      'error: the plugin "secretbox" is disabled, and its daemon cannot start with a bad setting MAX_VERSIONS="abc": it must be a whole number\n' +
      'hint: docker plugin set secretbox MAX_VERSIONS=100 (the default), then docker plugin enable secretbox\n'
  })
  await engine.docker(['plugin', 'set', 'secretbox', 'MAX_VERSIONS=100'])
  await engine.docker(['plugin', 'enable', 'secretbox'])
  expect((await engine.tryDocker(['vault', 'status', '-q'])).code).toBe(0)
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

/** As far as a test can: everything is killed at once, no mount is left, nor anything that lies in /run or stands for it. */
async function reboot(): Promise<void> {
  const plugin = (await engine.docker(['plugin', 'inspect', '--format', '{{.Id}}', 'secretbox'])).trim()
  await engine.killDockerd()
  await engine.killContainerd()
  await killShims(engine.root)
  // One may go with another that shows the same.
  for (const point of await mountsBelow(engine.root)) await tryCommand('umount', ['--lazy', point])
  const namespace = basename(engine.root)
  const volatile = [
    ...['exec', 'containerd/state', 'containerd.sock', 'docker.sock', 'docker.pid'].map(name =>
      join(engine.root, name)
    ),
    ...[namespace, `${namespace}-plugins`].map(name => join('/run/docker/runtime-runc', name)),
    join('/run/docker/plugins', plugin)
  ]
  for (const path of volatile) await remove(path)
  await engine.startContainerd()
  await engine.startDockerd()
}

test('after a reboot of the host containers that restart have the newest version, and no old copy is left', async () => {
  const [always, never] = [
    await startContainer(engine, ['--restart', 'always', ...mountArgument({ volume: 'db' })]),
    await startContainer(engine, mountArgument({ volume: 'db' }))
  ]
  expect(await liveCopies(engine)).toHaveLength(2)
  await reboot()
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe('db\n')
  const read = async (): Promise<string | null> =>
    (await engine.tryDocker(['exec', always, 'cat', '/secrets/password'])).stdout || null
  expect(await eventually(read)).toBe('hunter2')
  expect(await liveCopies(engine)).toHaveLength(1)
  await engine.docker(['start', never])
  expect(await engine.docker(['exec', never, 'cat', '/secrets/password'])).toBe('hunter2')
  await engine.docker(['rm', '--force', always, never])
  expect(await liveCopies(engine)).toEqual([])
  expect(await engine.docker(['vault', 'list', '--boxes'])).toBe('db\n')
})

test('an upgrade keeps boxes and volumes', async () => {
  await putFiles(engine, 'db', { extra: 'kept' })
  const next = join(engine.root, 'next-plugin')
  await copy(builtPlugins.plain, next, { preserveTimestamps: true })
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
  await putNode(engine)
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
