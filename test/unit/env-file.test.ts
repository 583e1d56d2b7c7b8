import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { compile } from '../../rootfs-build/compile.ts'
import { isSecretboxError } from '../../src/base/errors.ts'
import { readVariables } from '../../src/vault/injected/env-file.ts'
import { randomFrom } from '../kit/random.ts'
import { scratchDirectory } from '../kit/temporary.ts'

/* The format of files of variables (docs/environment.md), for both who read it: the daemon and the launcher. */

const program = join(scratchDirectory(), 'variables')

beforeAll(() =>
  compile(['test/unit/variables.c', 'launcher/variables.c'], program, [
    ...['-std=gnu17', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  ])
)

/** `NAME=value` each, or `!LINE: REASON`. */
type Told = string[]

function byLauncher(texts: readonly Buffer[]): Told[] {
  const input = texts.flatMap(text => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(text.length)
    return [length, text]
  })
  const output = execFileSync(program, { input: Buffer.concat(input), maxBuffer: 64 << 20 }).toString(
    'latin1'
  )
  const answers: Told[] = [[]]
  for (const word of output.split('\0')) {
    if (word === '') answers.push([])
    else answers.at(-1)?.push(word)
  }
  // Two NULs end the last.
  return answers.slice(0, texts.length)
}

function byDaemon(text: Buffer): Told {
  try {
    return readVariables(text).map(({ name, value }) => {
      const told = `${name}=${Buffer.from(value.bytes()).toString('latin1')}`
      value.wipe()
      return told
    })
  } catch (error) {
    if (!isSecretboxError(error, 'invalid')) throw error
    return [error.message.replace(/^line /, '!')]
  }
}

const notOne = 'it is not NAME=value'
const openQuote = 'its quote does not end'
const afterQuote = 'something follows its quote'
const badEscape = 'it has a backslash before something else than n, r, t, ", $ or \\'
const there = 'its variable is there already'
const long = 'its variable is longer than 128 KiB'
const much = 'there are more than 4096 variables, or more than 1 MiB of them'
const kib128 = 128 << 10

const table: readonly [what: string, text: string, told: Told][] = [
  ['nothing', '', []],
  ['a line', 'A=1\n', ['A=1']],
  ['a last line without its end', 'A=1\nB=2', ['A=1', 'B=2']],
  ['an empty value', 'A=\nB=\n', ['A=', 'B=']],
  ['an empty value at the end', 'A=', ['A=']],
  ['blank lines, and lines of blanks', '\n  \n\t\nA=1\n\n', ['A=1']],
  ['comments', '# one\n  # two\nA=1\n#B=2', ['A=1']],
  ['a hash in a value', 'A=1 # no comment\nB=#2', ['A=1 # no comment', 'B=#2']],
  ['blanks before a name', '  A=1', ['A=1']],
  ['blanks in a value, which stay', 'A= 1  \nB=\t', ['A= 1  ', 'B=\t']],
  ['export', 'export A=1\nexport\t B=2\nexport=3', ['A=1', 'B=2', 'export=3']],
  ['names', 'a=1\n_B2=2\nc.d-e=3', ['a=1', '_B2=2', 'c.d-e=3']],
  ['an equals sign in a value', 'A=b=c==', ['A=b=c==']],
  ['nothing that a shell would do', 'A=$HOME `id` $(id) \\n ~ *', ['A=$HOME `id` $(id) \\n ~ *']],
  ['carriage returns at the ends of lines', 'A=1\r\n\r\nB="2"\r\nC=3\r', ['A=1', 'B=2', 'C=3']],
  ['a carriage return elsewhere', 'A=1\r2\r\r\n', ['A=1\r2\r']],
  ['a mark before UTF-8', '\xef\xbb\xbfA=1', ['A=1']],
  ['bytes that are no UTF-8', 'A=\xff\xfe', ['A=\xff\xfe']],
  ['single quotes', "A='x y'\nB=''\nC='\"\\n$'", ['A=x y', 'B=', 'C="\\n$']],
  ['double quotes', 'A="x y"\nB=""\nC="it\'s # all"', ['A=x y', 'B=', "C=it's # all"]],
  ['escapes', String.raw`A="\n\r\t\"\$\\"`, ['A=\n\r\t"$\\']],
  ['several lines', 'A="1\n2\r\n3"\nB=\'4\n\n5\'\n', ['A=1\n2\r\n3', 'B=4\n\n5']],
  ['a comment after a quote', "A='1' # why\nB=\"2\"  \nC='3'\t#", ['A=1', 'B=2', 'C=3']],
  ['a quote within a value', 'A=it\'s\nB=a"b"', ["A=it's", 'B=a"b"']],
  ['no equals sign', 'A=1\nB\n', [`!2: ${notOne}`]],
  ['an equals sign on the next line', 'A\n=1', [`!1: ${notOne}`]],
  ['a blank before the equals sign', 'A =1', [`!1: ${notOne}`]],
  ['no name', '=1', [`!1: ${notOne}`]],
  ['a name that begins with a digit', '1A=1', [`!1: ${notOne}`]],
  ['a name with other letters', 'Ä=1', [`!1: ${notOne}`]],
  ['export alone', 'export', [`!1: ${notOne}`]],
  ['export of a name', 'export A', [`!1: ${notOne}`]],
  ['a word of a shell', 'set -e', [`!1: ${notOne}`]],
  ['the same name twice', 'A=1\nAB=2\nA=1', [`!3: ${there}`]],
  ['a single quote that stays open', "A='1\nB=2\n", [`!1: ${openQuote}`]],
  ['a double quote that stays open', 'A=1\nB="2\\', [`!2: ${openQuote}`]],
  ['a double quote that is escaped', 'A="\\"', [`!1: ${openQuote}`]],
  ['text after a quote', "A='1'2", [`!1: ${afterQuote}`]],
  ['a comment right after a quote', "A='1'#2", [`!1: ${afterQuote}`]],
  ['text after a quote of several lines', 'A="1\n2" x\nB=1', [`!1: ${afterQuote}`]],
  ['another escape', String.raw`A="\x41"`, [`!1: ${badEscape}`]],
  ['the line after a quote of several lines', 'A="1\n2\n"\nB', [`!4: ${notOne}`]],
  ['a NUL', 'A=1\nB=\0', ['!2: it has a NUL']],
  ['a NUL in a comment', '#\0', ['!1: it has a NUL']],
  ['a variable of 128 KiB', `A=${'x'.repeat(kib128 - 3)}`, [`A=${'x'.repeat(kib128 - 3)}`]],
  ['one of a byte more', `\nA=${'x'.repeat(kib128 - 2)}`, [`!2: ${long}`]],
  ['one of a byte more in quotes', `A='${'x'.repeat(kib128 - 2)}'`, [`!1: ${long}`]],
  ['too many', [...Array(4097).keys()].map(n => `V${n}=`).join('\n'), [`!4097: ${much}`]]
]

test.each(table)('%s', (_what, text, told) => {
  expect(byDaemon(Buffer.from(text, 'latin1'))).toEqual(told)
})

test('the launcher reads each as the daemon does, and no byte too far', () => {
  expect(byLauncher(table.map(([, text]) => Buffer.from(text, 'latin1')))).toEqual(
    table.map(([, , told]) => told)
  )
})

test('both read texts of any bytes alike', () => {
  const random = randomFrom(20)
  const pieces = [
    'A',
    'B',
    '=',
    '"',
    "'",
    '\\',
    'n',
    ' ',
    '\n',
    '\r',
    '#',
    'export ',
    '\t',
    '\0',
    'x',
    '\xff',
    '1'
  ]
  const texts = Array.from({ length: 3000 }, () =>
    Buffer.from(
      Array.from({ length: random.below(14) }, () => pieces[random.below(pieces.length)] ?? '').join(''),
      'latin1'
    )
  )
  const launched = byLauncher(texts)
  const differing = texts.flatMap((text, index) => {
    const [one, other] = [byDaemon(text), launched[index] ?? []]
    return JSON.stringify(one) === JSON.stringify(other) ? [] : [[text.toString('latin1'), one, other]]
  })
  expect(differing).toEqual([])
})

test('a message about a file holds nothing of it', () => {
  for (const [, text, [told = '']] of table) {
    if (!told.startsWith('!')) continue
    expect(byDaemon(Buffer.from(text.replaceAll('A', 'CANARY'), 'latin1')).join()).not.toContain('CANARY')
  }
})
