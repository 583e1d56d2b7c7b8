import { request } from 'node:http'
import { beforeAll, expect, test } from 'vitest'
import { injectedIn } from '../../src/cli/inject/labels.ts'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'
import { standIns } from './stand-ins.ts'

const { run, runHere, daemon } = useCli()

/** Makes a volume as the Engine does. */
function createVolume(Name: string, Opts: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: `${daemon().directory}/plugin.sock`,
      method: 'POST',
      path: '/VolumeDriver.Create'
    })
    sent.once('error', reject)
    sent.once('response', answer => {
      answer.resume()
      answer.once('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error('Create failed'))))
    })
    sent.end(JSON.stringify({ Name, Opts }))
  })
}

let made = 0

/** A container that `docker vault create-container` makes with these arguments, as the Engine would have it; with its volumes. */
async function container(name: string, args: readonly string[]): Promise<object> {
  const { env, calls } = await standIns('', { web: {} }, { config: { web: { Cmd: ['serve'] } } })
  const { code, stderr } = await runHere(['create-container', ...args, 'web'], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const call = (await calls()).at(-1) ?? []
  const valuesOf = (flag: string): string[] => call.flatMap((word, i) => (call[i - 1] === flag ? word : []))
  const mounts = await Promise.all(
    valuesOf('--mount').map(async value => {
      const pairs = value.split(',').map(field => field.replace('volume-opt=', 'opt:').split('='))
      const fields = Object.fromEntries(pairs.map(([key, ...rest]) => [key, rest.join('=')])) as Record<
        string,
        string
      >
      const options = Object.entries(fields).flatMap(([key, text]) =>
        key.startsWith('opt:') ? [[key.slice(4), text]] : []
      )
      const Name = String(made++).padStart(64, '0')
      if (fields['type'] === 'volume') await createVolume(Name, Object.fromEntries(options) as object)
      return { Type: fields['type'], Name, Destination: fields['target'] }
    })
  )
  const labels = valuesOf('--label').map(label => [
    label.split('=', 1)[0],
    label.slice(label.indexOf('=') + 1)
  ])
  return {
    Name: `/${name}`,
    Config: { Image: 'web', Labels: Object.fromEntries(labels) as object },
    State: { Status: 'exited' },
    Mounts: mounts,
    HostConfig: {}
  }
}

beforeAll(async () => {
  await run(['put', '--create', 'db', 'prod/password'], { input: 'first' })
  await run(['put', 'db', 'other'], { input: 'x' })
  await run(['put', '--create', 'vars', '.env'], { input: 'A=1' })
})

test('row 95: a container is stale when it would be given other secrets today, and says why', async () => {
  const id = (letter: string): string => letter.repeat(64)
  const containers = {
    [id('a')]: await container('part', ['--inject', 'db,path=prod,version=2']),
    [id('b')]: await container('all', ['--inject', 'db', '--inject', 'later,optional']),
    [id('c')]: await container('variables', ['--env-box', 'vars', '--inject', 'db:/x,path=prod']),
    [id('d')]: await container('optional', ['--inject', 'later,optional'])
  }
  const { env } = await standIns('', {}, { containers })
  const stale = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(['stale', ...args], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  const named = (): Promise<string> => stale('-f', '{{.Container}} {{.Why}}')
  expect(await named()).toBe('')

  // Another version with the same secrets is nothing new, nor is what a container is not shown.
  await run(['put', 'vars', '.env'], { input: '# the same\nA="1"\n' })
  await run(['put', 'db', 'other'], { input: 'y' })
  expect(await named()).toBe('all changed\n')
  expect(await stale()).toBe(
    'CONTAINER   CONTAINER ID   STATE    WHY       BOXES\n' +
      'all         bbbbbbbbbbbb   exited   changed   db, later\n'
  )
  await run(['put', 'db', 'other'], { input: 'x' })
  expect(await named()).toBe('')

  await run(['put', 'vars', '.env'], { input: 'A=2' })
  await run(['put', '--create', 'later', 'x'], { input: 'x' })
  expect(await named()).toBe('all changed\nvariables changed\noptional changed\n')
  expect(await stale('-q')).toBe('bbbbbbbbbbbb\ncccccccccccc\ndddddddddddd\n')
  expect(await stale('-q', '--no-trunc')).toContain(`${id('c')}\n`)
  expect(JSON.parse((await stale('--format', 'json')).split('\n')[1] ?? '')).toEqual({
    Container: 'variables',
    ContainerID: id('c'),
    State: 'exited',
    Why: 'changed',
    Boxes: ['db', 'vars'],
    Image: 'web'
  })

  await run(['put', 'vars', '.env'], { input: 'no variable' })
  await run(['remove', '-r', 'db', 'prod'])
  expect(await named()).toBe('all changed\nvariables missing\noptional changed\n')
  await run(['destroy', '--force', 'db'])
  expect(await named()).toBe('part missing\nall missing\nvariables missing\noptional changed\n')
})

test('what has the labels of another container was given nothing, and nobody else is called stale', async () => {
  const labels = { 'io.secretbox.digest': 'f'.repeat(64), 'io.secretbox.injected': '[{"target":"/x"}]' }
  const committed = {
    Name: '/committed',
    Config: { Image: 'web', Labels: labels },
    State: { Status: 'running' },
    Mounts: [{ Type: 'bind', Destination: '/x' }],
    HostConfig: {}
  }
  const { env } = await standIns('', {}, { containers: { ['a'.repeat(64)]: committed } })
  expect(await run(['stale', '-q'], { env })).toMatchObject(done(''))
})

test('labels that the image has itself say nothing of what a container was given', async () => {
  await run(['put', '--create', 'own', 'f'], { input: '1' })
  const given = (await container('given', ['--inject', 'own:/x'])) as {
    Config: { Labels: Record<string, string> }
  }
  await run(['put', 'own', 'f'], { input: '2' })
  const { Labels } = given.Config
  const others = { ...Labels, 'io.secretbox.digest': 'f'.repeat(64), other: 'x' }
  const whole = (Image: string): object => ({ ...given, Name: `/${Image}`, Image })
  const containers = { ['a'.repeat(64)]: whole('plain'), ['b'.repeat(64)]: whole('committed') }
  const shown = { ['c'.repeat(64)]: whole('other'), ['d'.repeat(64)]: whole('gone') }
  const images = { plain: {}, committed: Labels, other: others }
  const { env } = await standIns('', images, { containers: { ...containers, ...shown } })
  expect((await run(['stale', '-f', '{{.Container}}'], { env })).stdout).toBe('plain\nother\ngone\n')
})

test.each([
  ['[{"box":"db","version":3,"target":"/x"}]', [{ target: '/x', version: 3 }]],
  ['[{"target":"/x"}]', [{ target: '/x', version: undefined }]],
  ['[{"target":7}]', []],
  ['{', []],
  ['null', []]
])('the label %s is read as it is written, and nothing else', (label, places) => {
  expect(injectedIn({ 'io.secretbox.injected': label })).toEqual(places)
})
