import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { charsetChoices } from '../../src/cli/input/generate.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done, runProgram } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli({ MAX_BOX_BYTES: String(4 << 20) })

beforeAll(async () => {
  await run(['create', 'box'])
})

async function modeOf(path: string): Promise<string> {
  return (await run(['list', '-f', '{{.Mode}}', '-r', `^${path}$`, 'box'])).stdout.trim()
}

test.each([
  ['put', ['put', 'names', '../up'], '../up'],
  ['put', ['put', 'names', 'a/../../up'], 'a/../../up'],
  ['cp', ['cp', '/dev/stdin', 'names:../up'], '../up'],
  ['edit', ['edit', 'names:../up'], '../up']
])('%s stores nothing under a name that nobody gave: %j', async (_, args, path) => {
  await run(['create', 'names'])
  try {
    expect(await run(args, { input: 'secret', env: { EDITOR: 'true' } })).toMatchObject({
      code: 1,
      stderr: `error: bad path "${path}": ".." leads out of the box\nhint: in the box it would be "up"\n`
    })
    expect(await run(['list', 'names'])).toMatchObject(done())
  } finally {
    await run(['destroy', 'names'])
  }
})

test('stdin is stored byte for byte and says nothing', async () => {
  const bytes = randomBytes(100_000)
  expect(await run(['put', 'box', 'bin'], { input: bytes })).toMatchObject(done())
  expect((await run(['read', 'box:bin'])).bytes.equals(bytes)).toBe(true)
  for (const text of ['pw', 'pw\n\n', 'two\nlines\n', '\nx', ' ', '\0']) {
    expect(await run(['put', 'box', 'text'], { input: text })).toMatchObject(done())
    expect(await run(['read', 'box:text'])).toMatchObject(done(text))
  }
})

test('an empty input replaces nothing, unless that is what is wanted', async () => {
  await run(['put', 'box', 'kept'], { input: 'good' })
  const vault = `SECRETBOX_SOCKET="${daemon().adminSocket}" "${program}"`
  for (const command of [
    `false | ${vault} put box kept`,
    `${vault} put box kept < /dev/null`,
    `${vault} put box kept <&-`,
    `echo | ${vault} put --strip-newline box kept`
  ]) {
    expect(await runProgram('sh', ['-c', command])).toMatchObject({
      code: 1,
      stdout: '',
      stderr:
        'error: standard input is empty, so nothing was stored\n' +
        'hint: look at what was to write there, or store an empty file with --allow-empty\n'
    })
    expect(await run(['read', 'box:kept'])).toMatchObject(done('good'))
  }
  expect(await run(['put', '--allow-empty', 'box', 'kept'], { input: '' })).toMatchObject(done())
  expect(await run(['read', 'box:kept'])).toMatchObject(done(''))
  expect(await run(['put', '--allow-empty', 'box', 'kept'], { input: 'full' })).toMatchObject(done())
  expect(await run(['read', 'box:kept'])).toMatchObject(done('full'))
})

test('a newline at the end of a line is stored and noted, or stripped when that is wished', async () => {
  const note =
    'note: "box:line" ends with a newline, which is a part of it; --strip-newline stores it without\n'
  for (const text of ['pw\n', 'pw\r\n', '\n']) {
    expect(await run(['put', 'box', 'line'], { input: text })).toMatchObject({ ...done(), stderr: note })
    expect(await run(['read', 'box:line'])).toMatchObject(done(text))
  }
  for (const [text, stripped] of [
    ['pw\n', 'pw'],
    ['pw\r\n', 'pw'],
    ['pw', 'pw'],
    ['pw\n\n\n', 'pw\n\n'],
    ['two\nlines\n', 'two\nlines'],
    ['\npw', '\npw'],
    ['pw\r', 'pw\r'],
    ['pw\n\r', 'pw\n\r']
  ] as const) {
    await run(['put', '--strip-newline', 'box', 'line'], { input: text })
    expect(await run(['read', 'box:line'])).toMatchObject(done(stripped))
  }
  const large = Buffer.concat([randomBytes(1 << 20), Buffer.from('\r\n')])
  await run(['put', '-s', 'box', 'line'], { input: large })
  expect((await run(['read', 'box:line'])).bytes.equals(large.subarray(0, -2))).toBe(true)
})

test('missing directories are made, and the mode is 0600 unless another is given', async () => {
  expect(await run(['put', 'box', '/a/./b/c'], { input: 'x' })).toMatchObject(done())
  expect(await run(['read', 'box:a/b/c'])).toMatchObject(done('x'))
  expect(await modeOf('a/b/c')).toBe('0600')
  await run(['put', '--mode', '444', 'box', 'a/b/c'], { input: 'x' })
  expect(await modeOf('a/b/c')).toBe('0444')
  await run(['put', '-m', '04755', 'box', 'a/b/c'], { input: 'x' })
  expect(await modeOf('a/b/c')).toBe('4755')
  await run(['put', '-m', '0', 'box', 'a/b/c'], { input: 'x' })
  expect(await modeOf('a/b/c')).toBe('0000')
})

test('a generated secret is stored and not shown', async () => {
  expect(await run(['put', '--generate', 'box', 'made'])).toMatchObject(done())
  expect((await run(['read', 'box:made'])).stdout).toMatch(/^[0-9A-Za-z]{32}$/)
  expect(await run(['put', '-g', '--length', '6', '--charset', 'digits', 'box', 'pin'])).toMatchObject(done())
  expect((await run(['read', 'box:pin'])).stdout).toMatch(/^\d{6}$/)
  expect(await run(['put', '-g', '-l', '16', '-c', 'bytes', 'box', 'raw'])).toMatchObject(done())
  expect((await run(['read', 'box:raw'])).bytes).toHaveLength(16)
})

test('--file stores a file of the operator, byte for byte, by the rules of standard input', async () => {
  const cwd = temporaryDirectory()
  const bytes = randomBytes(200_000)
  await writeFile(join(cwd, 'key'), bytes)
  await writeFile(join(cwd, 'line'), 'pw\n')
  await writeFile(join(cwd, 'nil'), '')
  expect(await run(['put', '--file', 'key', 'box:from/file'], { cwd, input: 'not this' })).toMatchObject(
    done()
  )
  expect((await run(['read', 'box:from/file'])).bytes.equals(bytes)).toBe(true)
  expect(await modeOf('from/file')).toBe('0600')
  expect(await run(['put', '-f', 'line', 'box', 'from/line'], { cwd })).toMatchObject({
    ...done(),
    stderr: expect.stringContaining('"box:from/line" ends with a newline') as string
  })
  expect(await run(['put', '--file', 'line', '--strip-newline', 'box:from/line'], { cwd })).toMatchObject(
    done()
  )
  expect(await run(['read', 'box:from/line'])).toMatchObject(done('pw'))
  expect(await run(['put', '--file', '-', 'box:from/line'], { input: 'stdin' })).toMatchObject(done())
  expect(await run(['read', 'box:from/line'])).toMatchObject(done('stdin'))
  for (const [file, reason, hint] of [
    [
      'nil',
      '"nil" is empty, so nothing was stored',
      'look at what was to write there, or store an empty file with --allow-empty'
    ],
    ['none', 'cannot read "none": no such file or directory', null],
    ['.', 'cannot read ".": it is a directory', 'add -r and cp store directories']
  ] as const) {
    expect(await run(['put', '--file', file, 'box:from/line'], { cwd })).toMatchObject({
      code: 1,
      stderr: `error: ${reason}\n${hint === null ? '' : `hint: ${hint}\n`}`
    })
  }
  expect(await run(['read', 'box:from/line'])).toMatchObject(done('stdin'))
  const vault = `SECRETBOX_SOCKET="${daemon().adminSocket}" "${program}"`
  expect(await runProgram('bash', ['-c', `${vault} put --file <(printf piped) box:from/pipe`])).toMatchObject(
    done()
  )
  expect(await run(['read', 'box:from/pipe'])).toMatchObject(done('piped'))
})

test('--create makes a missing box in the same step, says so, and leaves none when nothing gets into it', async () => {
  expect(await run(['put', '--create', 'fresh:a'], { input: 'one' })).toMatchObject({
    ...done(),
    stderr: 'note: made box "fresh"\n'
  })
  expect(await run(['put', '--create', '-g', 'fresh', 'b'])).toMatchObject(done())
  expect(await run(['list', 'fresh'])).toMatchObject(done('fresh:a\nfresh:b\n'))
  for (const [args, input] of [
    [['put', '--create', 'unborn:a'], ''],
    [['put', '--create', 'unborn:big'], Buffer.alloc(8 << 20)],
    [['put', '--create', '--file', '/nowhere', 'unborn:a'], ''],
    [['put', '--create', 'unborn:../up'], 'x'],
    [['put', '--create', 'fresh:big'], Buffer.alloc(8 << 20)]
  ] as const) {
    expect(await run(args, { input })).toMatchObject({ code: 1 })
  }
  expect((await run(['list', '--boxes'])).stdout.split('\n')).toEqual(
    expect.not.arrayContaining(['unborn']) as string[]
  )
  expect(await run(['list', 'fresh'])).toMatchObject(done('fresh:a\nfresh:b\n'))
})

test.each([
  [['-g', '--file', 'x'], 'take --file or --generate: both say what to store'],
  [['--mode', '888'], 'bad mode "888": a mode is octal, 0000 to 7777'],
  [['--mode', '10000'], 'bad mode "10000": a mode is octal, 0000 to 7777'],
  [['-g', '--length', '0'], 'bad length "0": a length is 1 to 1000000'],
  [['-g', '--length', '1e3'], 'bad length "1e3": a length is 1 to 1000000'],
  [['--length', '8'], '--length and --charset are of use only with --generate'],
  [['--charset', 'hex'], '--length and --charset are of use only with --generate'],
  [['-g', '--allow-empty'], '--strip-newline and --allow-empty are of no use with --generate'],
  [['-g', '--strip-newline'], '--strip-newline and --allow-empty are of no use with --generate'],
  [['-g', '-c', 'emoji'], `unknown charset "emoji"\nhint: known: ${charsetChoices}`],
  [['-g', '-c', 'chars:aa'], 'bad charset "chars:aa": it takes two or more different ASCII characters']
])('put %j is a mistake', async (options, message) => {
  expect(await run(['put', ...options, 'box', 'x'], { input: 'x' })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `error: ${message}\n`
  })
})

const seen = 'hint: everybody can read arguments: '
const ofPut = `${seen}write BOX:PATH, and pipe the value in or type it at the prompt\n`
test.each([
  [
    ['put', 'box', 'PASSWORD=hunter2'],
    `put takes the place of a file, not the variable "PASSWORD" itself\n${ofPut}`
  ],
  [
    ['put', 'PASSWORD=hunter2'],
    `put takes the place of a file, not the variable "PASSWORD" itself\n${ofPut}`
  ],
  [['put', 'box', '{"a":"hunter2"}'], `put takes the place of a file, not JSON itself\n${ofPut}`],
  [['put', '{"a":"hunter2"}'], `put takes the place of a file, not JSON itself\n${ofPut}`],
  [
    ['put', 'box:x', '--file', 'A=hunter2'],
    `--file takes a file, not the variable "A" itself\n${seen}pipe it in\n`
  ],
  [
    ['set', 'box', 'password=hunter2'],
    `set takes the name of a field, not the variable "password" itself\n${seen}pipe it in, take --file or --generate, or type it at the prompt\n`
  ],
  [
    ['unseal', '--key-file', 'hunter2='],
    `--key-file takes a file, not contents\n${seen}keep it in a file, or use /dev/stdin\n`
  ],
  [
    ['add', 'box', '[{"a":"hunter2"}]'],
    `what is to be added is a file, not JSON itself\n${seen}pipe it into docker vault put BOX:PATH\n`
  ]
])('%j is a secret where its name is wanted: it is refused, and not told again', async (args, message) => {
  const { code, stdout, stderr } = await run(args, { input: 'x' })
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: `error: ${message}` })
  expect(code).toBe(2)
})

test('a file that is called like a variable, or is there, is none', async () => {
  const directory = temporaryDirectory()
  await writeFile(join(directory, 'A=1'), 'contents')
  expect(await run(['put', '--create', 'named:B=2', '--file', join(directory, 'A=1')])).toMatchObject({
    code: 0
  })
  expect(await run(['put', '--file', 'A=1', 'named:x'], { cwd: directory })).toMatchObject({ code: 0 })
  expect((await run(['read', 'named:B=2', 'named:x'])).stdout).toBe('contentscontents')
})

test('a directory as standard input is an error', async () => {
  const vault = `SECRETBOX_SOCKET="${daemon().adminSocket}" "${program}"`
  expect(await runProgram('sh', ['-c', `${vault} put box x < /tmp`])).toMatchObject({
    code: 1,
    stderr: 'error: cannot read standard input: it is a directory\n'
  })
})

test('what cannot be stored is an error', async () => {
  expect(await run(['put', 'box', '/'], { input: 'x' })).toMatchObject({
    code: 2,
    stderr: 'error: bad path "/": it names the box itself, not a file in it\n'
  })
  expect(await run(['put', 'none', 'x'], { input: 'x' })).toMatchObject({
    code: 1,
    stderr: 'error: no such box "none"\nhint: create it with: docker vault create none\n'
  })
  await run(['put', 'box', 'dir/file'], { input: 'x' })
  expect(await run(['put', 'box', 'dir'], { input: 'x' })).toMatchObject({
    code: 1,
    stderr: 'error: cannot put "dir": a directory has that name\n'
  })
  const { code, stderr } = await run(['put', 'box', 'big'], { input: Buffer.alloc(32 << 20) })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: .*4194304/)
})
