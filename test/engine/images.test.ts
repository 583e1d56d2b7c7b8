import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshName, makeBox, mountArgument, sharedEngine, startContainer } from './shared-engine.ts'

const engine = sharedEngine()
const secret = 'hunter2-must-not-leave-the-copy'
const image = freshName('committed')
let container: string

beforeEach(async () => {
  const box = freshName('box')
  await makeBox(engine, box, { password: secret })
  container = await startContainer(engine, mountArgument({ box }))
  expect(await engine.docker(['exec', container, 'cat', '/secrets/password'])).toBe(secret)
})

afterEach(async () => {
  await engine.docker(['rm', '--force', '--volumes', container])
  await engine.tryDocker(['rmi', '--force', image])
})

test('an image committed from a running container has the empty mount point and no secret', async () => {
  await engine.docker(['commit', container, image])
  expect(await engine.docker(['run', '--rm', image, 'sh', '-c', 'ls -a /secrets | wc -l'])).toBe('2\n')
  const saved = join(engine.root, `${image}.tar`)
  await engine.docker(['save', '--output', saved, image])
  expect((await readFile(saved)).includes(secret)).toBe(false)
  expect(await engine.docker(['history', '--no-trunc', image])).not.toContain(secret)
  expect(await engine.docker(['image', 'inspect', image])).not.toContain(secret)
})

test('an export of a running container holds no secret', async () => {
  const exported = join(engine.root, `${freshName('export')}.tar`)
  await engine.docker(['export', '--output', exported, container])
  const tar = await readFile(exported)
  expect(tar.includes('secrets/')).toBe(true)
  expect(tar.includes(secret)).toBe(false)
})

test('docker diff names the mount point and no file of the box', async () => {
  expect(await engine.docker(['diff', container])).not.toContain('password')
})

test('files that the image has at the mount point do not hide the box', async () => {
  const own = await startContainer(engine, [])
  await engine.docker([
    'exec',
    own,
    'sh',
    '-c',
    'mkdir /secrets && echo own > /secrets/password && echo own > /secrets/own'
  ])
  await engine.docker(['commit', own, image])
  await engine.docker(['rm', '--force', own])
  const box = freshName('box')
  await makeBox(engine, box, { password: secret })
  const args = [
    'run',
    '--rm',
    ...mountArgument({ box }),
    image,
    'sh',
    '-c',
    'ls /secrets; cat /secrets/password'
  ]
  expect(await engine.docker(args)).toBe(`password\n${secret}`)
})
