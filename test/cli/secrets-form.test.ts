import { expect, test } from 'vitest'
import { parseBoxName } from '../../src/base/names.ts'
import type { Cli } from '../../src/cli/declare/cli.ts'
import { boxOfSecrets } from '../../src/cli/inject/container-secrets.ts'
import { readSecrets } from '../../src/cli/inject/secrets-form.ts'
import { variablesText } from '../../src/cli/inject/variables-text.ts'

/** What a text of secrets says, its values as text. */
function read(text: string): { mounts: Record<string, string>; environment: Record<string, string> } {
  const { mounts, environment } = readSecrets(Buffer.from(text), '"file"')
  const shown = (secrets: typeof environment): Record<string, string> =>
    Object.fromEntries([...secrets].map(([name, secret]) => [name, Buffer.from(secret.bytes()).toString()]))
  const contents = new Map([...mounts].map(([target, { content }]) => [target, content]))
  return { mounts: shown(contents), environment: shown(environment) }
}

test('rows 85 to 87, 96 to 98: texts, JSON as it is written, and variables', () => {
  const text = String.raw`{
    "secret_mounts": {
      "/secrets/foo": {"kind": "text", "content": "foobar\n"},
      "/secrets/empty": {"content": "", "kind": "text"},
      "/secrets/json": {"kind": "json", "content": { "a" : [1.50, null, "\u00e4"] }}
    },
    "secret_environment": {"ACCESS_KEY": "12\"34", "_x.y-1": ""}
  }`
  expect(read(text)).toEqual({
    mounts: {
      '/secrets/foo': 'foobar\n',
      '/secrets/empty': '',
      '/secrets/json': String.raw`{ "a" : [1.50, null, "\u00e4"] }`
    },
    environment: { ACCESS_KEY: '12"34', '_x.y-1': '' }
  })
})

test.each(['{}', '{"secret_mounts":{}}', '{"secret_environment":{},"secret_mounts":{}}'])(
  '%s asks for nothing',
  text => {
    expect(read(text)).toEqual({ mounts: {}, environment: {} })
  }
)

const mount = (target: string, rest = '"kind":"text","content":"topsecret"'): string =>
  `{"secret_mounts":{"${target}":{${rest}}}}`
const long = 'x'.repeat(128 * 1024)

test.each<[string, string, string?]>([
  ['', 'it is empty', 'write {} for none'],
  [' \n', 'it is empty', 'write {} for none'],
  ['null', 'it is null', 'write {} for none'],
  ['[]', 'it is not an object'],
  ['{"secret_mounts":null}', '"secret_mounts" is null', 'write {} for none'],
  ['{"secret_environment":null}', '"secret_environment" is null', 'write {} for none'],
  ['{"secret_environment":["topsecret"]}', '"secret_environment" is not an object'],
  [
    '{"secret_mount":{}}',
    'it has "secret_mount", and may have "secret_mounts" and "secret_environment"',
    'did you mean "secret_mounts"?'
  ],
  ['{"mounts":{}}', 'it has "mounts", and may have "secret_mounts" and "secret_environment"'],
  [mount('secrets/foo'), '"secrets/foo" cannot be the place of a file: it does not begin with "/"'],
  [mount('/a//b'), '"/a//b" cannot be the place of a file: its plain form is "/a/b"'],
  [mount('/a/../b'), '"/a/../b" cannot be the place of a file: its plain form is "/b"'],
  [mount('/a/'), '"/a/" cannot be the place of a file: its plain form is "/a"'],
  [mount('/'), '"/" cannot be the place of a file: the runtime has something of its own there'],
  [
    mount('/etc/hosts'),
    '"/etc/hosts" cannot be the place of a file: the runtime has something of its own there'
  ],
  [mount('/proc/x'), '"/proc/x" cannot be the place of a file: the runtime has something of its own there'],
  [mount(`/${'y'.repeat(256)}`), `"/${'y'.repeat(256)}" cannot be the place of a file: it is too long`],
  ['{"secret_mounts":{"/x":null}}', '"/x" is null', 'write {} for none'],
  [
    mount('/x', '"kind":"collection","content":"topsecret"'),
    'the "kind" of "/x" is neither "text" nor "json"'
  ],
  [mount('/x', '"content":"topsecret"'), 'the "kind" of "/x" is neither "text" nor "json"'],
  [mount('/x', '"kind":"text"'), '"/x" has no "content"'],
  [mount('/x', '"kind":"json","content":null'), '"/x" has no "content"'],
  [
    mount('/x', '"kind":"text","content":{}'),
    'the "content" of "/x" is not a string',
    'other values have the kind "json"'
  ],
  [
    mount('/x', '"kind":"text","content":"topsecret","uuid":""'),
    '"/x" has "uuid", and may have "kind" and "content"'
  ],
  [
    '{"secret_mounts":{"/x":{"kind":"json","content":1},"/x/y":{"kind":"json","content":2}}}',
    '"/x/y" lies in "/x", which is a file'
  ],
  [
    '{"secret_environment":{"1A":"topsecret"}}',
    '"1A" is no name of a variable',
    'a name has letters, digits, "_", "." and "-", and begins with no digit'
  ],
  [
    '{"secret_environment":{"A B=topsecret":""}}',
    'a name of a variable has a "=": "A B"',
    'write it as {"NAME": "value"}'
  ],
  ['{"secret_environment":{"A":1}}', 'the value of variable "A" is not a string'],
  ['{"secret_environment":{"A":"top\\u0000secret"}}', 'the value of variable "A" has a NUL'],
  [`{"secret_environment":{"A":"${long}"}}`, 'the value of variable "A" is longer than 128 KiB'],
  [
    '{"secret_environment":{"A":"topsecret","A":"other"}}',
    'it is not JSON: line 1, byte 43 has a name that is there already'
  ],
  ['{"secret_environment":{"A":"topsecret"', 'it is not JSON: line 1, byte 39 has something else than ","']
])('%s is refused, and nothing of a value is told', (text, reason, hint) => {
  const refused = expect.objectContaining({
    message: `cannot use the secrets of "file": ${reason}`,
    hint
  }) as Error
  expect(() => read(text)).toThrow(refused)
  expect(reason).not.toContain('topsecret')
})

test.each<[string, number, string, string]>([
  ['4097 variables', 4097, '', 'there are more than 4096 variables'],
  // Escapes count: a quotation mark is two bytes of the file.
  ['1 MiB with its escapes', 10, '"'.repeat(64 * 1024), 'there is more than 1 MiB of variables']
])('more than the launcher takes is refused: %s', (_what, count, value, reason) => {
  const members = Array.from({ length: count }, (_, i) => [`V${i}`, value])
  const text = JSON.stringify({ secret_environment: Object.fromEntries(members) as object })
  expect(() => read(text)).toThrow(reason)
})

test('variables are lines as the launcher reads them', () => {
  const { environment } = readSecrets(
    Buffer.from(String.raw`{"secret_environment":{"A":"a\\b\"c\nd\re$f'g","B":""}}`),
    'x'
  )
  expect(variablesText(environment).toString()).toBe(String.raw`A="a\\b\"c\nd\re$f'g"` + '\nB=""\n')
})

test('each file is a volume by itself, wherever others lie, in whatever order they are given', () => {
  const targets = ['/run/secrets/a,b', '/etc/app.key']
  const secrets = readSecrets(
    Buffer.from(
      JSON.stringify({
        secret_mounts: Object.fromEntries(
          targets.map((target, i) => [target, { kind: i === 0 ? 'json' : 'text', content: 'x' }])
        )
      })
    ),
    'x'
  )
  const made = boxOfSecrets({} as Cli, 'secretbox', parseBoxName('ephemeral-1'), secrets)
  const common = (path: string): string =>
    `type=volume,volume-driver=secretbox,volume-opt=box=ephemeral-1,volume-opt=path=${path},volume-opt=uid=1000,volume-opt=file=true,volume-opt=mode=0400,volume-opt=ephemeral=true,volume-opt=transient=true`
  expect(made?.mounts({ uid: '1000' })).toEqual([
    ...['--mount', `${common('text/1')},target=/etc/app.key,volume-nocopy`],
    ...['--mount', `${common('json/2')},"target=/run/secrets/a,b",volume-nocopy`]
  ])
})
