import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { buildLauncher, thisMachine } from '../../rootfs-build/launcher.ts'
import { scratchDirectory, temporaryDirectory } from '../kit/temporary.ts'

/* The program itself (launcher/README.md), as it does its work in a container. */

const scratch = scratchDirectory()
const launcher = join(scratch, 'launcher')
const sh = '/bin/sh'

beforeAll(async () => {
  await buildLauncher(launcher)
  // For a user who is not root.
  chmodSync(scratch, 0o755)
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs it with files of these texts, as `NAME`. */
function launch(
  texts: readonly string[],
  words: readonly string[],
  { env = {}, cwd }: { env?: NodeJS.ProcessEnv; cwd?: string } = {}
): Ended {
  const files = texts.map((text, index) => {
    const file = join(temporaryDirectory(), `file${index}`)
    writeFileSync(file, text)
    return file
  })
  const { status, stdout, stderr } = spawnSync(launcher, [...files, '--', ...words], {
    env,
    ...(cwd === undefined ? {} : { cwd })
  })
  return { code: status, stdout: stdout.toString(), stderr: stderr.toString().replaceAll(/\/\S*\//g, '') }
}

test('it is small, needs nothing beside it, and two builds are the same', async () => {
  const again = join(scratch, 'again')
  await buildLauncher(again)
  expect(readFileSync(again).equals(readFileSync(launcher))).toBe(true)
  expect(statSync(launcher).size).toBeLessThan(8 << 10)
  const headers = spawnSync('readelf', ['--program-headers', '--dynamic', launcher]).stdout.toString()
  expect(headers).not.toMatch(/INTERP|NEEDED/)
  // No memory that can be written and executed.
  expect(headers).not.toMatch(/RWE/)
})

test('the program has the variables of all files beside those that were there, and no others', () => {
  const texts = ["A='1\n2'\nB=two\n", 'C=3\nOLD=new']
  expect(launch(texts, ['/usr/bin/env', '-0'], { env: { KEPT: 'k', OLD: 'old', A_: '_' } })).toEqual({
    code: 0,
    stdout: ['KEPT=k', 'A_=_', 'A=1\n2', 'B=two', 'C=3', 'OLD=new', ''].join('\0'),
    stderr: ''
  })
})

test('the program is the same process, with its arguments, and its exit status is its own', () => {
  const { code, stdout } = launch(
    ['A=1'],
    [sh, '-c', 'echo $$ "$A" "$0" "$@"; exit 42', 'zero', '--', ''],
    {}
  )
  expect([code, stdout.replace(/^\d+/, 'PID')]).toEqual([42, 'PID 1 zero -- \n'])
})

test('a signal reaches the program', async () => {
  const script = 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'
  const child = spawn(launcher, ['/dev/null', '--', sh, '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  expect(await once(child, 'close')).toEqual([9, null])
})

test('a program without a slash is looked for on PATH, which may come from a file', () => {
  const directory = temporaryDirectory()
  for (const name of ['one', 'two']) mkdirSync(join(directory, name))
  writeFileSync(join(directory, 'one/here'), '#!/bin/sh\necho one', { mode: 0o644 })
  writeFileSync(join(directory, 'two/here'), '#!/bin/sh\necho two', { mode: 0o755 })
  symlinkSync('here', join(directory, 'two/there'))
  const at = (path: string, name: string, text = 'A=1') =>
    launch([text], [name], { env: { PATH: path }, cwd: directory })
  // What cannot be executed is passed over, as execvp(3) does.
  expect(at(`/none:${directory}/one:${directory}/two`, 'here').stdout).toBe('two\n')
  expect(at(`relative:two:`, 'there').stdout).toBe('two\n')
  expect(at('/none', 'here', `PATH=${directory}/two`).stdout).toBe('two\n')
  expect(launch([''], ['./two/here'], { cwd: directory }).stdout).toBe('two\n')
  expect(launch([''], ['true'])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(at(`${directory}/one`, 'here')).toEqual({
    code: 126,
    stdout: '',
    stderr: 'secretbox: cannot execute "here": permission denied\n'
  })
  expect(at(`${'x'.repeat(5000)}:/none`, 'here').code).toBe(127)
})

test.each([
  [['no-such-program'], 127, 'cannot execute "no-such-program": there is none'],
  [[''], 127, 'cannot execute "": there is none'],
  [['/etc/passwd/x'], 127, 'cannot execute "x": what leads to it is no directory'],
  [['/etc'], 126, 'cannot execute "etc": permission denied'],
  [['/etc/passwd'], 126, 'cannot execute "passwd": permission denied']
])('%j ends as docker ends it', (words, code, message) => {
  const { stderr, ...ended } = launch(['A=CANARY'], words)
  expect(ended).toEqual({ code, stdout: '' })
  expect(stderr.replaceAll('"/etc"', '"etc"')).toBe(`secretbox: ${message}\n`)
})

test.each([
  ['B=CANARY\nCANARY\n', 'line 2: it is not NAME=value'],
  ['B=CANARY\nA=2', 'line 2: its variable is there already'],
  [`B=${'CANARY'.repeat(200_000)}`, 'arguments and variables are too long together']
])('a file that is none of variables is refused, and nothing of it is said', (text, reason) => {
  expect(launch(['A=CANARY', text], [sh])).toEqual({
    code: 125,
    stdout: '',
    stderr: `secretbox: cannot take the variables of "file1": ${reason}\n`
  })
})

test('a file that cannot be read is refused', () => {
  const run = (file: string) => spawnSync(launcher, [file, '--', sh], { uid: 65534 })
  const secret = join(scratch, 'secret')
  writeFileSync(secret, 'A=1', { mode: 0o600 })
  expect(run('/no/file')).toMatchObject({
    status: 125,
    stderr: Buffer.from('secretbox: cannot open "/no/file": there is none\n')
  })
  expect(run(secret)).toMatchObject({ status: 125 })
  expect(spawnSync(launcher, ['/etc', '--', sh]).stderr.toString()).toBe(
    'secretbox: cannot read "/etc": it is a directory\n'
  )
})

test.each([[[]], [['/dev/null']], [['/dev/null', '--']]])('%j is no use of it', args => {
  expect(spawnSync(launcher, args)).toMatchObject({
    status: 125,
    stderr: Buffer.from('usage: launcher FILE... -- PROGRAM [ARGUMENT...]\n')
  })
})

test('more than the kernel takes is told', () => {
  const lines = [...Array(12).keys()].map(n => `A${n}=${'x'.repeat(80_000)}`).join('\n')
  const { code, stderr } = launch([lines], [sh, ...Array<string>(12).fill('y'.repeat(100_000))])
  expect([code, stderr]).toEqual([
    126,
    expect.stringContaining('arguments and variables are too long together')
  ])
})

/** What compiles for arm64 elsewhere, and runs it; a package of Debian each. */
const foreign = ['aarch64-linux-gnu-gcc', 'qemu-aarch64-static']
const lacking = foreign.filter(program => spawnSync('which', [program]).status !== 0)
// There all of these tests are about it.
const isArm = thisMachine() === 'arm64'
if (lacking.length > 0 && !isArm) console.log(`the launcher for arm64 is not tried: no ${lacking.join(', ')}`)

test.skipIf(isArm || (lacking.length > 0 && process.env['CI'] === undefined))(
  'what is built for arm64 is as small, and does the same there',
  async () => {
    const other = join(scratch, 'launcher-arm64')
    await buildLauncher(other, 'arm64')
    expect(statSync(other).size).toBeLessThan(8 << 10)
    const file = join(scratch, 'variables')
    writeFileSync(file, "A='1\n2'\nPATH=/usr/bin:/bin\n")
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync('qemu-aarch64-static', [other, ...args], {
        env: { OLD: 'o' }
      })
      return [status, stdout.toString(), stderr.toString()]
    }
    expect(run(file, '--', 'sh', '-c', 'env -0; exit 42')).toEqual([
      42,
      expect.stringMatching(/^(?=.*OLD=o\0)(?=.*A=1\n2\0)/s),
      ''
    ])
    expect(run(file, '--', 'none')).toEqual([127, '', 'secretbox: cannot execute "none": there is none\n'])
    expect(run('/none', '--', 'sh')[0]).toBe(125)
  }
)
