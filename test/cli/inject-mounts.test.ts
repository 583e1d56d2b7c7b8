import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCommandLine } from '../../src/cli/inject/command-line.ts'
import { buildInjectOptions, runInjectOptions } from '../../src/cli/inject/inject-options.ts'
import { parseDirectoryInjection, parseInjection, type Injection } from '../../src/cli/inject/injection.ts'
import { namesInLabel } from '../../src/cli/inject/labels.ts'
import {
  boxMount,
  claimsOf,
  emptyMount,
  refuseSharedTargets,
  type Shown
} from '../../src/cli/inject/mount-flags.ts'
import { mountFields, mountValue } from '../../src/cli/inject/mount-value.ts'
import { runFlags } from '../../src/cli/inject/run-flags.ts'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'

const parse = (value: string): Injection => parseInjection(value, runInjectOptions)

test.each([
  ['db', 'db', '/run/vault/db'],
  ['db:', 'db', '/run/vault/db'],
  ['db:pg', 'db', '/run/vault/pg'],
  ['db:/etc/pg/', 'db', '/etc/pg'],
  ['db:/etc/../pg//x', 'db', '/pg/x'],
  ['my box:b "c"', 'my box', '/run/vault/b "c"'],
  ['"my, ""box"":a,b"', 'my, "box"', '/run/vault/a,b'],
  ['db:uid', 'db', '/run/vault/uid'],
  ['db:x=1', 'db', '/run/vault/x=1'],
  ['db:shared', 'db', '/run/vault/shared']
])('--inject %s is box %s at %s', (value, box, target) => {
  expect(parse(value)).toEqual({ box, target, options: {}, flag: `--inject ${value}` })
})

test.each([
  ['db,uid=999,gid=998', '/run/vault/db', { uid: '999', gid: '998' }],
  ['db:/etc/pg,UID=1,mode=0400,rw', '/etc/pg', { uid: '1', mode: '0400', rw: 'true' }],
  ['db:pg,optional,version=3', '/run/vault/pg', { optional: 'true', version: '3' }],
  ['db,rw=1,size=4k,dirmode=0700', '/run/vault/db', { rw: '1', size: '4k', dirmode: '0700' }],
  ['db,"path=a,b"', '/run/vault/db', { path: 'a,b' }],
  ['db:/etc/pg/key,path=tls/key,file', '/etc/pg/key', { path: 'tls/key', file: 'true' }]
])('--inject %s has options', (value, target, options) => {
  expect(parse(value)).toEqual({ box: 'db', target, options, flag: `--inject ${value}` })
})

const known = 'an --inject takes version, path, file, uid, gid, mode, dirmode, rw, size, optional, api'
const notAnAlias = 'stands in the place of an alias: options follow a comma'
const csv = `a name with a comma or a quote is written as in CSV, all of it in one pair of quotes: --inject '"one, ""two"":alias"'`

test.each([
  [
    'db:uid=999',
    `"uid=999" ${notAnAlias}`,
    'write --inject db,uid=999, or, to have the box in a directory of that name, --inject db:/run/vault/uid=999'
  ],
  [
    'db:rw,mode=0400',
    `"rw" ${notAnAlias}`,
    'write --inject db,rw,mode=0400, or, to have the box in a directory of that name, --inject db:/run/vault/rw'
  ],
  [
    'my db:pg:optional',
    `"optional" ${notAnAlias}`,
    "write --inject 'my db:pg,optional', or, to have the box in a directory of that name, --inject 'my db:/run/vault/optional'"
  ],
  [
    'db:/etc/pg:ro',
    '"ro" stands in the place of an alias: that is so by itself, and no option of a box',
    'write --inject db:/etc/pg, or, to have the box in a directory of that name, --inject db:/run/vault/ro'
  ],
  [
    'db:/etc/pg:RO,Z,mode=0400',
    '"RO" stands in the place of an alias: that is so by itself, and no option of a box',
    'write --inject db:/etc/pg,mode=0400, or, to have the box in a directory of that name, --inject db:/run/vault/RO'
  ],
  [
    'db:RW',
    `"RW" ${notAnAlias}`,
    'write --inject db,rw, or, to have the box in a directory of that name, --inject db:/run/vault/RW'
  ],
  [
    'db:UID=7',
    `"UID=7" ${notAnAlias}`,
    'write --inject db,uid=7, or, to have the box in a directory of that name, --inject db:/run/vault/UID=7'
  ],
  ...['z', 'Z', 'cached', 'delegated', 'consistent', 'rshared'].map((word): [string, string, string] => [
    `db:${word}`,
    `"${word}" stands in the place of an alias: it means nothing for a box`,
    `write --inject db, or, to have the box in a directory of that name, --inject db:/run/vault/${word}`
  ]),
  [
    'db:/etc/pg:shared',
    '"shared" stands in the place of an alias: it means nothing for a box',
    'write --inject db:/etc/pg, or, to have the box in a directory of that name, --inject db:/run/vault/shared'
  ],
  ['"one, two":alias', 'its quotes are not those of CSV', csv],
  [
    'db,cached',
    `unknown option "cached": ${known}`,
    'a copy is read-only unless it has the option rw: leave it out'
  ],
  ['db,ro', `unknown option "ro": ${known}`, 'a copy is read-only unless it has the option rw: leave it out'],
  [
    'db:x,target=/etc/pg',
    `unknown option "target": ${known}`,
    'write the place behind the box: --inject db:/etc/pg'
  ],
  ['db,uit=1', `unknown option "uit": ${known}`, 'did you mean "uid"?'],
  ['odd, "box"', 'its quotes are not those of CSV', csv],
  ['one, two', `unknown option " two": ${known}`, csv],
  ['db,', `unknown option "": ${known}`, csv],
  ['db,transient', `unknown option "transient": ${known}`, csv],
  ['db,uid', 'option "uid" needs a value', 'as in uid=VALUE'],
  ['db,rw,rw=false', 'option "rw" is given twice', undefined],
  [
    'db,mode=400',
    'bad option mode="400": it must be permission bits in octal, 0000 to 7777, with a leading 0',
    'write mode=0400, or mode: "0620" with the quotes if YAML made 400 of 0620'
  ],
  ['db,file', 'bad option file: it is for one file of the box', 'say which: path=FILE'],
  ['db,size=4k', 'bad option size: it is for writable copies only', 'add rw=true'],
  [
    'db,path=',
    'bad option path="": it must be a path in the box',
    'an unset variable gives an empty value; leave path out, or give it one'
  ]
])('--inject %s is refused, and the right spelling told', (value, reason, hint) => {
  expect(() => parse(value)).toThrow(
    expect.objectContaining({
      message: `bad flag ${JSON.stringify(`--inject ${value}`)}: ${reason}`,
      hint
    }) as Error
  )
})

test.each([
  [parse, '{"a":"hunter2"}', '--inject takes a box, not JSON itself'],
  [parse, 'PASSWORD=hunter2', '--inject takes a box, not the variable "PASSWORD" itself'],
  [parse, 'PASSWORD="a,hunter2"', '--inject takes a box, not the variable "PASSWORD" itself'],
  [parse, 'hunter2==', '--inject takes a box, not contents'],
  [parseDirectoryInjection, '{"a":"/hunter2"}', '--inject-dir takes a directory, not JSON itself'],
  [parseDirectoryInjection, 'A=hunter2', '--inject-dir takes a directory, not the variable "A" itself']
])('%o of the secret %s itself is refused, and it is not told again', (read, value, message) => {
  const attempt = (): unknown => read(value)
  expect(attempt).toThrow(message)
  expect(attempt).not.toThrow('hunter2')
  expect(parse('[prod] db:x').box).toBe('[prod] db')
})

test('a build takes what its files can have', () => {
  expect(parseInjection('db,uid=1,optional', buildInjectOptions).options).toEqual({
    uid: '1',
    optional: 'true'
  })
  expect(() => parseInjection('db,rw', buildInjectOptions)).toThrow(
    'unknown option "rw": an --inject takes version, path, uid, gid, mode, optional'
  )
})

test.each([
  ['', 'bad flag "--inject ": bad box name "": it is empty'],
  [':pg', 'bad box name "": it is empty'],
  ['db:a/b', 'bad box name "a/b": it contains "/"'],
  ['db:a:b', 'bad flag "--inject db:a:b": bad box name "a:b": it contains ":"'],
  ['db:..', 'bad box name "..": "." and ".." are not names'],
  ['db:/', 'bad flag "--inject db:/": a box cannot take the place of "/"'],
  ['db:/a/..', 'bad flag "--inject db:/a/..": a box cannot take the place of "/"'],
  ['db:/dev/', 'bad flag "--inject db:/dev/": a box cannot take the place of "/dev"'],
  ['db:/proc/x', 'bad flag "--inject db:/proc/x": a box cannot take the place of "/proc/x"'],
  ['db:/etc/../etc/hosts', 'a box cannot take the place of "/etc/hosts"'],
  ['db:/etc/resolv.conf,path=r,file', 'a box cannot take the place of "/etc/resolv.conf"'],
  ['box=db,target=/x', 'bad flag "--inject box=db,target=/x": a box stands first, without a word before it'],
  ['db:/sys', 'bad flag "--inject db:/sys": a box cannot take the place of "/sys"']
])('--inject %j is refused: %s', (value, message) => {
  expect(() => parse(value)).toThrow(message)
})

test.each([
  ['/usr/share', '/usr/share', '/run/vault/share'],
  ['/usr/share/', '/usr/share/', '/run/vault/share'],
  ['/usr/share:files', '/usr/share', '/run/vault/files'],
  ['/usr/share:/etc/files', '/usr/share', '/etc/files']
])('--inject-dir %s is directory %s at %s', (value, directory, target) => {
  expect(parseDirectoryInjection(value)).toMatchObject({ directory, target })
})

test.each<[string, string, string]>([
  ['ro', 'ro', ', or, to have it in a directory of that name, --inject-dir /usr/share:/run/vault/ro'],
  ['Z', 'Z', ', or, to have it in a directory of that name, --inject-dir /usr/share:/run/vault/Z'],
  ['uid=7', 'uid=7', ', or, to have it in a directory of that name, --inject-dir /usr/share:/run/vault/uid=7']
])('--inject-dir DIR:%s is refused, and the right spelling told', (place, word, asName) => {
  expect(() => parseDirectoryInjection(`/usr/share:${place}`)).toThrow(
    expect.objectContaining({
      message: `bad flag "--inject-dir /usr/share:${place}": "${word}" looks like an option, and a directory takes none`,
      hint: `write --inject-dir /usr/share${asName}`
    }) as Error
  )
})

test.each<[string, string, string]>([
  ['/etc/x:ro', 'ro', '/etc/x'],
  ['/etc/x:ro,z', 'ro', '/etc/x'],
  ['/etc/x,mode=0400', 'mode=0400', '/etc/x']
])('--inject-dir DIR:%s is refused likewise', (place, word, right) => {
  expect(() => parseDirectoryInjection(`/usr/share:${place}`)).toThrow(
    expect.objectContaining({
      message: `bad flag "--inject-dir /usr/share:${place}": "${word}" looks like an option, and a directory takes none`,
      hint: `write --inject-dir /usr/share:${right}`
    }) as Error
  )
})

test('a directory that is not there cannot be injected', () => {
  expect(() => parseDirectoryInjection('/nowhere:x')).toThrow(
    'cannot inject "/nowhere": there is no such directory'
  )
  expect(() => parseDirectoryInjection('/etc/passwd')).toThrow(
    'cannot inject "/etc/passwd": it is not a directory'
  )
})

test('a mount value is read back as it was written, whatever is in it', () => {
  const field = fc.string({ unit: fc.constantFrom('a', 'b', '=', ',', '"', '\n', ' '), maxLength: 8 })
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), fields => {
      expect(mountFields(mountValue(fields))).toEqual(fields)
    })
  )
})

test.each(['"', 'a"b', '"a"b', '"a', 'a,"b" c'])('%j is no mount value', value => {
  expect(mountFields(value)).toBeNull()
})

test('a box is an anonymous volume of the driver that the image does not fill', () => {
  expect(boxMount('secretbox', parseBoxName('db'), '/run/vault/db')).toEqual([
    '--mount',
    'type=volume,volume-driver=secretbox,volume-opt=box=db,volume-opt=transient=true,target=/run/vault/db,volume-nocopy'
  ])
  expect(boxMount('other:v2', parseBoxName('a,b'), '/run/vault/"c"', { ephemeral: 'true' })).toEqual([
    '--mount',
    'type=volume,volume-driver=other:v2,"volume-opt=box=a,b",volume-opt=ephemeral=true,volume-opt=transient=true,"target=/run/vault/""c""",volume-nocopy'
  ])
  expect(emptyMount('/run/vault/db')).toEqual([
    '--mount',
    'type=tmpfs,target=/run/vault/db,tmpfs-mode=0555,tmpfs-size=4096,readonly'
  ])
})

const own = (box: string, version: number | null, path: string): Shown => {
  return { kind: 'box', box: parseBoxName(box), version, path: parseFilePath(path) }
}
const named = (name: string, made: Shown | null = null): Shown => ({ kind: 'volume', name, made })
const boxFlag = 'type=volume,volume-driver=secretbox,volume-opt=box=db,dst=/data'

test.each<[string[], string, Shown | null, boolean]>([
  [['-v', '/data'], '/data', null, true],
  [['-v', 'name:/data'], '/data', named('name'), true],
  [['-v', 'name:/data:ro'], '/data', named('name'), true],
  [['-v', '/host:/data/:ro'], '/data', { kind: 'directory', path: '/host' }, false],
  [['-v', '/host:/data'], '/data', null, false],
  [['--volume=./here:/data:ro,z'], '/data', { kind: 'directory', path: './here' }, false],
  [['--tmpfs', '/data:size=1m'], '/data', null, true],
  [['--tmpfs', '/data:ro'], '/data', null, true],
  [['--mount', 'type=bind,src=/x,dst=/data/.'], '/data', null, false],
  [['--mount', 'type=bind,src=/x,dst=/data,readonly'], '/data', { kind: 'directory', path: '/x' }, false],
  [['--mount', 'type=bind,src=/x,dst=/data,ro=1'], '/data', { kind: 'directory', path: '/x' }, false],
  [['--mount', 'type=bind,src=/x,dst=/data,ro=false'], '/data', null, false],
  [['--mount', 'type=tmpfs,destination=/data,readonly'], '/data', null, true],
  [['--mount', 'type=volume,"target=/da,ta"'], '/da,ta', null, true],
  [['--mount', 'Target=/data,Source=name'], '/data', named('name'), true],
  [['--mount', boxFlag], '/data', own('db', null, ''), true],
  [['--mount', `${boxFlag},volume-opt=version=3,volume-opt=path=a//b`], '/data', own('db', 3, 'a/b'), true],
  [['--mount', boxFlag.replace('secretbox', 'secretbox:latest')], '/data', own('db', null, ''), true],
  [['--mount', 'volume-driver=secretbox,src=v,dst=/data'], '/data', named('v', own('v', null, '')), true],
  [['--mount', `${boxFlag},src=v,volume-opt=rw=true`], '/data', named('v'), true],
  [['--mount', `${boxFlag},volume-opt=rw=true`], '/data', null, true]
])('%j claims %s, where %j can be seen', (args, target, shows, isDirectory) => {
  const line = readCommandLine([...args, 'image'], runFlags, { interspersed: false })
  expect(claimsOf(line, 'secretbox')).toEqual([{ target, flag: args.join(' '), shows, isDirectory }])
})

test('a flag that docker will refuse, or that mounts nothing, claims nothing', () => {
  const args = ['--mount', 'type=volume', '--mount', 'a"b', '-p', '80:80', '--volumes-from', 'web', 'image']
  expect(claimsOf(readCommandLine(args, runFlags, { interspersed: false }), 'secretbox')).toEqual([])
})

test('two things at one place are refused with the names of both', () => {
  const claims = [parse('db'), parse('tls'), { target: '/run/vault/db', flag: '-v x:/run/vault/db/' }]
  expect(() => refuseSharedTargets(claims)).toThrow(
    'cannot mount two things at "/run/vault/db": "--inject db" and "-v x:/run/vault/db/"'
  )
  expect(() => refuseSharedTargets(claims.slice(0, 2))).not.toThrow()
})

test.each([
  [undefined, []],
  ['', []],
  ['[]', []],
  ['["db","tls","db"]', ['db', 'tls']],
  ['["a b"]', ['a b']],
  ['db', null],
  ['"db"', null],
  ['{"db":1}', null],
  ['[1]', null],
  ['["../etc"]', null],
  ['["a:b"]', null]
])('a label %j asks for %j', (label, names) => {
  expect(namesInLabel(label === undefined ? {} : { hint: label }, 'hint')).toEqual(names)
})
