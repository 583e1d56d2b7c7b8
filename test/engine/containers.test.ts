import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  makeBox,
  freshName,
  liveCopies,
  mountArgument,
  removeContainers,
  runScript,
  sharedEngine,
  startContainer
} from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()

async function boxWith(files: Record<string, string>): Promise<string> {
  const box = freshName('box')
  await makeBox(engine, box, files)
  return box
}

const exec = (container: string, ...command: string[]): Promise<string> =>
  engine.docker(['exec', container, ...command])

afterEach(async () => {
  await removeContainers(engine)
})

test('docker run --volume-driver with -v creates the volume on the way', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const args = ['--volume-driver', 'secretbox', '-v', `${box}:/secrets`]
  expect(await runScript(engine, args, 'cat /secrets/password')).toBe('hunter2')
})

test('docker run --mount with options gives a subtree of a box under a volume name of its own', async () => {
  const box = await boxWith({ 'web/cert': 'certificate', 'db/password': 'hunter2' })
  const volume = freshName('volume')
  expect(
    await runScript(engine, mountArgument({ volume, box, path: 'web' }), 'ls /secrets; cat /secrets/cert')
  ).toBe('cert\ncertificate')
  await engine.docker(['volume', 'rm', volume])
})

test('an anonymous volume is gone with its --rm container', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const before = await engine.docker(['volume', 'ls', '--quiet'])
  expect(await runScript(engine, mountArgument({ box }), 'cat /secrets/password')).toBe('hunter2')
  expect(await engine.docker(['volume', 'ls', '--quiet'])).toBe(before)
  expect(await liveCopies(engine)).toEqual([])
})

test('the copy is a read-only tmpfs without suid, devices and programs', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const script =
    'grep " /secrets " /proc/mounts; touch /secrets/new || echo refused; echo x > /secrets/password || echo refused'
  const shown = await runScript(engine, mountArgument({ box }), script)
  const [, , type, options] = shown.split(' ')
  expect(type).toMatch(/^(tmpfs|ramfs)$/)
  expect(options?.split(',')).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec']))
  expect(shown.match(/refused/g)).toHaveLength(2)
})

test('a user who is not root reads files whose owner and mode the options set', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const args = ['--user', '1000:1000', ...mountArgument({ box, uid: '1000', gid: '1000', mode: '0400' })]
  const shown = await runScript(engine, args, 'stat -c "%u:%g %a" /secrets/password; cat /secrets/password')
  expect(shown).toBe('1000:1000 400\nhunter2')
})

test("without such options a user who is not root cannot read a file that is root's own", async () => {
  const box = await boxWith({ password: 'hunter2' })
  const args = ['--user', '1000:1000', ...mountArgument({ box })]
  expect(await runScript(engine, args, 'cat /secrets/password 2>/dev/null || echo refused')).toBe('refused\n')
})

test('a container with a read-only root gets its box', async () => {
  const box = await boxWith({ password: 'hunter2' })
  expect(await runScript(engine, ['--read-only', ...mountArgument({ box })], 'cat /secrets/password')).toBe(
    'hunter2'
  )
})

test('docker cp from a running container leaves its secrets where they are', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const container = await startContainer(engine, mountArgument({ box }))
  const target = join(engine.root, freshName('copied'))
  for (let round = 0; round < 3; round++) {
    await engine.docker(['cp', `${container}:/secrets/password`, target])
    expect(await readFile(target, 'utf8')).toBe('hunter2')
    expect(await exec(container, 'cat', '/secrets/password')).toBe('hunter2')
  }
})

test('docker cp from a stopped container leaves no copy behind', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const container = await startContainer(engine, mountArgument({ box }))
  await engine.docker(['stop', container])
  const target = join(engine.root, freshName('copied'))
  await engine.docker(['cp', `${container}:/secrets/password`, target])
  expect(await readFile(target, 'utf8')).toBe('hunter2')
  expect(await liveCopies(engine)).toEqual([])
})

test('a restarted container gets its box again', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const container = await startContainer(engine, mountArgument({ box }))
  await engine.docker(['restart', container])
  expect(await exec(container, 'cat', '/secrets/password')).toBe('hunter2')
  expect(await liveCopies(engine)).toHaveLength(1)
})

test("two containers on one volume have two copies, and one's end does not touch the other's", async () => {
  const box = await boxWith({ password: 'hunter2' })
  const volume = freshName('volume')
  const first = await startContainer(engine, mountArgument({ volume, box }))
  const second = await startContainer(engine, mountArgument({ volume, box }))
  const deviceIn = (container: string): Promise<string> => exec(container, 'stat', '-c', '%d', '/secrets')
  expect(await deviceIn(first)).not.toBe(await deviceIn(second))
  expect(await liveCopies(engine)).toHaveLength(2)

  await engine.docker(['stop', first])
  expect(await liveCopies(engine)).toHaveLength(1)
  expect(await exec(second, 'cat', '/secrets/password')).toBe('hunter2')
})

test('a destroyed box leaves running copies alone, and the next start says that the box is missing', async () => {
  const box = await boxWith({ password: 'hunter2' })
  const volume = freshName('volume')
  const container = await startContainer(engine, mountArgument({ volume, box }))
  await engine.docker(['vault', 'destroy', '--force', box])
  expect(await exec(container, 'cat', '/secrets/password')).toBe('hunter2')

  await engine.docker(['stop', container])
  expect(await liveCopies(engine)).toEqual([])
  const { code, stderr } = await engine.tryDocker(['start', container])
  expect(code).not.toBe(0)
  expect(stderr).toContain(`"${box}"`)
  // The volume exists all the same; the Engine must not forget it.
  expect(await engine.docker(['volume', 'inspect', '--format', '{{.Name}}', volume])).toBe(`${volume}\n`)

  await makeBox(engine, box, { password: 'again' })
  await engine.docker(['start', container])
  expect(await exec(container, 'cat', '/secrets/password')).toBe('again')
})
