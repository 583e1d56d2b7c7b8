import { expect, test } from 'vitest'
import { testImage } from '../kit/engine/image.ts'
import {
  makeBox,
  freshName,
  mountArgument,
  sharedEngine,
  startContainer
} from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()

interface VolumeInspection {
  Name: string
  Driver: string
  Mountpoint: string
  Options: Record<string, string> | null
  CreatedAt: string
  Status: Record<string, unknown>
}

async function inspectVolume(name: string): Promise<VolumeInspection> {
  const [volume] = JSON.parse(await engine.docker(['volume', 'inspect', name])) as VolumeInspection[]
  if (volume === undefined) throw new Error(`docker volume inspect says nothing about ${name}`)
  return volume
}

test('a volume is created, inspected, listed and removed', async () => {
  const name = freshName('life')
  await makeBox(engine, name, { password: 'p' })
  await engine.docker(['volume', 'create', '--driver', 'secretbox', name])

  const volume = await inspectVolume(name)
  expect(volume.Driver).toBe('secretbox:latest')
  expect(volume.Mountpoint).toBe('')
  expect(Date.parse(volume.CreatedAt)).not.toBeNaN()
  expect(await engine.docker(['volume', 'ls', '--quiet', '--filter', 'driver=secretbox:latest'])).toContain(
    name
  )

  await engine.docker(['volume', 'rm', name])
  expect(await engine.docker(['volume', 'ls', '--quiet'])).not.toContain(name)
  expect((await engine.tryDocker(['volume', 'inspect', name])).code).not.toBe(0)
})

test('inspect shows the options of a volume and the box it shows, and none of its contents', async () => {
  const box = freshName('shown')
  const volume = freshName('volume')
  await makeBox(engine, box, { password: 'never-shown-by-inspect' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', '-o', `box=${box}`, '-o', 'uid=1000', volume])
  expect(JSON.stringify(await inspectVolume(volume))).toContain(box)
  expect(JSON.stringify(await inspectVolume(volume))).not.toContain('never-shown-by-inspect')
  await engine.docker(['volume', 'rm', volume])
})

test('an unknown option is refused with the list of the known ones', async () => {
  const { code, stderr } = await engine.tryDocker([
    'volume',
    'create',
    '-d',
    'secretbox',
    '-o',
    'colour=red',
    'v-colour'
  ])
  expect(code).not.toBe(0)
  expect(stderr).toContain('"colour"')
  for (const option of ['box', 'version', 'path', 'uid', 'gid', 'mode', 'rw', 'size', 'optional']) {
    expect(stderr).toContain(option)
  }
  expect(await engine.docker(['volume', 'ls', '--quiet'])).not.toContain('v-colour')
})

test('a volume of a missing box is refused and the message names the box', async () => {
  const { code, stderr } = await engine.tryDocker(['volume', 'create', '-d', 'secretbox', 'no-such-box'])
  expect(code).not.toBe(0)
  expect(stderr).toContain('"no-such-box"')
})

test.each([
  ['../x', '"../x": it contains "/"'],
  ['..', '"..": "." and ".." are not names'],
  ['a:b', '"a:b": it contains ":"'],
  ['a\nb', '"a\\nb": it contains a control character'],
  ['x'.repeat(256), `"${'x'.repeat(256)}": it is longer than 255 bytes`]
])('the name %j, which the Engine does not check, is refused with what a name is', async (name, told) => {
  const { code, stderr } = await engine.tryDocker([
    'volume',
    'create',
    '-d',
    'secretbox',
    '-o',
    'optional=1',
    name
  ])
  expect(code).not.toBe(0)
  expect(stderr).toContain(`bad volume name ${told}`)
  expect(stderr).toContain('a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters')
})

test('a run that asks for a missing box or with a bad option leaves no container and no volume', async () => {
  const all = (): Promise<string[]> =>
    Promise.all([engine.docker(['ps', '--all', '--quiet']), engine.docker(['volume', 'ls', '--quiet'])])
  const before = await all()
  for (const [options, told] of [
    [{ box: 'no-such-box' }, 'no such box "no-such-box"'],
    [{ optional: '1', uid: 'root' }, 'bad option uid="root": it must be a user id from 0 to 4294967294']
  ] as const) {
    const { code, stderr } = await engine.tryDocker([
      'run',
      '--rm',
      ...mountArgument(options),
      testImage,
      'true'
    ])
    expect(code).toBe(125)
    expect(stderr).toContain(told)
  }
  expect(await all()).toEqual(before)
})

test('a second create of a volume changes nothing about it', async () => {
  const box = freshName('twice')
  await makeBox(engine, box, { password: 'p' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', '-o', 'uid=7', box])
  const before = await inspectVolume(box)
  // For a volume it knows, the Engine itself answers "created", whatever the options are.
  await engine.docker(['volume', 'create', '-d', 'secretbox', '-o', 'uid=8', box])
  expect(await inspectVolume(box)).toEqual(before)
  await engine.docker(['volume', 'rm', box])
})

test('a volume in use by a container cannot be removed', async () => {
  const box = freshName('used')
  await makeBox(engine, box, { password: 'p' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', box])
  const container = (await engine.docker(['create', '-v', `${box}:/secrets`, 'secretbox-test'])).trim()
  const { code, stderr } = await engine.tryDocker(['volume', 'rm', box])
  expect(code).not.toBe(0)
  expect(stderr).toContain('volume is in use')
  await engine.docker(['rm', container])
  await engine.docker(['volume', 'rm', box])
})

test('options that the Engine passes over are told: before docker is called, and of containers that were made so', async () => {
  const name = freshName('passed-over')
  await makeBox(engine, name, { password: 'p' })
  await engine.docker(['volume', 'create', '-d', 'secretbox', '-o', 'mode=0400', name])
  const told = async (): Promise<string> =>
    engine.docker(['vault', 'status', '-f', '{{range .OtherOptions}}{{json .}}{{end}}'])
  const same = await startContainer(engine, mountArgument({ volume: name, mode: '0o400' }))
  const anonymous = await startContainer(engine, mountArgument({ box: name, mode: '0440' }))
  for (const container of [same, anonymous]) expect(await told()).not.toContain(container)
  const other = await startContainer(engine, mountArgument({ volume: name, mode: '0440' }))
  expect(await engine.docker(['exec', other, 'stat', '-c', '%a', '/secrets/password'])).toBe('400\n')
  expect(await told()).toContain(
    JSON.stringify({
      ...{ Container: other, Volume: name },
      Options: [{ Option: 'mode', Given: '0440', Has: '0400' }]
    })
  )
  await engine.docker(['rm', '--force', '--volumes', same, anonymous, other])
  expect(await told()).not.toContain(other)
  const run = ['vault', 'run', '--rm', ...mountArgument({ volume: name, mode: '0440' }), testImage, 'true']
  const { code, stderr } = await engine.tryDocker(run)
  expect(code).toBe(0)
  expect(stderr).toContain(`warning: volume "${name}" exists already, with mode=0400 instead of mode=0440\n`)
  await engine.docker(['volume', 'rm', name])
})
