import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { done } from './run.ts'
import { useCli } from './use-cli.ts'

const bytes = Buffer.alloc(3 << 20, Buffer.from([0, 255, 10, 13, 128]))

const { run, daemon, program } = useCli()

beforeAll(async () => {
  await run(['create', 'box', 'empty', 'single'])
  await run(['put', 'box', 'dir/a'], { input: 'A' })
  await run(['put', 'box', 'dir/b'], { input: 'B' })
  await run(['put', 'box', 'dir/deep/c'], { input: 'C' })
  await run(['put', 'box', 'text'], { input: 'text\n' })
  await run(['put', 'single', 'some/where'], { input: bytes })
  const cwd = await mkdtemp(join(tmpdir(), 'read-'))
  await symlink('../../../dir', join(cwd, 'link'))
  await symlink('loop', join(cwd, 'loop'))
  await run(['add', 'box', 'link', 'loop'], { cwd })
  await rm(cwd, { recursive: true })
})

test('row 38: contents come byte for byte, one after the other, and nothing else; cat does the same', async () => {
  expect((await run(['read', 'single:some/where'])).bytes.equals(bytes)).toBe(true)
  expect(await run(['cat', 'box:text', 'box:/dir/../dir/a', 'box:dir/b'])).toMatchObject(done('text\nAB'))
})

test('row 37: without a path, the only file of the box is meant', async () => {
  expect((await run(['read', 'single'])).bytes.equals(bytes)).toBe(true)
  expect(await run(['read', 'box'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'error: cannot read "box" as a whole: it holds "dir/a", "dir/b", "dir/deep/c", "text"\n' +
      'hint: name a file, as in "box:dir/a", or read -r to read them all\n'
  })
  expect(await run(['read', 'empty'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot read "empty": it holds no file\n'
  })
})

test('row 24: symlinks are followed with the box as root, and a loop is an error', async () => {
  expect(await run(['read', 'box:link/a'])).toMatchObject(done('A'))
  expect(await run(['read', 'box:loop'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot resolve path "loop": more than 40 symlinks\n'
  })
})

test('row 39: what is missing is an error, and the rest is read', async () => {
  expect(await run(['read', 'none:x', 'box:nothing', 'box:', 'a/b:c', 'box:text'])).toMatchObject({
    code: 1,
    stdout: 'text\n',
    stderr:
      'error: no such box "none"\nhint: docker vault list --boxes shows those that there are\n' +
      'error: cannot read "nothing": no such file in the box\n' +
      'error: cannot read "box:": it is a directory\nhint: -r (recursive) takes it with everything in it\n' +
      'error: bad box name "a/b": it contains "/"\n' +
      'hint: a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters\n'
  })
})

test('row 40: a directory is an error unless --recursive, which reads all below it', async () => {
  expect(await run(['read', 'box:dir', 'box:text'])).toMatchObject({
    code: 1,
    stdout: 'text\n',
    stderr:
      'error: cannot read "dir": it is a directory\nhint: -r (recursive) takes it with everything in it\n'
  })
  expect(await run(['read', '-r', 'box:dir'])).toMatchObject(done('ABC'))
  expect(await run(['read', '--recursive', 'box:link', 'box:text'])).toMatchObject(done('ABCtext\n'))
  expect(await run(['read', '-r', 'box'])).toMatchObject(done('ABCtext\n'))
  expect(await run(['read', '-r', 'empty'])).toMatchObject(done(''))
})

test('an older version can be read', async () => {
  await run(['create', 'versions'])
  await run(['put', 'versions', 'pw'], { input: 'old' })
  await run(['put', 'versions', 'pw'], { input: 'new' })
  expect(await run(['read', '--version', '2', 'versions:pw'])).toMatchObject(done('old'))
  expect(await run(['read', '--version', '9', 'versions'])).toMatchObject({
    code: 1,
    stderr: 'error: box "versions" has no version 9\nhint: it has versions 1 to 3\n'
  })
  expect(await run(['read', '--version', 'x', 'versions'])).toMatchObject({
    code: 2,
    stderr: 'error: bad version "x": a version is a whole number from 1 on\n'
  })
})

test('a reader that stops early is no error', async () => {
  const child = spawn(program, ['read', 'single'], {
    env: { SECRETBOX_SOCKET: daemon().adminSocket },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  await once(child.stdout, 'readable')
  child.stdout.destroy()
  expect(await once(child, 'close')).toEqual([0, null])
  expect(stderr).toBe('')
})

test('a full disk behind stdout is an error', async () => {
  const child = spawn(program, ['read', 'single'], {
    env: { SECRETBOX_SOCKET: daemon().adminSocket },
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe']
  })
  let stderr = ''
  child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()))
  expect(await once(child, 'close')).toEqual([1, null])
  expect(stderr).toBe('error: cannot write to standard output: no space is left there\n')
})
