import { expect, test } from 'vitest'
import { SecretboxError } from '../../src/errors.ts'
import { parseVolumeName } from '../../src/vault/names.ts'
import {
  optionNames,
  parseVolumeOptions,
  sameOptions,
  type VolumeOptions
} from '../../src/volumes/options.ts'

const name = parseVolumeName('db')
const parse = (given: Record<string, string>): VolumeOptions => parseVolumeOptions(name, given)

function refusal(given: Record<string, string>): { message: string; hint: string | undefined } {
  try {
    parse(given)
  } catch (error) {
    if (error instanceof SecretboxError && error.code === 'invalid')
      return { message: error.message, hint: error.hint }
  }
  throw new Error('taken')
}

test('without options a volume shows the newest version of the box of its name, owned by root, read-only', () => {
  expect(parse({})).toEqual({
    box: 'db',
    version: null,
    path: '',
    uid: 0,
    gid: 0,
    mode: null,
    rw: false,
    size: null,
    optional: false,
    ephemeral: false
  })
})

test('every option is read', () => {
  const given = {
    box: 'ephemeral-other',
    version: '3',
    path: '/tls/../tls/./live/',
    uid: '1000',
    gid: '4294967294',
    mode: '0440',
    rw: 'true',
    size: '64m',
    optional: '1',
    ephemeral: 'true'
  }
  expect(Object.keys(given)).toEqual(optionNames)
  expect(parse(given)).toEqual({
    box: 'ephemeral-other',
    version: 3,
    path: 'tls/live',
    uid: 1000,
    gid: 4294967294,
    mode: 0o440,
    rw: true,
    size: 64 << 20,
    optional: true,
    ephemeral: true
  })
})

test.each([
  ['mode', '0', 0],
  ['mode', '7777', 0o7777],
  ['mode', '04755', 0o4755],
  ['rw', '', true],
  ['rw', '0', false],
  ['optional', 'false', false]
] as const)('%s=%j is read as %j', (option, text, value) => {
  expect(parse({ [option]: text })[option]).toBe(value)
})

test.each([
  ['1', 1],
  ['10k', 10240],
  ['1G', 2 ** 30],
  ['8388607g', 8388607 * 2 ** 30]
])('size=%j is %i bytes', (text, bytes) => {
  expect(parse({ rw: '1', size: text }).size).toBe(bytes)
})

test.each(['Box', 'bx', '', 'constructor', 'hasOwnProperty', '__proto__', 'o', 'device'])(
  'the unknown option %j is refused with the list of known ones',
  option => {
    expect(refusal(Object.fromEntries([[option, 'x']])).message).toBe(
      `unknown option "${option}": known options are box, version, path, uid, gid, mode, rw, size, optional, ephemeral`
    )
  }
)

const badValues: Record<string, [rule: string, values: string[]]> = {
  version: ['a version number from 1 on', ['0', '-1', '1.5', 'newest', '', '99999999999999999']],
  uid: ['a user id from 0 to 4294967294', ['-1', 'root', '4294967295', '', '0x0', '1 ']],
  gid: ['a group id from 0 to 4294967294', ['-1', 'wheel', '4294967295', '']],
  mode: ['permission bits in octal, 0 to 7777', ['0888', '10000', 'rw-r--r--', '', '-1', '0o644', '000644']],
  rw: ['"true" or "false"', ['yes', 'TRUE', 'rw', '2']],
  optional: ['"true" or "false"', ['maybe', ' ']],
  size: ['bytes, or a number with k, m or g', ['0', '-1', '1t', '1.5m', 'm', '', '10 m', '999999999999999g']]
}

test.each(
  Object.entries(badValues).flatMap(([option, [rule, values]]) => values.map(value => [option, value, rule]))
)('%s=%j is refused: it must be %s', (option = '', value = '', rule = '') => {
  const rest: Record<string, string> = option === 'size' ? { rw: '1' } : {}
  expect(refusal({ ...rest, [option]: value }).message).toBe(
    `bad option ${option}=${JSON.stringify(value)}: it must be ${rule}`
  )
})

test('a bad name of a box and a bad path are refused as such', () => {
  expect(refusal({ box: '../x' })).toEqual({
    message: 'bad box name "../x": it contains "/"',
    hint: 'a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters'
  })
  expect(refusal({ path: 'a\0' }).message).toBe('bad path "a\\u0000": it contains a NUL byte')
})

test('a size for a read-only copy is refused with a hint', () => {
  expect(refusal({ size: '1m' })).toEqual({
    message: 'bad option size: it is for writable copies only',
    hint: 'add rw=true'
  })
})

test('only a box that is ephemeral by its name can be made to go with its volume', () => {
  expect(parse({ box: 'ephemeral-1', ephemeral: '1' }).ephemeral).toBe(true)
  expect(refusal({ box: 'db', ephemeral: 'true' })).toEqual({
    message: 'bad option ephemeral: box "db" would be destroyed with the volume',
    hint: 'it is for boxes whose names begin with "ephemeral-"'
  })
})

test('a box that was meant to stay cannot go with a volume', () => {
  expect(refusal({ ephemeral: 'true' })).toEqual({
    message: 'bad option ephemeral: box "db" would be destroyed with the volume',
    hint: 'it is for boxes whose names begin with "ephemeral-"'
  })
})

test('options are the same when they mean the same', () => {
  expect(sameOptions(parse({}), parse({ box: 'db', rw: 'false', uid: '0' }))).toBe(true)
  expect(sameOptions(parse({ path: '/a//b' }), parse({ path: 'a/b' }))).toBe(true)
  for (const other of [
    { box: 'x' },
    { version: '1' },
    { path: 'a' },
    { uid: '1' },
    { mode: '0' },
    { rw: '' }
  ]) {
    expect(sameOptions(parse({}), parse(other))).toBe(false)
  }
})
