import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { done, runProgram } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli({ MAX_BOX_BYTES: String(4 << 20), MAX_BOX_ENTRIES: '50' })

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'add-'))
  await run(['create', 'box'])
})
afterEach(async () => {
  await run(['destroy', 'box'])
  await rm(cwd, { recursive: true })
})

async function entries(): Promise<string[]> {
  const format = '{{.Path}}|{{.Type}}|{{.Mode}}{{.Target}}'
  return (await run(['list', '--format', format, 'box'])).stdout.split('\n').slice(0, -1)
}

async function versionOf(): Promise<string> {
  return (await run(['inspect', '--format', '{{.Version}}', 'box'])).stdout.trim()
}

test('row 23: a symlink to what is not in the box is told; -H and -L add what it leads to', async () => {
  await writeFile(join(cwd, 'file'), 'secret')
  await symlink('file', join(cwd, 'link'))
  expect(await run(['add', 'box', 'link'], { cwd })).toMatchObject({
    code: 0,
    stderr:
      'warning: "link" is a symlink to "file", which leads nowhere in the box\n' +
      'hint: -L stores what symlinks lead to in their place\n'
  })
  expect(await run(['add', 'box', 'link', 'file'], { cwd })).toMatchObject(done())
  for (const option of ['-H', '-L', '--dereference']) {
    await run(['rm', 'box', 'link'])
    expect(await run(['add', option, 'box', 'link'], { cwd })).toMatchObject(done())
    expect(await run(['read', 'box:link'])).toMatchObject(done('secret'))
    expect(await entries()).toContain('link|file|0644')
  }
})

test('standard input and what a shell makes of <(…) are read, not stored as symlinks', async () => {
  expect(await run(['add', 'box', '/dev/stdin'], { cwd, input: 'from stdin' })).toMatchObject(done())
  expect(await run(['cp', '/dev/stdin', 'box:named'], { cwd, input: 'named' })).toMatchObject(done())
  const shell = async (command: string) =>
    runProgram('bash', ['--norc', '-c', command], {
      cwd,
      env: { PATH: process.env['PATH'], SECRETBOX_SOCKET: daemon().adminSocket }
    })
  const vault = `"${process.execPath}" "${program}"`
  expect(await shell(`${vault} cp <(echo secret) box:password`)).toMatchObject(done())
  expect(await shell(`${vault} add box <(echo secret)`)).toMatchObject(done())
  expect(await run(['read', 'box:dev/stdin', 'box:named', 'box:password'])).toMatchObject(
    done('from stdinnamedsecret\n')
  )
  expect((await entries()).filter(line => line.includes('symlink'))).toEqual([])
  expect(await shell(`${vault} add box /dev/fd/250`)).toMatchObject({
    code: 1,
    stderr: 'error: cannot add "/dev/fd/250": no such file or directory\n'
  })
})

test('what the box cannot take is an error, and the others are added', async () => {
  await run(['put', 'box', 'file'], { input: 'old' })
  await mkdir(join(cwd, 'file'))
  await writeFile(join(cwd, 'file/below'), '')
  await writeFile(join(cwd, 'good'), '')
  expect(await run(['add', 'box', 'file/below', 'good'], { cwd })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'error: cannot put "file/below": "file" is not a directory\n'
  })
  expect(await entries()).toEqual(['file|file|0600', 'good|file|0644'])
})

test('what is no file at all is an error, and the others are added', async () => {
  await mkdir(join(cwd, 'dir'))
  await writeFile(join(cwd, 'dir/good'), '')
  await writeFile(Buffer.concat([Buffer.from(join(cwd, 'dir/bad-')), Buffer.from([0xe4])]), '')
  expect(await runProgram('mkfifo', [join(cwd, 'dir/fifo')])).toMatchObject({ code: 0 })
  expect(await run(['add', '-r', 'box', '/dev/null', 'dir'], { cwd })).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'error: cannot add "/dev/null": it is a device\nhint: files, directories and symlinks can be added\n' +
      'error: cannot add "dir/bad-\u00e4": its name is not valid UTF-8\n' +
      'error: cannot add "dir/fifo": it is a fifo\nhint: files, directories and symlinks can be added\n'
  })
  expect(await entries()).toEqual(['dir|directory|0755', 'dir/good|file|0644'])
})

test('a component that is too long is an error, and the others are added', async () => {
  await writeFile(join(cwd, 'good'), '')
  const long = 'x'.repeat(256)
  expect(await run(['add', 'box', long, 'good'], { cwd })).toMatchObject({
    code: 1,
    stderr: `error: bad path "${long}": a component is longer than 255 bytes\n`
  })
  expect(await entries()).toEqual(['good|file|0644'])
})

test('more than a box may hold is refused as a whole, with the limit named', async () => {
  await writeFile(join(cwd, 'big'), Buffer.alloc(64 << 20))
  const { code, stderr } = await run(['add', 'box', 'big'], { cwd })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: .*4194304/)
  expect(await versionOf()).toBe('1')
})

test('a large file that somebody writes to is an error, and the others are added as one version', async () => {
  await writeFile(join(cwd, 'a'), 'good')
  await writeFile(join(cwd, 'busy'), Buffer.alloc(2 << 20))
  await writeFile(join(cwd, 'z'), 'good')
  const writer = spawn('sh', ['-c', 'while echo x >> busy; do :; done'], { cwd })
  try {
    expect(await run(['add', 'box', 'a', 'busy', 'z'], { cwd })).toMatchObject({
      code: 1,
      stderr:
        'error: cannot add "busy": it changed while it was being read\nhint: add it again when nothing writes to it\n'
    })
  } finally {
    writer.kill()
  }
  expect(await entries()).toEqual(['a|file|0644', 'z|file|0644'])
  expect(await versionOf()).toBe('2')
})

test('a large file comes through whole', async () => {
  const bytes = Buffer.alloc(3 << 20, 'just a bit of text and ')
  await writeFile(join(cwd, 'big'), bytes)
  expect(await run(['add', 'box', 'big'], { cwd })).toMatchObject(done())
  expect((await run(['read', 'box:big'])).bytes.equals(bytes)).toBe(true)
})
