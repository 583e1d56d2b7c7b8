import { expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import { parseVolumeName } from '../../src/base/names.ts'
import {
  optionDifferences,
  optionNames,
  parseVolumeOptions,
  sameOptions,
  type VolumeOptions
} from '../../src/volumes/options.ts'

const name = parseVolumeName('db')
/** The name of a volume that was given none. */
const anonymous = parseVolumeName('0'.repeat(64))
const parse = (given: Record<string, string>): VolumeOptions =>
  parseVolumeOptions('transient' in given ? anonymous : name, given)

function refusal(given: Record<string, string>): { message: string; hint: string | undefined } {
  try {
    parse(given)
  } catch (error) {
    if (error instanceof SecretboxError && error.code === 'invalid')
      return { message: error.message, hint: error.hint }
  }
  throw new Error('taken')
}

/** The hint, empty for a refusal without one; null when it is taken. */
function refusalHint(given: Record<string, string>): string | null {
  try {
    parse(given)
    return null
  } catch (error) {
    return (error as SecretboxError).hint ?? ''
  }
}

test('without options a volume shows the newest version of the box of its name, owned by root, read-only', () => {
  expect(parse({})).toEqual({
    box: 'db',
    version: null,
    path: '',
    file: false,
    uid: 0,
    gid: 0,
    mode: null,
    dirmode: null,
    rw: false,
    size: null,
    optional: false,
    ephemeral: false,
    transient: false,
    api: false
  })
})

test('every option is read', () => {
  const given = {
    box: 'ephemeral-other',
    version: '3',
    path: '/tls/../tls/./live/',
    file: '0',
    uid: '1000',
    gid: '4294967294',
    mode: '0440',
    dirmode: '02750',
    rw: 'true',
    size: '64m',
    optional: '1',
    ephemeral: 'true',
    transient: 'true',
    api: 'true'
  }
  expect(Object.keys(given)).toEqual(optionNames)
  expect(parse(given)).toEqual({
    box: 'ephemeral-other',
    version: 3,
    path: 'tls/live',
    file: false,
    uid: 1000,
    gid: 4294967294,
    mode: 0o440,
    dirmode: 0o2750,
    rw: true,
    size: 64 << 20,
    optional: true,
    ephemeral: true,
    transient: true,
    api: true
  })
})

test.each([
  ['mode', '0', 0],
  ['mode', '0400', 0o400],
  ['mode', '0o400', 0o400],
  ['mode', '04755', 0o4755],
  ['dirmode', '0', 0],
  ['dirmode', '0o7777', 0o7777],
  ['uid', '0', 0],
  ['version', '10', 10],
  ['path', '/', ''],
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
      `unknown option "${option}": known options are box, version, path, file, uid, gid, mode, dirmode, rw, size, optional, ephemeral, transient, api`
    )
  }
)

test.each([
  ['Box', 'box'],
  ['dir_mode', 'dirmode'],
  ['vresion', 'version'],
  ['device', null]
])('the unknown option %j reminds of %j', (option, meant) => {
  expect(refusal({ [option]: 'x' }).hint).toBe(meant === null ? undefined : `did you mean "${meant}"?`)
})

const empty = (name: string): string =>
  `an unset variable gives an empty value; leave ${name} out, or give it one`
const space = 'there is white space around it'
const ascii = 'write it with ASCII letters and digits'
const octal = 'with a leading zero it is octal to some and decimal to others'
const anyMode = 'as in mode=0400, in YAML mode: "0400" with the quotes'

/** What each option must be, and values that it must not, with what is said of them. */
const badValues: Record<string, [rule: string, values: Record<string, string | undefined>]> = {
  path: ['a path in the box', { '': empty('path') }],
  version: [
    'a version number from 1 on',
    {
      '': empty('version'),
      0: undefined,
      '-1': undefined,
      1.5: undefined,
      newest: 'leave version out for the newest',
      Latest: 'leave version out for the newest',
      '1.0': 'write version=1, in YAML version: "1" with the quotes',
      '010': `write version=10: ${octal}`,
      '1\n': space,
      '99999999999999999': undefined
    }
  ],
  uid: [
    'a user id from 0 to 4294967294',
    {
      '': empty('uid'),
      root: undefined,
      '-1': undefined,
      '+1': undefined,
      4294967295: undefined,
      '01000': `write uid=1000: ${octal}`,
      '00': `write uid=0: ${octal}`,
      '0999': `write uid=999: ${octal}`,
      '1e+06': 'write uid=1000000, in YAML uid: "1000000" with the quotes',
      '0x10': 'write uid=16, in YAML uid: "16" with the quotes',
      '1_000': 'write uid=1000, in YAML uid: "1000" with the quotes',
      '1 ': space,
      ' 1': space,
      '１０００': ascii,
      '٣': ascii
    }
  ],
  gid: [
    'a group id from 0 to 4294967294',
    { '': empty('gid'), wheel: undefined, 4294967295: undefined, '007': `write gid=7: ${octal}` }
  ],
  mode: [
    'permission bits in octal, 0000 to 7777, with a leading 0',
    {
      '': empty('mode'),
      256: 'write mode=0256, or mode: "0400" with the quotes if YAML made 256 of 0400',
      400: 'write mode=0400, or mode: "0620" with the quotes if YAML made 400 of 0620',
      288: 'mode: "0440" with the quotes if YAML made 288 of 0440',
      7777: 'write mode=07777',
      4755: 'write mode=04755',
      9999: anyMode,
      '0888': anyMode,
      '256.0': anyMode,
      10000: anyMode,
      '010000': anyMode,
      '000644': anyMode,
      '0x100': anyMode,
      '0b100': anyMode,
      'u=r': anyMode,
      'rw-r--r--': anyMode,
      '-1': anyMode,
      '0400 ': space,
      '０４００': ascii
    }
  ],
  dirmode: [
    'permission bits in octal, 0000 to 7777, with a leading 0',
    {
      '': empty('dirmode'),
      488: 'dirmode: "0750" with the quotes if YAML made 488 of 0750',
      '0o': 'as in dirmode=0400, in YAML dirmode: "0400" with the quotes'
    }
  ],
  rw: [
    '"true" or "false"',
    {
      '': empty('rw'),
      yes: 'write rw=true, in YAML rw: "true" with the quotes',
      on: 'write rw=true, in YAML rw: "true" with the quotes',
      True: 'write rw=true, in YAML rw: "true" with the quotes',
      TRUE: 'write rw=true, in YAML rw: "true" with the quotes',
      off: 'write rw=false, in YAML rw: "false" with the quotes',
      No: 'write rw=false, in YAML rw: "false" with the quotes',
      'true ': space,
      constructor: undefined,
      2: undefined
    }
  ],
  optional: ['"true" or "false"', { '': empty('optional'), maybe: undefined, ' ': space }],
  ephemeral: [
    '"true" or "false"',
    { '': empty('ephemeral'), y: expect.stringContaining('ephemeral=true') as string }
  ],
  transient: ['"true" or "false"', { '': empty('transient'), 2: undefined }],
  api: ['"true" or "false"', { '': empty('api'), 2: undefined }],
  file: [
    '"true" or "false"',
    { '': empty('file'), on: 'write file=true, in YAML file: "true" with the quotes' }
  ],
  size: [
    'bytes, or a number with k, m or g',
    {
      '': empty('size'),
      0: undefined,
      '-1': undefined,
      m: undefined,
      '1t': undefined,
      '1.5m': undefined,
      '999999999999999g': undefined,
      '0MB': undefined,
      '0x0': undefined,
      '1e6': 'write size=1000000, in YAML size: "1000000" with the quotes',
      '1e+06': 'write size=1000000, in YAML size: "1000000" with the quotes',
      '1000000.0': 'write size=1000000, in YAML size: "1000000" with the quotes',
      '1_000_000': 'write size=1000000, in YAML size: "1000000" with the quotes',
      '0x10': 'write size=16, in YAML size: "16" with the quotes',
      '010': `write size=10: ${octal}`,
      '64MB': 'write size=64m, which is 64 MiB',
      '64MiB': 'write size=64m, which is 64 MiB',
      '10 k': 'write size=10k, which is 10 KiB',
      '10m ': space
    }
  ]
}

test.each(
  Object.entries(badValues).flatMap(([option, [rule, values]]) =>
    Object.entries(values).map(([value, hint]) => [option, value, rule, hint] as const)
  )
)('%s=%j is refused: it must be %s (%s)', (option, value, rule, hint) => {
  const rest: Record<string, string> = option === 'size' ? { rw: 'true' } : {}
  expect(refusal({ ...rest, [option]: value })).toEqual({
    message: `bad option ${option}=${JSON.stringify(value)}: it must be ${rule}`,
    hint
  })
})

test('what is advised instead of a value can be given', () => {
  const texts = Object.values(badValues).flatMap(([, values]) => Object.keys(values))
  let advised = 0
  for (const option of optionNames.filter(name => name !== 'box' && name !== 'path')) {
    const rest: Record<string, string> = {
      ...{ box: 'ephemeral-1' },
      ...(option === 'size' ? { rw: 'true' } : option === 'file' ? { path: 'a' } : {})
    }
    for (const text of texts) {
      const hint = refusalHint({ ...rest, [option]: text })
      for (const [, better = ''] of hint?.matchAll(new RegExp(`${option}(?:=|: ")(\\w+)`, 'g')) ?? []) {
        advised++
        expect(refusalHint({ ...rest, [option]: better }), `${option}=${text}: ${better}`).toBe(null)
      }
    }
  }
  expect(advised).toBeGreaterThan(100)
})

test('every option is refused when it is empty', () => {
  for (const option of optionNames)
    expect(refusal({ rw: 'true', [option]: '' }).message).toContain(
      option === 'box' ? 'bad box name "": it is empty' : `bad option ${option}="": it must be`
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

test.each<[Record<string, string>, string]>([
  [{}, 'it is for one file of the box'],
  [{ path: '/' }, 'it is for one file of the box'],
  [{ path: 'a', rw: 'true' }, 'a file by itself cannot be writable'],
  [{ path: 'a', optional: '1' }, 'a box that is missing has no file'],
  [{ path: 'a', api: 'true' }, 'the socket of the option api lies in a directory']
])('a volume that is a file cannot have %j', (given, reason) => {
  expect(refusal({ ...given, file: 'true' }).message).toBe(`bad option file: ${reason}`)
  expect(parse({ path: 'a/b', file: 'true' }).file).toBe(true)
})

test('a volume with a name cannot go with a container', () => {
  expect(() => parseVolumeOptions(name, { transient: 'true' })).toThrow(
    'bad option transient: volume "db" has a name, so it stays until it is removed'
  )
  expect(parseVolumeOptions(name, { transient: 'false' }).transient).toBe(false)
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
    { dirmode: '0' },
    { rw: '1' }
  ]) {
    expect(sameOptions(parse({}), parse(other))).toBe(false)
  }
})

/** What differs between options that are given and those that a volume was made with. */
function differing(has: Record<string, string>, given: Record<string, string>): string[] {
  const record = JSON.parse(JSON.stringify(parse(has))) as Record<string, unknown>
  return optionDifferences(name, record, given).map(
    one => `${one.option} ${one.given ?? '-'} ${one.has ?? '-'}`
  )
}

test.each([
  [{}, {}],
  // A volume by its name, with whatever it has.
  [{ mode: '0400', rw: 'true' }, {}],
  [{ mode: '0400' }, { mode: '0o400' }],
  [{ mode: '0' }, { mode: '0000' }],
  [
    { rw: 'true', size: '64m' },
    { rw: '1', size: '65536k' }
  ],
  [{ path: 'tls/live' }, { path: '/tls/./live/' }],
  [{}, { box: 'db', uid: '0', gid: '0', rw: 'false', optional: '0', ephemeral: 'false', path: '/' }],
  [
    { box: 'ephemeral-x', ephemeral: '1' },
    { ephemeral: 'true', box: 'ephemeral-x' }
  ]
] as const)('a volume with %j is what %j asks for', (has, given) => {
  expect(differing(has, given)).toEqual([])
})

test.each([
  [{}, { mode: '0400' }, ['mode 0400 -']],
  [{ mode: '0440' }, { mode: '0400' }, ['mode 0400 0440']],
  [{ mode: '0440', path: 'tls' }, { uid: '999' }, ['path - tls', 'uid 999 0', 'mode - 0440']],
  [{ box: 'web' }, { rw: 'true' }, ['box db web', 'rw true false']],
  [{ version: '3' }, { box: 'db' }, ['version - 3']],
  // What the driver would have refused.
  [{ mode: '0400' }, { mode: '400' }, ['mode 400 0400']],
  [{}, { uid: '', box: 'a/b' }, ['box a/b db', 'uid  0']],
  [{}, { Mode: '0400', constructor: 'x' }, ['Mode 0400 -', 'constructor x -']]
] as const)('a volume with %j is not what %j asks for: %j', (has, given, differences) => {
  expect(differing(has, given as Record<string, string>)).toEqual(differences)
})

test('a record that knows less or more options than we do differs in what was given alone', () => {
  const { dirmode: _, ...older } = parse({})
  expect(optionDifferences(name, { ...older, colour: 'red' }, { box: 'db' })).toEqual([])
})
