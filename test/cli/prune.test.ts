import { expect, onTestFinished, test, vi } from 'vitest'
import { driverAt, freshId, makeBox, type Driver } from '../kit/driver.ts'
import {
  addContainer,
  pluginDisabled,
  standInEngine,
  volumeInUse,
  type StandInEngine
} from '../kit/stand-in-engine.ts'
import { start } from '../kit/started.ts'
import { openVault, root } from '../kit/open-vault.ts'
import { parseBoxName } from '../../src/base/names.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done, type Outcome } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()
const anonymous = (digit: string): string => digit.repeat(64)

/** A daemon with volumes of each kind, and an Engine that removes what it is asked to. */
async function stage(): Promise<{
  engine: StandInEngine
  driver: Driver
  prune: (args: readonly string[], input?: string) => Promise<Outcome>
  volumes: () => Promise<string[]>
}> {
  const engine = await standInEngine()
  const { daemon } = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
  const driver = driverAt(daemon.pluginSocket)
  onTestFinished(() => driver.close())
  engine.onRemove = async name => {
    await driver.call('Remove', { Name: name })
    return 204
  }
  await makeBox(daemon.adminSocket, 'db', { key: 'k' })
  for (const name of [anonymous('a'), anonymous('b'), 'named', 'stopped'])
    await driver.call('Create', { Name: name, Opts: { box: 'db' } })
  addContainer(engine, 'stopped')
  const env = { SECRETBOX_SOCKET: daemon.adminSocket }
  return {
    engine,
    driver,
    prune: (args, input = '') => run(['prune', ...args], { env, input }),
    volumes: async () => {
      const { Volumes } = (await driver.call('List', {})) as { Volumes: { Name: string }[] }
      return Volumes.map(({ Name }) => Name)
    }
  }
}

const question = 'Are you sure you want to continue? [y/N] '

test('prune says what it would remove, asks, and removes the anonymous volumes that no container has', async () => {
  const { prune, volumes } = await stage()
  const told = ['a', 'b'].map(digit => `  - volume ${anonymous(digit)}, which shows box "db"\n`).join('')
  const asked = `This will remove:\n${told}${question}`
  for (const no of ['', 'n\n', '\n', 'maybe\n']) {
    expect(await prune([], no)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: `${asked}nothing was removed\n`
    })
  }
  expect(await volumes()).toHaveLength(4)
  expect(await prune([], 'y\n')).toMatchObject({
    code: 0,
    stdout: `${anonymous('a')}\n${anonymous('b')}\n`,
    stderr: asked
  })
  expect(await volumes()).toEqual(['named', 'stopped'])
  expect(await prune([])).toMatchObject({ ...done(''), stderr: 'there is nothing to remove\n' })
})

test('prune --all takes volumes with a name too, never one that a container has, and --force does not ask', async () => {
  const { prune, volumes } = await stage()
  expect(await prune(['--all', '--force'])).toMatchObject(
    done(`${anonymous('a')}\n${anonymous('b')}\nnamed\n`)
  )
  expect(await volumes()).toEqual(['stopped'])
})

test('prune keeps a volume whose copy is mounted, whatever the Engine says', async () => {
  const { prune, driver, volumes } = await stage()
  await driver.mount(anonymous('a'), freshId())
  expect(await prune(['-f'])).toMatchObject(done(`${anonymous('b')}\n`))
  expect(await volumes()).toContain(anonymous('a'))
})

test('prune tells what the Engine did not remove, and removes the rest', async () => {
  const { prune, engine, driver } = await stage()
  engine.onRemove = async name => {
    if (name === anonymous('a')) return volumeInUse(name)
    if (name === 'named') return pluginDisabled(name)
    await driver.call('Remove', { Name: name })
    return 204
  }
  expect(await prune(['-af'])).toMatchObject({
    code: 1,
    stdout: `${anonymous('b')}\n`,
    stderr:
      `error: volume "${anonymous('a')}" is in use by a container\n` +
      'error: the Engine cannot remove volume "named"\n'
  })
})

test('prune removes nothing when the Engine cannot say what is used', async () => {
  const { prune, engine, volumes } = await stage()
  await engine.end()
  expect(await prune(['-af'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^error: cannot tell which volumes are used: the Engine does not answer\nhint: /
    ) as string
  })
  expect(await volumes()).toHaveLength(4)
})

/** The name of a box for a directory that was injected. */
const injected = (digit: string): string => `ephemeral-${digit.repeat(32)}`

/** Begins a vault with boxes that were made that long ago, and further records; gives its directory. */
async function vaultOf(
  minutesAgo: number,
  boxes: readonly string[],
  records: Readonly<Record<string, string>> = {}
): Promise<string> {
  const directory = temporaryDirectory()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - minutesAgo * 60_000 })
  onTestFinished(() => void vi.useRealTimers())
  const { store, vault, close } = await openVault(directory)
  for (const box of boxes) await vault.create(root, parseBoxName(box))
  for (const [put, value] of Object.entries(records)) await store.commit([{ put, value: Buffer.from(value) }])
  await close()
  vi.useRealTimers()
  return directory
}

/** Starts a daemon on it, with an Engine that removes what it is asked to; gives what prunes and what lists boxes. */
async function stageOf(directory: string): Promise<{
  engine: StandInEngine
  driver: Driver
  create: (box: string) => Promise<void>
  prune: (args: readonly string[], input?: string) => Promise<Outcome>
  boxes: () => Promise<string[]>
}> {
  const engine = await standInEngine()
  const { daemon, driver } = await start({
    SECRETBOX_DOCKER_SOCKET: engine.socket,
    SECRETBOX_DATA_DIR: directory,
    SECRETBOX_KEY_DIR: directory
  })
  const env = { SECRETBOX_SOCKET: daemon.adminSocket }
  return {
    engine,
    driver,
    create: box => makeBox(daemon.adminSocket, box, {}),
    prune: (args, input = '') => run(['prune', ...args], { env, input }),
    boxes: async () =>
      (await run(['list', '--boxes', '-f', '{{.Name}}'], { env })).stdout.trimEnd().split('\n')
  }
}

test('prune removes boxes of injected directories that nothing shows, once they are old, and no others', async () => {
  const old = ['a', 'b', 'c'].map(injected)
  const others = ['db', 'ephemeral-mine', `${injected('d')}0`, injected('D')]
  const { engine, driver, create, prune, boxes } = await stageOf(await vaultOf(11, [...old, ...others]))
  await create(injected('e'))
  // One is shown by a volume of a container, another by a volume that no container has.
  await driver.call('Create', { Name: anonymous('b'), Opts: { box: injected('b'), ephemeral: 'true' } })
  addContainer(engine, 'stopped', { volumes: [anonymous('b')] })
  await driver.call('Create', { Name: 'named', Opts: { box: injected('c'), ephemeral: 'true' } })
  engine.onRemove = async name => {
    await driver.call('Remove', { Name: name })
    return 204
  }
  const told = `This will remove:\n  - box ${injected('a')}, which nothing shows\n${question}`
  expect(await prune([], 'n\n')).toMatchObject({
    code: 0,
    stdout: '',
    stderr: `${told}nothing was removed\n`
  })
  expect(await boxes()).toHaveLength(8)
  expect(await prune([], 'y\n')).toMatchObject({ code: 0, stdout: `${injected('a')}\n`, stderr: told })
  expect(await boxes()).not.toContain(injected('a'))
  // With its volume the box of that goes, too, and is not told of twice.
  expect(await prune(['--all', '--force'])).toMatchObject(done('named\n'))
  expect((await boxes()).sort()).toEqual([injected('b'), injected('e'), ...others].sort())
  expect(await prune(['-af'])).toMatchObject({ code: 0, stderr: 'there is nothing to remove\n' })
})

test('prune leaves a box of an injected directory that is young: its volume may be about to be made', async () => {
  const { prune, boxes } = await stageOf(await vaultOf(9, [injected('a')]))
  expect(await prune(['-f'])).toMatchObject({ code: 0, stdout: '', stderr: 'there is nothing to remove\n' })
  expect(await boxes()).toEqual([injected('a')])
})

test('prune removes no box while the record of a volume is damaged, which may show any', async () => {
  const { prune, boxes } = await stageOf(await vaultOf(60, [injected('a')], { 'volume/web': 'garbage' }))
  expect(await prune(['-f'])).toMatchObject({ code: 0, stdout: '', stderr: 'there is nothing to remove\n' })
  expect(await boxes()).toEqual([injected('a')])
})
