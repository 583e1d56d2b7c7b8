import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { buildFlags } from '../../src/cli/inject/build-flags.ts'
import {
  lastValue,
  readCommandLine,
  valuesOf,
  wordsWithout,
  type CommandLine,
  type FlagTable
} from '../../src/cli/inject/command-line.ts'
import { runFlags } from '../../src/cli/inject/run-flags.ts'
import { runProgram } from '../kit/run-program.ts'

const read = (...args: string[]): CommandLine => readCommandLine(args, runFlags, { interspersed: false })
const flagsOf = (...args: string[]): string[] =>
  read(...args, 'image').flags.map(({ name, value }) => `${name}=${value}`)

test.each([
  [['--name', 'web'], ['name=web']],
  [['--name=web'], ['name=web']],
  [['--name='], ['name=']],
  [['--rm'], ['rm=true']],
  [['--rm=false'], ['rm=false']],
  [['-it'], ['interactive=true', 'tty=true']],
  [
    ['-itv', '/a:/b'],
    ['interactive=true', 'tty=true', 'volume=/a:/b']
  ],
  [['-v/a:/b'], ['volume=/a:/b']],
  [['-v=/a:/b'], ['volume=/a:/b']],
  [['-t=false'], ['tty=false']],
  [
    ['-p80:80', '-e', 'A=B'],
    ['publish=80:80', 'env=A=B']
  ],
  [['-e', '--name'], ['env=--name']],
  [['--entrypoint', ''], ['entrypoint=']],
  [['-h', 'host'], ['hostname=host']],
  [['--not-yet-known=value'], ['not-yet-known=value']]
])('docker run %j image has flags %j', (args, flags) => {
  expect(flagsOf(...args)).toEqual(flags)
  expect(read(...args, 'image').operands).toEqual(['image'])
})

test('what follows the image belongs to the container', () => {
  const line = read('--rm', 'image', '--name', 'web', '--inject', 'db', '--', '-v')
  expect(line.flags.map(({ name }) => name)).toEqual(['rm'])
  expect(line.operands).toEqual(['image', '--name', 'web', '--inject', 'db', '--', '-v'])
  expect(read('--rm', '--', 'image', 'sh').operands).toEqual(['image', 'sh'])
})

test('flags of a build may follow its context', () => {
  const line = readCommandLine(['.', '-t', 'web', '-', '--', '--pull'], buildFlags, { interspersed: true })
  expect(line.operands).toEqual(['.', '-', '--pull'])
  expect(valuesOf(line, 'tag')).toEqual(['web'])
})

test('of a flag that counts once the last one counts, and flags can be left out', () => {
  const line = read('--pull', 'never', '-dq', '--inject', 'a', '--pull=always', '--inject=b', 'image')
  expect(lastValue(line, 'pull')).toBe('always')
  expect(lastValue(line, 'platform')).toBeNull()
  expect(valuesOf(line, 'inject')).toEqual(['a', 'b'])
  expect(wordsWithout(line, ['inject'])).toEqual(['--pull', 'never', '-d', '-q', '--pull=always'])
})

test.each([
  [['--frobnicate', 'image'], 'unknown flag "--frobnicate"'],
  [['-itZ', 'image'], 'unknown flag "-Z"'],
  [['--name'], 'flag "--name" needs a value'],
  [['-ie'], 'flag "-e" needs a value']
])('%j is refused: %s', (args, message) => {
  expect(() => read(...args)).toThrow(message)
})

/** The flags that a docker client lists in its help: `name` or `name letter`, and whether it names a kind of value. */
async function flagsInHelp(
  client: string,
  command: string,
  env: NodeJS.ProcessEnv
): Promise<Map<string, string>> {
  const { stdout } = await runProgram(client, [command, '--help'], {
    env: { PATH: process.env['PATH'], ...env }
  })
  const flags = stdout.matchAll(/^ {2}(?: {4}|-(\w), )--([\w-]+)(?: (\S+))?(?: {2,}|\n)/gm)
  return new Map(
    [...flags].map(([, letter, name = '', kind]) => [letter ? `${name} ${letter}` : name, kind ?? ''])
  )
}

function listed(table: FlagTable): Map<string, string> {
  const letters = new Map([...table.longNames].map(([letter, name]) => [name, letter]))
  return new Map(
    [...table.kinds].map(([name, kind]) => [
      letters.has(name) ? `${name} ${letters.get(name) ?? ''}` : name,
      kind
    ])
  )
}

const clients = ['/usr/bin/docker', '/usr/local/bin/docker'].filter(existsSync)

test.each(
  clients.flatMap(client => [
    [client, 'run', runFlags, {}] as const,
    [client, 'create', runFlags, {}] as const,
    [client, 'build', buildFlags, { DOCKER_BUILDKIT: '0' }] as const,
    [client, 'build', buildFlags, { DOCKER_BUILDKIT: '1' }] as const
  ])
)(
  'every flag that %s %s knows is known here, and whether it takes a value',
  async (client, command, table, env) => {
    const known = listed(table)
    const inHelp = await flagsInHelp(client, command, env)
    // A client without buildx has no help for BuildKit's builds.
    expect(inHelp.size > 20 || command === 'build').toBe(true)
    for (const [flag, kind] of inHelp) {
      expect([flag, known.get(flag)]).toEqual([flag, kind === '' ? 'switch' : 'value'])
    }
  }
)
