import { expect, onTestFinished, test } from 'vitest'
import { driverAt, freshId, makeBox, type Driver } from '../daemon/driver.ts'
import {
  addContainer,
  pluginDisabled,
  standInEngine,
  volumeInUse,
  type StandInEngine
} from '../daemon/stand-in-engine.ts'
import { start } from '../daemon/started.ts'
import { done, type Outcome } from './run.ts'
import { useCli } from './use-cli.ts'

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
