import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run } = useCli()

test.each([
  [['lsit'], 'unknown command "lsit"', 'did you mean list?'],
  [['version', 'web'], '"version" takes no box', 'the versions of a box: docker-vault versions web'],
  [['frobnicate'], 'unknown command "frobnicate"', 'see: docker-vault --help'],
  [['create'], 'missing required argument "BOX"', 'see: docker-vault create --help'],
  [['add', 'box'], 'missing required argument "FILE"', 'see: docker-vault add --help'],
  [['list', '--frobnicate'], 'unknown option "--frobnicate"', 'see: docker-vault list --help'],
  [['list', '--boxen'], 'unknown option "--boxen"', 'did you mean --boxes?'],
  [['list', '--format'], 'option "-f, --format <format>" argument missing', 'see: docker-vault list --help'],
  [
    ['put', 'a', 'b', 'the secret'],
    'too many arguments: "put" takes 2, not 3',
    'see: docker-vault put --help'
  ],
  [['help', 'frobnicate'], 'unknown command "frobnicate"', 'see: docker-vault --help']
])('%j is a mistake', async (args, message, hint) => {
  expect(await run(args)).toMatchObject({ code: 2, stdout: '', stderr: `error: ${message}\nhint: ${hint}\n` })
})

test('help names every command, and each has help of its own with an example', async () => {
  const help = await run(['--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(await run([])).toEqual(help)
  const commands = [...help.stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name ?? '')
  expect(commands).toEqual(
    expect.arrayContaining(
      'create destroy add put remove list read inspect edit cp versions diff rollback used-by status reconcile prune audit completion'.split(
        ' '
      )
    )
  )
  for (const command of commands.filter(name => name !== 'help')) {
    const { code, stdout, stderr } = await run([command, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: docker-vault /)
    expect(stdout).toMatch(/\nExamples?:\n {2}.*docker-vault /)
  }
})

test('help fits a terminal of 80 columns', async () => {
  const { stdout } = await run(['--help'])
  expect(stdout.split('\n').filter(line => line.length > 80)).toEqual([])
  expect(stdout).toContain('\nVersions of boxes:\n  versions ')
  expect(await run(['help', 'versions'])).toEqual(await run(['versions', '--help']))
})

test.each(['run', 'create-container', 'exec', 'compose', 'stale'])('so does that of %s', async name => {
  const [, ...lines] = (await run([name, '--help'])).stdout.split('\n')
  expect(lines.filter(line => line.length > 80)).toEqual([])
})

test('started by docker, help speaks of "docker vault"', async () => {
  expect((await run(['vault', 'put', '--help'])).stdout).toMatch(/^Usage: docker vault put /)
  expect((await run(['help', 'vault'])).stdout).toMatch(/^Usage: docker vault COMMAND\n/)
  expect((await run(['-H', 'unix:///nowhere.sock', '--debug', 'vault', 'list'])).code).toBe(0)
})

test('docker is told what the plugin is', async () => {
  const { code, stdout } = await run(['docker-cli-plugin-metadata'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    SchemaVersion: '0.1.0',
    Vendor: 'secretbox',
    Version: packageJson.version,
    ShortDescription: 'Keep secrets in encrypted boxes and give them to containers'
  })
})

test('the version can be asked for', async () => {
  expect(await run(['--version'])).toMatchObject(done(`${packageJson.version}\n`))
})
