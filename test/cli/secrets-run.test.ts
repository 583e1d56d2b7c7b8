import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../kit/temporary.ts'
import { standIns } from './stand-ins.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, runHere, program, daemon } = useCli()
const image = { web: {} }
const canary = 'hunter2-in-no-argument'
const secrets = JSON.stringify({
  secret_mounts: {
    '/run/secrets/foo': { kind: 'text', content: `${canary}\n` },
    '/run/secrets/bar': { kind: 'json', content: { key: canary } }
  }
})
const ephemeralBoxes = async (): Promise<string[]> =>
  (await run(['list', '--boxes'])).stdout.split('\n').filter(name => name.startsWith('ephemeral-'))

beforeAll(async () => {
  await run(['put', '--create', 'db', 'password'], { input: 'x' })
  await run(['put', '--create', 'vars', '.env'], { input: 'A=1' })
  await run(['put', '--create', 'again', 'vars'], { input: 'ACCESS_KEY=1' })
})

test('rows 85 to 92: secrets are files of a box that lives as long as the container, and in nothing that docker is told', async () => {
  const show = `b=$(${program} list --boxes | grep ^ephemeral); ${program} list --format '{{.Path}}' $b; ${program} read $b:text/2 $b:json/1`
  const { env, calls } = await standIns(show, image, { users: { web: '1000:1000' } })
  const { code, stdout, stderr } = await run(['run', '--secrets', '-', 'web'], { env, input: secrets })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toBe(`json\njson/1\ntext\ntext/2\n${canary}\n{"key":"${canary}"}`)
  const [call = []] = await calls()
  for (const [word, path, target] of [
    [call[2], 'json/1', '/run/secrets/bar'],
    [call[4], 'text/2', '/run/secrets/foo']
  ])
    expect(word?.replace(/ephemeral-[0-9a-f]{32}/, 'BOX')).toBe(
      `type=volume,volume-driver=secretbox,volume-opt=box=BOX,volume-opt=path=${path},volume-opt=uid=1000,volume-opt=gid=1000,volume-opt=file=true,volume-opt=mode=0400,volume-opt=ephemeral=true,volume-opt=transient=true,target=${target},volume-nocopy`
    )
  expect(call[6]?.replace(/ephemeral-[0-9a-f]{32}/g, 'BOX')).toBe(
    'io.secretbox.injected=[{"box":"BOX","version":2,"target":"/run/secrets/bar"},{"box":"BOX","version":2,"target":"/run/secrets/foo"}]'
  )
  expect(call.slice(7)).toEqual(['--label', expect.stringMatching(/^io\.secretbox\.digest=/), 'web'])
  expect(call.join(' ')).not.toContain(canary)
  expect(await ephemeralBoxes()).toEqual([])
  expect((await run(['audit', '--last', 'all', '--format', 'json'])).stdout).not.toContain(canary)
})

test('secrets may be none, and where they are to be the image may have directories', async () => {
  const file = join(temporaryDirectory(), 'secrets.json')
  await writeFile(file, '{}')
  const { env, calls, looks } = await standIns('exit 0', image, { files: { '/run/secrets': null } })
  expect(await runHere(['run', `--secrets=${file}`, 'web'], { env })).toMatchObject({ code: 0, stderr: '' })
  expect(await calls()).toEqual([['run', 'web']])
  await writeFile(file, secrets)
  expect(await runHere(['create-container', '--secrets', file, 'web'], { env })).toMatchObject({
    code: 0,
    stderr: ''
  })
  expect(looks).toEqual([])
  expect(await ephemeralBoxes()).toEqual([])
})

const variables = JSON.stringify({ secret_environment: { ACCESS_KEY: `a"${canary}\n`, EMPTY: '' } })
const web = { Entrypoint: ['/entry'], Cmd: ['serve'], User: '1000:1000' }

test('rows 100 to 107: variables are a file of the box, which the launcher reads, and in nothing that docker is told', async () => {
  const show = `b=$(${program} list --boxes | grep ^ephemeral); ${program} list --format '{{.Path}}' $b; ${program} read $b:variables`
  const { env, calls } = await standIns(show, image, { config: { web } })
  const both = ['--env-box', 'vars', '-e', 'OTHER=1']
  const ended = await run(['run', ...both, '--secrets', '-', 'web', 'more'], { env, input: variables })
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(ended.stdout).toBe(`variables\nACCESS_KEY="a\\"${canary}\\n"\nEMPTY=""\n`)
  const [call = []] = await calls()
  expect(call.slice(0, 3)).toEqual(['run', '--label', expect.stringMatching(/^io\.secretbox\.digest=/)])
  expect(call[6]).toMatch(
    /^type=volume,volume-driver=secretbox,volume-opt=box=ephemeral-[0-9a-f]{32},volume-opt=uid=1000,volume-opt=gid=1000,volume-opt=path=variables,volume-opt=mode=0400,volume-opt=dirmode=0500,volume-opt=ephemeral=true,volume-opt=transient=true,target=\/run\/secretbox\/env\/2,volume-nocopy$/
  )
  expect(call.slice(9)).toEqual([
    ...['--entrypoint', '/run/secretbox/launcher', '-e', 'OTHER=1', 'web', '/run/secretbox/env/1/.env'],
    ...['/run/secretbox/env/2/variables', '--', '/entry', 'more']
  ])
  expect(call.join(' ')).not.toContain(canary)
  expect(await ephemeralBoxes()).toEqual([])
})

test('the same secrets have the same digest, in whatever order they come, and others another', async () => {
  const digestOf = async (given: object): Promise<string | undefined> => {
    const { env, calls } = await standIns('exit 0', image, { config: { web } })
    const input = JSON.stringify(given)
    expect(await run(['run', '--secrets', '-', 'web'], { env, input })).toMatchObject({ code: 0 })
    return (await calls()).at(-1)?.find(word => word.startsWith('io.secretbox.digest='))
  }
  const file = (content: string): object => ({ kind: 'text', content })
  const first = await digestOf({
    secret_mounts: { '/a': file('1'), '/b': file('2') },
    secret_environment: { A: '' }
  })
  expect(first).toBeDefined()
  expect(
    await digestOf({ secret_environment: { A: '' }, secret_mounts: { '/b': file('2'), '/a': file('1') } })
  ).toBe(first)
  expect(
    await digestOf({ secret_mounts: { '/a': file('2'), '/b': file('1') }, secret_environment: { A: '' } })
  ).not.toBe(first)
})

const given = (by: string): string =>
  `error: variable "ACCESS_KEY" is in "secret_environment of --secrets", and is given by ${by}, too\nhint: leave one of them out\n`

test.each<[string[], string]>([
  [['-e', 'ACCESS_KEY=x'], given('--env')],
  [['--env=ACCESS_KEY'], given('--env')],
  [['--env-file', 'FILE'], given('--env-file "FILE"')],
  [
    ['--env-box', 'again'],
    'error: variable "ACCESS_KEY" is in "again:vars", and is given by "secret_environment of --secrets", too\nhint: leave one of them out\n'
  ],
  [
    ['-v', 'x:/run/secretbox/env/1'],
    'error: cannot mount two things at "/run/secretbox/env/1": "secret_environment of --secrets" and "-v x:/run/secretbox/env/1"\n' +
      'hint: give one of them another place, as in --inject box:alias\n'
  ]
])('row 106: with %j and the same variable nothing is started', async (words, stderr) => {
  const file = join(temporaryDirectory(), 'env')
  await writeFile(file, 'OTHER=1\nACCESS_KEY=2\n')
  const { env, calls } = await standIns('exit 0', image, { config: { web } })
  const args = words.map(word => (word === 'FILE' ? file : word))
  const ended = await runHere(['run', ...args, '--secrets', '-', 'web'], { env, input: variables })
  expect(ended).toMatchObject({ code: 2, stderr: stderr.replace('FILE', file) })
  expect(await calls()).toEqual([])
  expect(await ephemeralBoxes()).toEqual([])
})

const twice = (other: string): string =>
  `error: cannot mount two things at "/run/secrets/foo": "${other}" and "secret_mounts of --secrets"\n` +
  'hint: give one of them another place, as in --inject box:alias\n'

test.each<[string[], string]>([
  [['-v', 'x:/run/secrets/foo'], twice('-v x:/run/secrets/foo')],
  [['--inject', 'db:/run/secrets/foo'], twice('--inject db:/run/secrets/foo')],
  [
    ['--mount=type=tmpfs,dst=/run/secrets/../secrets/foo'],
    twice('--mount=type=tmpfs,dst=/run/secrets/../secrets/foo')
  ],
  [['--secrets', '-'], 'error: give --secrets once\nhint: one file holds all secrets of a container\n'],
  [
    ['-v', 'x:/run/secrets/foo/in'],
    'error: cannot mount "-v x:/run/secrets/foo/in" in "secret_mounts of --secrets": that is read-only, and it has no "in"\n' +
      'hint: give one of them another place, as in --inject box:alias\n'
  ],
  [
    ['--inject', 'db:/run/secrets'],
    'error: cannot mount "secret_mounts of --secrets" in "--inject db:/run/secrets": that is read-only, and it has no "foo"\n' +
      'hint: give one of them another place, as in --inject box:alias\n'
  ]
])('row 94: with %j nothing is started', async (words, stderr) => {
  const { env, calls } = await standIns('exit 0', image)
  expect(await runHere(['run', ...words, '--secrets', '-', 'web'], { env, input: secrets })).toMatchObject({
    code: 2,
    stderr
  })
  expect(await calls()).toEqual([])
  expect(await ephemeralBoxes()).toEqual([])
})

test('a file that is no file of secrets is told, and nothing of it', async () => {
  const { env, calls } = await standIns('exit 0', image)
  expect(await runHere(['run', '--secrets', '-', 'web'], { env, input: `{"x": "${canary}"}` })).toMatchObject(
    {
      code: 2,
      stderr:
        'error: cannot use the secrets of standard input: it has "x", and may have "secret_mounts" and "secret_environment"\n'
    }
  )
  for (const [given, found] of [
    [secrets, 'JSON itself'],
    [`{secret_mounts:{/x:${canary}}}`, 'JSON itself'],
    [`A=${canary}`, 'the variable "A" itself'],
    [`${canary}=`, 'contents'],
    [`line\n${canary}`, 'contents']
  ] as const)
    expect(await runHere(['run', `--secrets=${given}`, 'web'], { env })).toMatchObject({
      code: 2,
      stderr: `error: --secrets takes a file, not ${found}\nhint: everybody can read arguments: pipe it in, with --secrets -\n`
    })
  expect(await runHere(['run', '--secrets', '/nowhere', 'web'], { env })).toMatchObject({
    code: 1,
    stderr: 'error: cannot read "/nowhere": no such file or directory\n'
  })
  expect(await calls()).toEqual([])
})

test('a signal while docker runs leaves no box behind', async () => {
  const { env } = await standIns("trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done", image)
  const child = spawn(program, ['run', '--secrets', '-', 'web'], {
    env: { ...env, SECRETBOX_SOCKET: daemon().adminSocket },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  child.stdin.end(secrets)
  await once(child.stdout, 'data')
  const during = await ephemeralBoxes()
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([3, null])
  expect(during).toHaveLength(1)
  expect(await ephemeralBoxes()).toEqual([])
})
