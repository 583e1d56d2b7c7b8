import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { atTerminal } from '../kit/terminal.ts'
import { clients } from '../kit/engine/clients.ts'
import { tryCommand, type Finished } from '../kit/engine/command.ts'
import { testImage } from '../kit/engine/image.ts'
import { builtCli } from '../kit/engine/plugin.ts'
import { startRegistry } from '../kit/engine/registry.ts'
import {
  freshName,
  liveCopies,
  makeBox,
  putFiles,
  removeContainers,
  sharedEngine
} from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()
const noNetwork = ['--network', 'none']

const tryRun = (...args: string[]): Promise<Finished> =>
  engine.tryDocker(['vault', 'run', ...noNetwork, ...args])

async function boxWith(files: Record<string, string>, name = freshName('box')): Promise<string> {
  await makeBox(engine, name, files)
  return name
}

/** An image that asks for boxes, and has a file of its own in the place of each. */
async function imageAsking(...boxes: string[]): Promise<string> {
  const container = freshName('maker')
  const script = boxes
    .map(box => `mkdir -p '/run/vault/${box}'; echo own >'/run/vault/${box}/own'`)
    .join('; ')
  await engine.docker(['run', ...noNetwork, '--name', container, testImage, 'sh', '-c', script])
  const image = freshName('asking')
  const label = `LABEL io.secretbox.boxes='${JSON.stringify(boxes)}'`
  await engine.docker(['commit', '--change', label, '--change', 'CMD ["sh"]', container, image])
  return image
}

const ephemeralBoxes = async (): Promise<string[]> =>
  (await engine.docker(['vault', 'list', '--boxes']))
    .split('\n')
    .filter(name => name.startsWith('ephemeral-'))

afterEach(async () => {
  await removeContainers(engine)
  expect(await liveCopies(engine)).toEqual([])
})

test.each(clients)('rows 8, 42, 45 and 46: %s vault run gives a container its boxes', async client => {
  const box = await boxWith({ password: 'hunter2', 'tls/key': 'key' })
  const odd = await boxWith({ file: 'odd' }, freshName('odd, "box"'))
  const volumes = await engine.docker(['volume', 'ls', '--quiet'])
  const script = `cat /run/vault/${box}/password /run/vault/alias/tls/key /etc/pg/password '/run/vault/${odd}/file'`
  const args = [
    '--inject',
    box,
    `--inject=${box}:alias`,
    '--inject',
    `${box}:/etc/pg`,
    '--inject',
    `"${odd.replaceAll('"', '""')}"`
  ]
  const command = ['vault', 'run', '--rm', ...noNetwork, ...args, testImage, 'sh', '-c', script]
  expect(await tryCommand(client, command, { env: engine.env })).toEqual({
    code: 0,
    stdout: 'hunter2keyhunter2odd',
    stderr: ''
  })
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe(volumes)
})

test('an image that has to be pulled is asked, too', async () => {
  const image = await imageAsking('expected')
  const registry = await startRegistry(join(engine.root, freshName('registry')))
  try {
    const remote = `${registry.address}/asking`
    await engine.docker(['tag', image, remote])
    await engine.docker(['push', remote])
    await engine.docker(['rmi', remote, image])
    const { stdout, stderr } = await tryRun('--rm', '--quiet', remote, 'ls', '/run/vault/expected')
    expect(stdout).toBe('')
    expect(stderr).toContain('note: the image asks for box "expected", which is not injected')
  } finally {
    await registry.stop()
  }
})

test('a container that runs as another user than root reads its box, by a name that its image alone knows', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const [maker, named] = [freshName('maker'), freshName('named')]
  const script = 'mkdir -p /etc; echo kay:x:4711:4712::/:/bin/sh >>/etc/passwd; echo crew:x:50: >>/etc/group'
  await engine.docker(['run', ...noNetwork, '--name', maker, testImage, 'sh', '-c', script])
  await engine.docker(['commit', '--change', 'USER kay', '--change', 'VOLUME /data', maker, named])
  await engine.docker(['rm', maker])
  const volumes = await engine.docker(['volume', 'ls', '--quiet'])
  const show = ['sh', '-c', `cd /run/vault/${box}; stat -c '%u:%g %a' password; cat password`]
  const shown = async (...words: string[]): Promise<string> =>
    (await tryRun('--rm', ...words, named, ...show)).stdout
  expect(await shown('--inject', box)).toBe('4711:4712 600\nhunter2')
  expect(await shown('--inject', `${box},mode=0440`, '--user', '9:crew')).toBe('9:50 440\nhunter2')
  expect((await tryRun('--inject', box, '--user', 'nobody-there', named, 'true')).stderr).toContain(
    'cannot tell who "nobody-there" is'
  )
  // Nothing is left of the looks into the image.
  expect(await engine.docker(['ps', '--all', '--quiet'])).toBe('')
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe(volumes)
})

test('standard input and the exit status are those of the container', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const args = [
    'run',
    '--rm',
    '--interactive',
    ...noNetwork,
    '--inject',
    box,
    testImage,
    'sh',
    '-c',
    'cat; exit 42'
  ]
  expect(await engine.tryDocker(['vault', ...args], { input: 'through' })).toEqual({
    code: 42,
    stdout: 'through',
    stderr: ''
  })
})

test('at a terminal the container has that terminal, and its keys', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const script = 'trap "echo interrupted; exit 5" INT; tty; echo ready; while :; do sleep 0.1; done'
  const words = [
    'docker',
    'vault',
    'run',
    '--rm',
    '-it',
    ...noNetwork,
    '--inject',
    box,
    testImage,
    'sh',
    '-c'
  ]
  const { DOCKER_HOST, DOCKER_CONFIG } = engine.env
  const terminal = atTerminal(`${words.join(' ')} '${script}'`, { DOCKER_HOST, DOCKER_CONFIG })
  await terminal.type('ready', '\u0003')
  const { code, screen } = await terminal.ended
  expect(screen).toMatch(/\/dev\/pts\/\d+/)
  expect(screen).toContain('interrupted')
  expect(code).toBe(5)
})

test('without a terminal of its own the container gets an interrupt once', async () => {
  const script = 'trap "echo interrupted" INT; echo ready; for i in 1 2 3 4 5; do sleep 0.2; done'
  const words = ['exec', builtCli, 'run', '--rm', ...noNetwork, testImage, 'sh', '-c']
  const { DOCKER_HOST, DOCKER_CONFIG } = engine.env
  const terminal = atTerminal(`${words.join(' ')} '${script}'`, { DOCKER_HOST, DOCKER_CONFIG })
  await terminal.type('ready', '\u0003')
  const { code, screen } = await terminal.ended
  expect(screen.match(/interrupted/g)).toHaveLength(1)
  expect(code).toBe(0)
})

test('a signal to the program reaches the container', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const script = 'trap "echo told; exit 9" TERM; echo ready; while :; do sleep 0.1; done'
  const args = ['run', '--rm', ...noNetwork, '--inject', box, testImage, 'sh', '-c', script]
  const child = spawn(builtCli, args, { env: engine.env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (text: Buffer) => (output += text.toString()))
  await once(child.stdout, 'data')
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  expect(await ended).toEqual([9, null])
  expect(output).toBe('ready\ntold\n')
})

async function directoryWith(secret: string): Promise<string> {
  const directory = await mkdtemp(join(engine.root, 'secrets-'))
  await mkdir(join(directory, 'deep'))
  await writeFile(join(directory, 'deep/key'), secret)
  return directory
}

/** Makes a container of an injected directory that never runs; gives its name. */
async function containerOfDirectory(): Promise<string> {
  const name = freshName('left')
  const args = ['--name', name, '--inject-dir', await directoryWith('mine'), testImage, 'true']
  await engine.docker(['vault', 'create-container', ...noNetwork, ...args])
  return name
}

/** Waits until the Engine has removed a volume, after this was called. */
function volumeRemoved(): () => Promise<void> {
  const since = (Date.now() / 1000).toFixed(3)
  const filters = ['--filter', 'type=volume', '--filter', 'event=destroy', '--since', since]
  return async () => {
    const events = spawn('docker', ['events', ...filters], { env: engine.env })
    await once(events.stdout, 'data')
    events.kill()
  }
}

test('rows 76 and 77: the box goes with a container that is removed without its volumes, and with no other', async () => {
  const [kept, name] = [await containerOfDirectory(), await containerOfDirectory()]
  expect(await ephemeralBoxes()).toHaveLength(2)
  const removed = volumeRemoved()
  await engine.docker(['rm', name])
  await removed()
  expect(await ephemeralBoxes()).toHaveLength(1)
  expect(await engine.docker(['volume', 'ls', '--quiet', '--filter', 'dangling=true'])).toBe('')
  await engine.docker(['start', kept])
})

test('rows 85 to 92, 100 to 107: secrets of one container are in it alone, and gone with it', async () => {
  const canary = `canary-${freshName('x')}`
  const secrets = JSON.stringify({
    secret_mounts: {
      '/run/secrets/foo': { kind: 'text', content: canary },
      '/run/secrets/deep/bar': { kind: 'json', content: [canary] }
    },
    secret_environment: { ACCESS_KEY: `${canary}"` }
  })
  const name = freshName('secret')
  const since = String(Math.floor(Date.now() / 1000))
  const script =
    'cd /run/secrets; stat -c "%u:%g %a %n" foo deep/bar; (cat foo deep/bar; echo -n "$ACCESS_KEY") | sha256sum'
  const args = ['--name', name, '--user', '7:8', '--secrets', '-', testImage, 'sh', '-c', script]
  const { code, stdout } = await engine.tryDocker(['vault', 'run', ...noNetwork, ...args], { input: secrets })
  const digest = createHash('sha256').update(`${canary}["${canary}"]${canary}"`).digest('hex')
  expect({ code, stdout }).toEqual({ code: 0, stdout: `7:8 400 foo\n7:8 400 deep/bar\n${digest}  -\n` })
  const told = [
    await engine.docker(['inspect', name]),
    await engine.docker(['events', '--since', since, '--until', String(Math.ceil(Date.now() / 1000))]),
    await engine.docker(['vault', 'audit', '--last', 'all', '--format', 'json'])
  ]
  for (const text of told) expect(text.length > 100 && !text.includes(canary)).toBe(true)
  const stale = () => engine.docker(['vault', 'stale', '--format', '{{.Container}} {{.Why}}'])
  expect(await stale()).not.toContain(name)
  const before = await ephemeralBoxes()
  expect(before).toHaveLength(1)
  await putFiles(engine, before[0] ?? '', { variables: 'ACCESS_KEY=another' })
  expect(await stale()).toContain(`${name} changed\n`)
  await engine.docker(['rm', '--volumes', name])
  expect(await ephemeralBoxes()).toEqual([])
})

test('a container that cannot be made leaves no box', async () => {
  const directory = await directoryWith('mine')
  const { code } = await tryRun('--inject-dir', directory, '--name', '!', testImage, 'true')
  expect(code).toBe(125)
  expect(await ephemeralBoxes()).toEqual([])
})

test('the box goes with the last of the volumes that show it', async () => {
  const box = freshName('ephemeral')
  await boxWith({ key: 'k' }, box)
  const volumes = [freshName('one'), freshName('two')]
  for (const volume of volumes) {
    await engine.docker([
      'volume',
      'create',
      '-d',
      'secretbox',
      '-o',
      `box=${box}`,
      '-o',
      'ephemeral=true',
      volume
    ])
  }
  expect(await engine.docker(['volume', 'inspect', '--format', '{{.Status.Ephemeral}}', ...volumes])).toBe(
    'true\ntrue\n'
  )
  await engine.docker(['volume', 'rm', volumes[0] ?? ''])
  expect(await ephemeralBoxes()).toEqual([box])
  await engine.docker(['volume', 'rm', volumes[1] ?? ''])
  expect(await ephemeralBoxes()).toEqual([])
})
