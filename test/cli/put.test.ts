import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { charsetChoices } from '../../src/cli/generate.ts'
import { done, runProgram } from './run.ts'
import { useCli } from './use-cli.ts'

const { run, daemon, program } = useCli({ MAX_BOX_BYTES: String(4 << 20) })

beforeAll(async () => {
  await run(['create', 'box'])
})

async function modeOf(path: string): Promise<string> {
  return (await run(['list', '-f', '{{.Mode}}', '-r', `^${path}$`, 'box'])).stdout.trim()
}

test('stdin is stored byte for byte and says nothing', async () => {
  const bytes = randomBytes(100_000)
  expect(await run(['put', 'box', 'bin'], { input: bytes })).toMatchObject(done())
  expect((await run(['read', 'box:bin'])).bytes.equals(bytes)).toBe(true)
  expect(await run(['put', 'box', 'empty'], { input: '' })).toMatchObject(done())
  expect(await run(['read', 'box:empty'])).toMatchObject(done(''))
  expect(await run(['put', 'box', 'line'], { input: 'pw\n' })).toMatchObject(done())
  expect(await run(['read', 'box:line'])).toMatchObject(done('pw\n'))
})

test('missing directories are made, and the mode is 0600 unless another is given', async () => {
  expect(await run(['put', 'box', '/../a/./b/c'], { input: 'x' })).toMatchObject(done())
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

test.each([
  [['--mode', '888'], 'bad mode "888": a mode is octal, 0000 to 7777'],
  [['--mode', '10000'], 'bad mode "10000": a mode is octal, 0000 to 7777'],
  [['-g', '--length', '0'], 'bad length "0": a length is 1 to 1000000'],
  [['-g', '--length', '1e3'], 'bad length "1e3": a length is 1 to 1000000'],
  [['--length', '8'], '--length and --charset are of use only with --generate'],
  [['--charset', 'hex'], '--length and --charset are of use only with --generate'],
  [['-g', '-c', 'emoji'], `unknown charset "emoji"\nhint: known: ${charsetChoices}`],
  [['-g', '-c', 'chars:aa'], 'bad charset "chars:aa": it takes two or more different ASCII characters']
])('put %j is a mistake', async (options, message) => {
  expect(await run(['put', ...options, 'box', 'x'], { input: 'x' })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `error: ${message}\n`
  })
})

test('a directory as standard input is an error', async () => {
  const vault = `SECRETBOX_SOCKET="${daemon().adminSocket}" "${process.execPath}" "${program()}"`
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
