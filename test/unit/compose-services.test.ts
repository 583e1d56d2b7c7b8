import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'
import { boxVariablesIn } from '../../src/cli/compose/box-variables.ts'
import { launchedService, refuseInEnvironment } from '../../src/cli/compose/launched-service.ts'
import { meantServices } from '../../src/cli/compose/meant-services.ts'
import type { Mapping } from '../../src/cli/compose/model.ts'
import { shellWords } from '../../src/cli/compose/shell-words.ts'
import { refuseUnknownKeys } from '../../src/cli/compose/vault-keys.ts'
import type { ImageConfig } from '../../src/cli/inject/find-image.ts'
import { UsageError } from '../../src/cli/output/failure.ts'

const launching = { name: 'web', launcher: '/var/l$b', owner: { uid: '5', gid: '6' } }
const image: ImageConfig = {
  labels: {},
  volumes: [],
  entrypoint: ['/entry'],
  command: ['serve'],
  health: ['CMD', 'check'],
  shell: ['/bin/sh', '-c'],
  user: '',
  platform: ''
}
const by = ['/run/secretbox/launcher', '/run/secretbox/env/1/.env', '--']
const files = [{ box: parseBoxName('app'), path: parseFilePath('deep/.env') }]

test.each<[object, object]>([
  [{}, { entrypoint: [...by, '/entry'], command: ['serve'] }],
  [
    { command: null, entrypoint: null },
    { entrypoint: [...by, '/entry'], command: ['serve'] }
  ],
  [{ command: ['a', '$$b'] }, { entrypoint: [...by, '/entry'], command: ['a', '$$b'] }],
  [{ entrypoint: ['x'] }, { entrypoint: [...by, 'x'], command: [] }],
  [
    { entrypoint: `sh -c "echo '$$A' 'b c'"` },
    { entrypoint: [...by, 'sh', '-c', "echo '$$A' 'b c'"], command: [] }
  ],
  [
    { entrypoint: '', command: [] },
    { entrypoint: by, command: ['serve'] }
  ],
  [
    { healthcheck: { test: 'a && b', interval: '5s' } },
    { healthcheck: { interval: '5s', test: ['CMD', ...by, '/bin/sh', '-c', 'a && b'] } }
  ],
  [{ healthcheck: { test: ['CMD', 'x', '$$y'] } }, { healthcheck: { test: ['CMD', ...by, 'x', '$$y'] } }],
  [{ healthcheck: { interval: '5s' } }, { healthcheck: { interval: '5s', test: ['CMD', ...by, 'check'] } }]
])('a service that says %j runs by the launcher', (fields, expected) => {
  expect(launchedService({ ...launching, fields: fields as Mapping, image }, files).fields).toMatchObject(
    expected
  )
})

test.each([{ disable: true }, { test: ['NONE'] }])('a check that is not to be, %j, stays so', healthcheck => {
  const { fields } = launchedService({ ...launching, fields: { healthcheck }, image }, files)
  expect(Object.keys(fields)).toEqual(['entrypoint', 'command'])
})

test('variables are for the user alone, and the launcher is not to be written', () => {
  expect(launchedService({ ...launching, fields: {}, image }, files)).toMatchObject({
    boxes: [
      {
        target: '/run/secretbox/env/1',
        options: { box: 'app', path: 'deep/.env', uid: '5', gid: '6', mode: '0400', dirmode: '0500' }
      }
    ],
    mounts: [{ type: 'bind', source: '/var/l$$b', target: '/run/secretbox/launcher', read_only: true }]
  })
  expect(() => launchedService({ ...launching, fields: { command: 'a "b' }, image }, files)).toThrow(
    'bad command of service "web": a quote in it does not end'
  )
})

const wordsOf: [string, string[] | null][] = [
  ['', []],
  ['  a  b\tc\n', ['a', 'b', 'c']],
  [`a'b c'd "e f"`, ['ab cd', 'e f']],
  [`'' ""`, ['', '']],
  [String.raw`a\ b "\"\\\$x" '\'`, ['a b', String.raw`"\\$x`, '\\']],
  ['a # b', ['a', '#', 'b']],
  [`'a`, null],
  ['"a\\"', null],
  ['a\\', null]
]

test('words of a text are those that docker-compose finds', () => {
  const program = `
import json, shlex, sys
def words(text):
    try:
        return shlex.split(text)
    except ValueError:
        return None
print(json.dumps([words(text) for text in json.loads(sys.argv[1])]))`
  const texts = wordsOf.map(([text]) => text)
  const found = JSON.parse(
    execFileSync('python3', ['-c', program, JSON.stringify(texts)]).toString()
  ) as unknown[]
  expect(found).toEqual(wordsOf.map(([, words]) => words))
  expect(texts.map(shellWords)).toEqual(found)
})

test.each<[object, string, string]>([
  [
    { services: { web: { 'x-vault-evn': 'a' } } },
    'unknown key "x-vault-evn" in "services.web"',
    'did you mean "x-vault-env"?'
  ],
  [
    { services: { web: { 'x-vault': 'a' } } },
    'unknown key "x-vault" in "services.web"',
    'did you mean "x-vault-env"?'
  ],
  [
    { secrets: { a: { 'x-vault-env': 'a' } } },
    'unknown key "x-vault-env" in "secrets.a"',
    'did you mean "x-vault"?'
  ],
  [
    { secrets: { a: { 'x-vaults': 'a' } } },
    'unknown key "x-vaults" in "secrets.a"',
    'did you mean "x-vault"?'
  ],
  [{ 'x-vault-env': 'a' }, '"x-vault-env" says nothing at the top', 'it belongs in "services.*"'],
  [
    { 'x-vault-anything-else': 'a' },
    'unknown key "x-vault-anything-else" at the top',
    'there are "x-vault" and "x-vault-env"'
  ],
  [
    { services: { web: { deploy: { x_vault: 'a' } } } },
    'unknown key "x_vault" in "services.web.deploy"',
    'did you mean "x-vault"?'
  ],
  [
    { services: { web: { volumes: [{ 'X-Vault': 'a' }] } } },
    'unknown key "X-Vault" in "services.web.volumes"',
    'did you mean "x-vault"?'
  ]
])('%j is refused with the right spelling', (model, message, hint) => {
  expect(() => refuseUnknownKeys(model as Mapping)).toThrow(
    expect.objectContaining({ message, hint }) as Error
  )
})

test.each<object>([
  { services: { 'x-vault-web': { 'x-vault-env': 'a' } }, secrets: { 'x-vault': { 'x-vault': 'a' } } },
  { 'x-common': { 'x-vault-env': 'a', 'x-vault': 'a' }, services: { web: { 'x-vault-env': 'a' } } },
  { services: { web: { environment: { 'x-vault-addr': 'a' }, labels: { 'x-vault.team': 'b' } } } },
  { services: { web: { build: { args: { x_vault: 'a' } }, depends_on: { 'x-vault-web': {} } } } },
  { networks: { n: { driver_opts: { 'x-vault': 'a' } } }, volumes: { 'x-vault': {} } }
])("in %j names are the user's own, and fragments are for others to take", model => {
  expect(() => {
    refuseUnknownKeys(model as Mapping)
  }).not.toThrow()
})

test.each<[string[], string[], string[]]>([
  [['-d'], [], ['web', 'db', 'cache']],
  [['-d', 'db'], [], ['db']],
  [['web'], [], ['web', 'db', 'cache']],
  [['debug'], [], ['debug', 'db']],
  [[], ['dev'], ['web', 'db', 'cache', 'debug']],
  [[], ['*'], ['web', 'db', 'cache', 'debug']]
])('%j with the profiles %j is about %j', (words, profiles, services) => {
  const model = {
    services: {
      web: { depends_on: { cache: {} }, links: ['db:database'] },
      db: {},
      cache: {},
      debug: { profiles: ['dev'], network_mode: 'service:db' }
    }
  }
  expect([...meantServices(model, words, profiles)].sort()).toEqual([...services].sort())
})

test.each<[string, object | string[], string | null]>([
  ['a mapping', { A: '1', B: null }, 'B'],
  ['a list', ['A=1', 'B'], 'B'],
  ['another', { C: '1' }, null]
])('a variable that a service has as well is refused: %s', (_what, environment, variable) => {
  const refusing = (): void => {
    refuseInEnvironment('web', { environment, given: [] }, [{ place: 'app:.env', variables: ['B'] }])
  }
  if (variable === null) expect(refusing).not.toThrow()
  else expect(refusing).toThrow('variable "B" is in "app:.env", and in the environment of service "web", too')
})

test.each<[unknown, string]>([
  [true, 'it is no text'],
  [['a', 7], 'it is no text'],
  [null, 'it is empty'],
  ['a:', '"a:" names no file'],
  ['PASSWORD=hunter2', 'x-vault-env of service "web" takes a box, not the variable "PASSWORD" itself'],
  ['', 'bad box name ""']
])('x-vault-env: %j is refused', (given, reason) => {
  const attempt = (): unknown => boxVariablesIn({ services: { web: { 'x-vault-env': given } } })
  expect(attempt).toThrow(reason)
  expect(attempt).toThrow(UsageError)
  expect(attempt).not.toThrow(/hunter2/)
})

test('what aliases name again and again is looked at once in each place', () => {
  let bomb: Record<string, unknown> = { image: 'i' }
  for (let depth = 0; depth < 100; depth++) bomb = { one: bomb, other: [bomb, bomb] }
  expect(() => refuseUnknownKeys({ services: { web: bomb, db: bomb }, volumes: { v: bomb } })).not.toThrow()
  const said = { 'x-vault-env': 'db' }
  expect(() => refuseUnknownKeys({ services: { web: said }, volumes: { v: said } })).toThrow('"x-vault-env"')
})
