import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

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
