import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { done, runProgram } from './run.ts'
import { useCli } from './use-cli.ts'

// Each runs the program many times; the limit is there for what hangs.
vi.setConfig({ testTimeout: 180_000 })

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

test('row 20: add keeps names, whatever is in them, and makes one version of them all', async () => {
  const names = ['plain', ' spaced name ', 'ünïcödé 鍵', '-dash', 'quo"te', 'back\\slash', '100%25', 'a:b']
  for (const name of names) await writeFile(join(cwd, name), `contents of ${name}`)
  expect(await run(['add', 'box', '--', ...names], { cwd })).toMatchObject(done())
  for (const name of names)
    expect(await run(['read', `box:${name}`])).toMatchObject(done(`contents of ${name}`))
  expect(await versionOf()).toBe('2')
})

test('row 20: a name may hold a new line', async () => {
  await writeFile(join(cwd, 'two\nlines'), 'x')
  expect(await run(['add', 'box', 'two\nlines'], { cwd })).toMatchObject(done())
  expect(await run(['read', 'box:two\nlines'])).toMatchObject(done('x'))
  expect(await run(['list', 'box'])).toMatchObject(done('box:two\\nlines\n'))
  const json = await run(['list', '--format', 'json', 'box'])
  expect(JSON.parse(json.stdout)).toMatchObject({ Box: 'box', Path: 'two\nlines' })
})

test('row 21: a missing box is an error before any file is looked at', async () => {
  expect(await run(['add', 'none', 'not there'], { cwd })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'error: no such box "none"\nhint: create it with: docker vault create none\n'
  })
})

test('row 22: a missing file is an error, and the others are added', async () => {
  await writeFile(join(cwd, 'a'), '')
  await writeFile(join(cwd, 'z'), '')
  expect(await run(['add', 'box', 'a', 'missing', 'z'], { cwd })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'error: cannot add "missing": no such file or directory\n'
  })
  expect(await entries()).toEqual(['a|file|0644', 'z|file|0644'])
  expect(await versionOf()).toBe('2')
})

test('row 22: no file, no version', async () => {
  expect(await run(['add', 'box', 'missing'], { cwd })).toMatchObject({ code: 1 })
  expect(await versionOf()).toBe('1')
})

test('row 23: a symlink is added as it is', async () => {
  await symlink('../some/where else', join(cwd, 'link'))
  await symlink('.', join(cwd, 'self'))
  expect(await run(['add', 'box', 'link', 'self'], { cwd })).toMatchObject({
    code: 0,
    stderr:
      'warning: "link" is a symlink to "../some/where else", which leads out of the box\n' +
      'hint: -L stores what symlinks lead to in their place\n'
  })
  expect(await entries()).toEqual(['link|symlink|../some/where else', 'self|symlink|.'])
})

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

test('row 24: a symlink in the box is followed with the box as root', async () => {
  await mkdir(join(cwd, 'in'))
  await symlink('../../../real', join(cwd, 'in/link'))
  expect((await run(['add', 'box', 'in/link'], { cwd })).stderr).toContain('which leads out of the box')
  await rm(join(cwd, 'in'), { recursive: true })
  await mkdir(join(cwd, 'in/link'), { recursive: true })
  await writeFile(join(cwd, 'in/link/file'), 'x')
  expect(await run(['add', 'box', 'in/link/file'], { cwd })).toMatchObject(done())
  expect(await entries()).toEqual([
    'in|directory|0755',
    'in/link|symlink|../../../real',
    'real|directory|0755',
    'real/file|file|0644'
  ])
})

test('rows 25 and 26: directories of the path are kept, and nothing lies outside the box', async () => {
  await mkdir(join(cwd, 'a/b'), { recursive: true })
  await mkdir(join(cwd, 'sub'))
  await writeFile(join(cwd, 'a/b/c'), 'x')
  for (const path of ['a/b/c', './a//b/./c', '../a/b/c', '../sub/../a/b/c']) {
    expect(
      await run(['add', 'box', path], { cwd: join(cwd, path.startsWith('..') ? 'sub' : '') })
    ).toMatchObject(done())
    expect(await entries()).toEqual(['a|directory|0755', 'a/b|directory|0755', 'a/b/c|file|0644'])
    await run(['rm', '-r', 'box', 'a'])
  }
  expect(await run(['add', 'box', join(cwd, 'a/b/c')])).toMatchObject(done())
  expect((await entries()).at(-1)).toBe(`${cwd.slice(1)}/a/b/c|file|0644`)
})

test('row 27: a directory without --recursive is an error, and the others are added', async () => {
  await mkdir(join(cwd, 'dir'))
  await writeFile(join(cwd, 'file'), '')
  expect(await run(['add', 'box', 'dir', 'file'], { cwd })).toMatchObject({
    code: 1,
    stderr:
      'error: cannot add "dir": it is a directory\nhint: -r (recursive) takes it with everything in it\n'
  })
  expect(await entries()).toEqual(['file|file|0644'])
})

test('row 28: --recursive adds all, with modes and empty directories', async () => {
  await mkdir(join(cwd, 'dir/empty'), { recursive: true })
  await mkdir(join(cwd, 'dir/deep/er'), { recursive: true })
  await writeFile(join(cwd, 'dir/deep/er/none'), '')
  await writeFile(join(cwd, 'dir/suid'), '')
  await chmod(join(cwd, 'dir/suid'), 0o6711)
  await chmod(join(cwd, 'dir/deep/er/none'), 0)
  await chmod(join(cwd, 'dir/deep'), 0o1750)
  await symlink('suid', join(cwd, 'dir/link'))
  expect(await run(['add', '-r', 'box', 'dir'], { cwd })).toMatchObject(done())
  expect(await entries()).toEqual([
    'dir|directory|0755',
    'dir/deep|directory|1750',
    'dir/deep/er|directory|0755',
    'dir/deep/er/none|file|0000',
    'dir/empty|directory|0755',
    'dir/link|symlink|suid',
    'dir/suid|file|6711'
  ])
  expect(await versionOf()).toBe('2')
})

test('row 28: "." adds what is in the directory', async () => {
  await writeFile(join(cwd, 'a'), '')
  expect(await run(['add', '--recursive', 'box', '.'], { cwd })).toMatchObject(done())
  expect(await entries()).toEqual(['a|file|0644'])
})

test('row 29: an existing directory is merged, and files of the same name are replaced', async () => {
  await run(['put', 'box', 'dir/old'], { input: 'old' })
  await run(['put', 'box', 'dir/both'], { input: 'old' })
  await mkdir(join(cwd, 'dir'))
  await writeFile(join(cwd, 'dir/both'), 'new')
  await writeFile(join(cwd, 'dir/new'), 'new')
  expect(await run(['add', '-r', 'box', 'dir'], { cwd })).toMatchObject(done())
  expect(await run(['read', 'box:dir/old', 'box:dir/both', 'box:dir/new'])).toMatchObject(done('oldnewnew'))
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
