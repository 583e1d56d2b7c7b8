import { expect, test } from 'vitest'
import { readType } from '../../src/vault/credentials/form.ts'
import { render } from '../../src/vault/credentials/render.ts'
import { ownTypesIn } from '../../src/vault/credentials/own-types.ts'
import { createTypes } from '../../src/vault/credentials/types.ts'
import { checkValues, missingIn, withUsual } from '../../src/vault/credentials/values.ts'

/* What types make of fields, as pure functions; what clients read is in test/cli/credential-clients.test.ts. */

const types = createTypes(ownTypesIn('/nonexistent'))

type Given = Readonly<Record<string, string | Buffer>>

function valuesOf(given: Given): Map<string, Uint8Array> {
  return new Map(Object.entries(given).map(([name, value]) => [name, Buffer.from(value as Buffer)]))
}

/** The files of a type, as text. */
async function files(
  name: string,
  given: Given,
  scope: Readonly<Record<string, string>> = {}
): Promise<Record<string, string>> {
  const type = await types.get(name)
  const values = valuesOf(given)
  checkValues(type, values)
  const made = render(type, withUsual(type, values, scope))
  return Object.fromEntries(
    made.map(({ path, bytes }) => [path, Buffer.from(bytes.bytes()).toString('latin1')])
  )
}

const postgres = { host: 'h', user: 'u' }
const mysql = { host: 'h', user: 'u' }

/** A password, and what is in the file for it; null: it is refused. */
const passwords: readonly [
  type: string,
  others: Given,
  file: string,
  password: string,
  line: string | null
][] = [
  ['postgres', postgres, '.pgpass', 'plain', 'h:5432:*:u:plain\n'],
  ['postgres', postgres, '.pgpass', 'a:b\\c', 'h:5432:*:u:a\\:b\\\\c\n'],
  ['postgres', postgres, '.pgpass', '*', 'h:5432:*:u:\\*\n'],
  ['postgres', postgres, '.pgpass', '#"\'% ', 'h:5432:*:u:\\#"\'% \n'],
  ['postgres', postgres, '.pgpass', 'two\nlines', null],
  ['postgres', postgres, '.pgpass', '', null],
  [
    'mysql',
    mysql,
    'my.cnf',
    'a"b\\c',
    '[client]\nhost="h"\nport="3306"\nuser="u"\npassword="a\\"b\\\\c"\n[mysql]\n'
  ],
  [
    'mysql',
    mysql,
    'my.cnf',
    "#'% ",
    '[client]\nhost="h"\nport="3306"\nuser="u"\npassword="#\'% "\n[mysql]\n'
  ],
  ['mysql', mysql, 'my.cnf', 'x'.repeat(1901), null],
  ['env', {}, 'env', 'a"b#\'$c ', 'A=a"b#\'$c \n'],
  ['env', {}, 'env.sh', "it's", "export A='it'\\''s'\n"],
  ['env', {}, 'env', '', 'A=\n'],
  ['env', {}, 'variables', '"it\'s" \\ $x\t#', 'A="\\"it\'s\\" \\\\ $x\t#"\n'],
  ['env', {}, 'variables', '', 'A=""\n'],
  ['env', {}, 'env', 'two\nlines', null],
  ['env', {}, 'env', 'nul\0', null],
  ['json', {}, 'secret.json', 'q"\\\n\t\x01\x7f', '{"A":"q\\"\\\\\\n\\t\\u0001\\u007f"}\n'],
  ['token', {}, 'token', 'as it is', 'as it is'],
  ['basic-auth', { username: 'u' }, 'password', ':"\\', ':"\\']
]

test.each(passwords)('%s with %j has in %s for %j: %j', async (type, others, file, password, line) => {
  const name = { env: 'A', json: 'A', token: 'token' }[type] ?? 'password'
  const given = { ...others, [name]: password }
  if (line === null) await expect(files(type, given)).rejects.toMatchObject({ code: 'invalid' })
  else expect((await files(type, given))[file]).toBe(line)
})

test('UTF-8 stays as it is, and what is not UTF-8 is refused where a format is text', async () => {
  const text = Buffer.from('pässwörd ✓')
  const made = await files('postgres', { ...postgres, password: text })
  expect(Buffer.from(made['.pgpass'] ?? '', 'latin1').includes(text)).toBe(true)
  for (const [type, name] of [
    ['env', 'A'],
    ['json', 'A']
  ] as const)
    await expect(files(type, { [name]: Buffer.of(0xff, 0xfe) })).rejects.toMatchObject({
      message: expect.stringContaining(`field "${name}" is not UTF-8: "`) as string
    })
})

test('a value that a file cannot hold is refused, with the field, the file, and the reason', async () => {
  await expect(files('env', { A: 'two\nlines' })).rejects.toMatchObject({
    message: 'field "A" has a newline: "env" cannot hold that'
  })
  await expect(files('token', { token: 'x\n' })).rejects.toMatchObject({
    message: 'field "token" has a newline: it is one line',
    hint: 'it ends with a newline, as echo adds one; --strip-newline leaves that out'
  })
})

test('what a box does not have is left out, or comes from its scope, or is what is usual', async () => {
  const password = 'p'
  expect((await files('postgres', { user: 'u', password }, { host: 'db.example' }))['pg_service.conf']).toBe(
    '[default]\nhost=db.example\nport=5432\nuser=u\n'
  )
  expect(
    (await files('postgres', { host: 'h', user: 'u', password, port: '1', database: 'd' }))['.pgpass']
  ).toBe('h:1:d:u:p\n')
})

test('a field that there is not is refused, and so is one that is not what it must be', async () => {
  const type = await types.get('postgres')
  const refused = (given: Given): unknown => {
    try {
      checkValues(type, valuesOf(given))
      return null
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(refused({ passwrod: 'x' })).toBe(
    'type "postgres" has no field "passwrod": it has host, port, database, user, password, sslmode'
  )
  expect(refused({ port: 'five' })).toBe('field "port" is not what it must be: [0-9]{1,5}')
  expect(refused({ user: 'a\x07' })).toBe('field "user" has a control character')
  expect(refused({ password: 'x'.repeat(70_000) })).toBe(
    'field "password" has 70000 bytes: it has at most 65536'
  )
  expect(missingIn(type, valuesOf({ user: 'u' }))).toEqual(['host', 'password'])
})

test('what a type makes has the mode that its clients insist on', async () => {
  const type = await types.get('postgres')
  const made = render(type, valuesOf({ host: 'h', port: '1', user: 'u', password: 'p' }))
  expect(made.map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
    ['.pgpass', '600'],
    ['password', '600'],
    ['pg_service.conf', '600']
  ])
})

test('every type that is shipped can be read', async () => {
  for (const type of (await types.list()).types) expect(type.files.length).toBeGreaterThan(0)
})

const sound = { title: 't', fields: { a: { meaning: 'm' } }, files: { f: { field: 'a' } } }
test.each<[string, unknown]>([
  ['bad type "x": files.f: there is no field "b"', { ...sound, files: { f: { field: 'b' } } }],
  [
    'bad type "x": files.../f: it must be a path, without "..", "." or "/" around it',
    { ...sound, files: { '../f': { field: 'a' } } }
  ],
  ['bad type "x": files: there is none', { ...sound, files: {} }],
  ['bad type "x": Unrecognized key: "code"', { ...sound, code: '1' }],
  [
    'bad type "x": fields.a: a secret has no "usual" value: it would be in this file',
    { ...sound, fields: { a: { meaning: 'm', secret: true, usual: 'x' } } }
  ],
  [
    'bad type "x": fields.a: an expression repeats no group and refers to none',
    { ...sound, fields: { a: { meaning: 'm', pattern: '(a+)+' } } }
  ],
  [
    'bad type "x": fields.a: there is a ")" too many',
    { ...sound, fields: { a: { meaning: 'm', pattern: 'a)|(?:b' } } }
  ],
  [
    'bad type "x": fields.a: a bracket among characters has a backslash before it',
    { ...sound, fields: { a: { meaning: 'm', secret: true, characters: 'a]|[^b' } } }
  ],
  [
    'bad type "x": others: "\\\\1" is not known in an expression',
    { ...sound, others: { pattern: '(a)\\1', rule: 'r' } }
  ],
  [
    'bad type "x": files.f: "{a" has a brace that is none: {{ and }} are braces',
    { ...sound, files: { f: { format: 'env', lines: ['{a'] } } }
  ]
])('%s', (message, form) => {
  expect(() => readType('x', 'own', form)).toThrow(message)
})

test('a type in the form of JSON: escaped keys, base64, what is missing left out', () => {
  const type = readType('x', 'own', {
    title: 't',
    fields: { a: { meaning: 'm' }, b: { meaning: 'm' } },
    files: { f: { json: { 'k"{a}': ['{a}', { $base64: '{a}:' }], n: 1, b: { inner: '{b}' } } } }
  })
  const [made] = render(type, valuesOf({ a: 'x"' }))
  expect(Buffer.from(made?.bytes.bytes() ?? []).toString()).toBe('{"k\\"x\\"":["x\\"","eCI6"],"n":1}\n')
})

test('what is shown without escapes is held to its pattern when it is shown, too', () => {
  const form = (pattern: string): unknown => ({
    ...sound,
    fields: { a: { meaning: 'm', pattern } },
    files: { f: { format: 'env', lines: ['[{=a}]'] }, g: { json: { b: '{=a}' } } }
  })
  const before = readType('x', 'own', form('[^b]+'))
  const values = valuesOf({ a: 'a] c=' })
  expect(render(before, values).length).toBe(2)
  expect(() => render(readType('x', 'own', form('[a-z]+')), values)).toThrow(
    'field "a" is not what it must be: "f" cannot hold that'
  )
  // What a scope says of a field was checked when the box was made, by the type as it was then.
  for (const bad of ['a\nb', 'a\x7f', '', '\xff'])
    expect(() => render(before, new Map([['a', Buffer.from(bad, 'latin1')]]))).toThrow(
      'is not what it must be'
    )
})

test.each(['#a', ';a', 'a #b', 'a ;b'])('a file of the AWS clients holds no comment: %j', async value => {
  const type = await types.get('aws')
  expect(() => {
    checkValues(type, valuesOf({ 'secret-access-key': value }))
  }).toThrow('has "#" or ";" at its beginning or after white space')
  checkValues(type, valuesOf({ 'secret-access-key': 'a#b;c' }))
})

test('what YAML takes otherwise than JSON is escaped, and nothing else', async () => {
  const type = await types.get('kubeconfig')
  const odd = '\u0080\u0085\u009f\u2028\u2029\ufeff\ufffe\uffff\x7f'
  const even = '\u00a0\u2027\u202a\ufefe\ufffd\ufeee\u{1ffff}äß日😀'
  const [made] = render(type, valuesOf({ server: 'https://a', token: odd + even + odd }))
  const text = Buffer.from(made?.bytes.bytes() ?? []).toString()
  const escaped = '\\u0080\\u0085\\u009f\\u2028\\u2029\\ufeff\\ufffe\\uffff\\u007f'
  expect(text).toContain(`"token":"${escaped}${even}${escaped}"`)
  expect(JSON.parse(text)).toMatchObject({ users: [{ user: { token: odd + even + odd } }] })
})

test('a template of JSON is escaped as values are', () => {
  const type = readType('x', 'own', { ...sound, files: { f: { json: { '\u2028"{a}': '\u0085\\' } } } })
  const [made] = render(type, valuesOf({ a: 'x' }))
  expect(Buffer.from(made?.bytes.bytes() ?? []).toString()).toBe('{"\\u2028\\"x":"\\u0085\\\\"}\n')
})
