import { expect, test } from 'vitest'
import {
  freshName,
  makeBox,
  mountArgument,
  sharedEngine,
  startContainer
} from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()
const secret = 'hunter2-must-not-leave-the-copy'

test('docker diff names the mount point and no file of the box', async () => {
  const box = freshName('box')
  await makeBox(engine, box, { password: secret })
  const container = await startContainer(engine, mountArgument({ box }))
  expect(await engine.docker(['diff', container])).not.toContain('password')
  await engine.docker(['rm', '--force', '--volumes', container])
})

test('files that the image has at the mount point do not hide the box', async () => {
  const image = freshName('committed')
  const own = await startContainer(engine, [])
  const script = 'mkdir /secrets && echo own > /secrets/password && echo own > /secrets/own'
  await engine.docker(['exec', own, 'sh', '-c', script])
  await engine.docker(['commit', own, image])
  await engine.docker(['rm', '--force', own])
  const box = freshName('box')
  await makeBox(engine, box, { password: secret })
  const args = ['run', '--rm', ...mountArgument({ box }), image, 'sh', '-c']
  expect(await engine.docker([...args, 'ls /secrets; cat /secrets/password'])).toBe(`password\n${secret}`)
  await engine.docker(['rmi', '--force', image])
})
