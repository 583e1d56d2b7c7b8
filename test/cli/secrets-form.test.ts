import { expect, test } from 'vitest'
import { parseBoxName, parseVolumeName } from '../../src/base/names.ts'
import { mountsOf } from '../../src/cli/inject/container-secrets.ts'
import type { Claim } from '../../src/cli/inject/mount-flags.ts'
import { readSecrets } from '../../src/cli/inject/secrets-form.ts'
import {
  hasSubpaths,
  layoutByDirectory,
  layoutByFile,
  refuseHiding
} from '../../src/cli/inject/secrets-layout.ts'
import { variablesText } from '../../src/cli/inject/variables-text.ts'

/** What a text of secrets says, its values as text. */
function read(text: string): { mounts: Record<string, string>; environment: Record<string, string> } {
  const { mounts, environment } = readSecrets(Buffer.from(text), '"file"')
  const shown = (secrets: typeof mounts): Record<string, string> =>
    Object.fromEntries([...secrets].map(([name, secret]) => [name, Buffer.from(secret.bytes()).toString()]))
  return { mounts: shown(mounts), environment: shown(environment) }
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

test.each([
  ['1.41', false],
  ['1.44', false],
  ['1.45', true],
  ['1.51', true],
  ['2.0', true],
  ['', false],
  ['<no value>', false]
])('whether API %j has subpaths: %j', (version, has) => {
  expect(hasSubpaths(version)).toBe(has)
})

const box = parseBoxName('ephemeral-1')
const volume = parseVolumeName('f'.repeat(64))
const options = { uid: '1000', mode: '0400', ephemeral: 'true' }

test('from Engine 26 on each file is a part of one volume', () => {
  const layout = layoutByFile(['/etc/app.key', '/run/secrets/a,b'])
  expect([...layout.files]).toEqual([
    ['/etc/app.key', 'files/1'],
    ['/run/secrets/a,b', 'files/2']
  ])
  const common = `type=volume,source=${volume},volume-driver=secretbox,volume-opt=box=ephemeral-1,volume-opt=uid=1000,volume-opt=mode=0400,volume-opt=ephemeral=true,volume-opt=transient=true`
  expect(mountsOf(layout, { driver: 'secretbox', box, volume, options })).toEqual([
    '--mount',
    `${common},target=/etc/app.key,volume-subpath=files/1,volume-nocopy`,
    '--mount',
    `${common},"target=/run/secrets/a,b",volume-subpath=files/2,volume-nocopy`
  ])
})

test('before, each directory that does not lie in another is a volume', () => {
  const layout = layoutByDirectory(['/run/secrets/a', '/srv/x/y/key', '/run/secrets/b', '/srv/x/key'])
  expect([...layout.files]).toEqual([
    ['/run/secrets/a', 'files/1/a'],
    ['/srv/x/y/key', 'files/2/y/key'],
    ['/run/secrets/b', 'files/1/b'],
    ['/srv/x/key', 'files/2/key']
  ])
  const options = { ephemeral: 'true' }
  expect(mountsOf(layout, { driver: 'secretbox', box, volume: null, options })).toEqual([
    '--mount',
    'type=volume,volume-driver=secretbox,volume-opt=box=ephemeral-1,volume-opt=path=files/1,volume-opt=ephemeral=true,volume-opt=transient=true,target=/run/secrets,volume-nocopy',
    '--mount',
    'type=volume,volume-driver=secretbox,volume-opt=box=ephemeral-1,volume-opt=path=files/2,volume-opt=ephemeral=true,volume-opt=transient=true,target=/srv/x,volume-nocopy'
  ])
})

const claim = (target: string): Claim => ({ target, flag: `-v x:${target}`, shows: null, isDirectory: true })

test.each<[string, string[], string | null]>([
  ['/run/secrets/a', ['/run'], null],
  ['/run/secrets/a', ['/run', '/run/secrets'], 'the image has the directory "/run/secrets"'],
  ['/a', [], 'the image has the directory "/"'],
  ['/dev/key', [], 'the image has the directory "/dev"'],
  ['/data/a', [], '"-v x:/data" has its directory'],
  ['/data/deep/a', [], '"-v x:/data" has its directory'],
  ['/database/a', [], null]
])('before Engine 26, %s in an image with %j: %j', async (target, inImage, reason) => {
  const hiding = refuseHiding(layoutByDirectory([target]), [claim('/data')], path =>
    Promise.resolve(path === '/' || inImage.includes(path))
  )
  if (reason === null) await hiding
  else
    await expect(hiding).rejects.toMatchObject({
      message: `cannot mount a secret at "${target}": ${reason}, and before Docker Engine 26 only whole directories can be mounted`,
      hint: 'give it a directory that is not there, as in /run/secrets/NAME, or use Docker Engine and client 26 or newer'
    })
})
