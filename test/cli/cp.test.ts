import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { done, runProgram } from './run.ts'
import { atTerminal } from './terminal.ts'
import { useCli } from './use-cli.ts'

const { run, daemon, program } = useCli()

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'cp-'))
  await run(['create', 'box'])
  await mkdir(join(cwd, 'tree/sub'), { recursive: true })
  await writeFile(join(cwd, 'tree/sub/file'), 'contents')
  await writeFile(join(cwd, 'tree/two\nlines'), 'more')
  await chmod(join(cwd, 'tree/sub/file'), 0o4750)
  await chmod(join(cwd, 'tree/sub'), 0o500)
  await symlink('../up', join(cwd, 'tree/link'))
})
afterEach(async () => {
  await run(['destroy', 'box'])
  await rm(cwd, { recursive: true })
})

async function inBox(): Promise<string[]> {
  return (await run(['list', '-f', '{{json .Path}}', 'box'])).stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as string)
}

test.each([
  ['tree', 'box:', ['tree', 'tree/link', 'tree/sub', 'tree/sub/file', 'tree/two\nlines']],
  ['tree/', 'box:/', ['tree', 'tree/link', 'tree/sub', 'tree/sub/file', 'tree/two\nlines']],
  ['tree/.', 'box:', ['link', 'sub', 'sub/file', 'two\nlines']],
  ['tree/sub', 'box:new', ['new', 'new/file']],
  ['tree/sub', 'box:new/', ['new', 'new/sub', 'new/sub/file']],
  ['tree/sub/file', 'box:', ['file']],
  ['tree/sub/file', 'box:a/name', ['a', 'a/name']],
  ['tree/sub/file', 'box:a/', ['a', 'a/file']],
  ['tree/link', 'box:', ['link']]
])('cp %s %s puts it where docker cp would', async (from, to, expected) => {
  expect(await run(['cp', from, to], { cwd })).toMatchObject(done())
  expect(await inBox()).toEqual(expected)
})

test('cp into a directory of the box that exists goes below it, into a file replaces it', async () => {
  await run(['put', 'box', 'dir/file'], { input: 'old' })
  expect(await run(['cp', 'tree/sub/file', 'box:dir'], { cwd })).toMatchObject(done())
  expect(await run(['cp', 'tree/sub/file', 'box:dir/other'], { cwd })).toMatchObject(done())
  expect(await inBox()).toEqual(['dir', 'dir/file', 'dir/other'])
  expect(await run(['read', 'box:dir/file'])).toMatchObject(done('contents'))
  expect(await run(['cp', 'tree', 'box:dir/file'], { cwd })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      'error: cannot make directory "dir/file": a file has that name\n'
    ) as string
  })
})

async function copyOut(from: string, to: string): Promise<unknown> {
  return run(['cp', from, to], { cwd })
}

test('cp out keeps names, modes, symlinks and empty directories', async () => {
  await mkdir(join(cwd, 'tree/empty'))
  await run(['cp', 'tree', 'box:'], { cwd })
  expect(await copyOut('box:tree', 'out')).toMatchObject(done())
  const found = (await readdir(join(cwd, 'out'), { recursive: true })).sort()
  expect(found).toEqual(['empty', 'link', 'sub', 'sub/file', 'two\nlines'])
  expect(await readFile(join(cwd, 'out/sub/file'), 'utf8')).toBe('contents')
  expect((await lstat(join(cwd, 'out/sub/file'))).mode & 0o7777).toBe(0o4750)
  expect((await lstat(join(cwd, 'out/sub'))).mode & 0o7777).toBe(0o500)
  expect((await lstat(join(cwd, 'out'))).mode & 0o7777).toBe(0o755)
  expect(await readlink(join(cwd, 'out/link'))).toBe('../up')
})

test('cp out goes where docker cp would', async () => {
  await run(['cp', 'tree', 'box:'], { cwd })
  await mkdir(join(cwd, 'here'))
  expect(await copyOut('box:tree/sub', 'here')).toMatchObject(done())
  expect(await copyOut('box:tree/sub/.', 'here')).toMatchObject(done())
  expect(await copyOut('box:tree/sub/file', 'here/renamed')).toMatchObject(done())
  expect(await copyOut('box:tree/sub/file', 'here/sub/')).toMatchObject(done())
  expect((await readdir(join(cwd, 'here'), { recursive: true })).sort()).toEqual([
    'file',
    'renamed',
    'sub',
    'sub/file'
  ])
  expect(await copyOut('box:', 'here')).toMatchObject(done())
  expect(await readdir(join(cwd, 'here/box'))).toEqual(['tree'])
  expect((await lstat(join(cwd, 'here/box'))).mode & 0o7777).toBe(0o700)
  expect(await copyOut('box:tree/sub/file', 'missing/')).toMatchObject({
    code: 1,
    stderr: 'error: cannot write "missing/": no such directory\n'
  })
  expect(await copyOut('box:tree/sub/file', 'missing/name')).toMatchObject({
    code: 1,
    stderr: 'error: cannot write "missing/name": no such file or directory\n'
  })
  expect(await copyOut('box:tree', 'here/renamed')).toMatchObject({
    code: 1,
    stderr: 'error: cannot write "here/renamed": it is not a directory\n'
  })
  expect(await copyOut('box:nothing', 'here')).toMatchObject({
    code: 1,
    stderr: 'error: cannot copy "box:nothing": no such file in the box\n'
  })
  expect(await copyOut('none:nothing', 'here')).toMatchObject({
    code: 1,
    stderr: 'error: no such box "none"\nhint: create it with: docker vault create none\n'
  })
})

test('cp out never writes through a symlink, and goes on with the rest', async () => {
  await run(['cp', 'tree', 'box:'], { cwd })
  await mkdir(join(cwd, 'out'))
  await mkdir(join(cwd, 'elsewhere'))
  await writeFile(join(cwd, 'victim'), 'untouched')
  await symlink('../elsewhere', join(cwd, 'out/sub'))
  await symlink('../victim', join(cwd, 'out/two\nlines'))
  expect(await copyOut('box:tree/.', 'out')).toMatchObject({
    code: 1,
    stderr:
      'error: cannot write "out/sub": something of that name is there already\n' +
      'error: cannot write "out/sub/file": its directory could not be made\n'
  })
  expect(await readdir(join(cwd, 'elsewhere'))).toEqual([])
  expect(await readFile(join(cwd, 'victim'), 'utf8')).toBe('untouched')
  expect(await readFile(join(cwd, 'out/two\nlines'), 'utf8')).toBe('more')
})

test.each(['.', 'large'])('cp of box:%s to where it cannot be written says so and ends', async path => {
  await run(['put', 'box', 'large/file'], { input: Buffer.alloc(8 << 20) })
  const target = join(cwd, 'none/where')
  expect(await run(['cp', `box:${path}`, target])).toMatchObject({
    code: 1,
    stderr: `error: cannot write "${target}": no such file or directory\n`
  })
})

test('cp out of an older version', async () => {
  await run(['put', 'box', 'pw'], { input: 'old' })
  await run(['put', 'box', 'pw'], { input: 'new' })
  expect(await run(['cp', '--version', '2', 'box:pw', 'pw'], { cwd })).toMatchObject(done())
  expect(await readFile(join(cwd, 'pw'), 'utf8')).toBe('old')
  expect(await run(['cp', '--version', '2', 'pw', 'box:pw'], { cwd })).toMatchObject({
    code: 2,
    stderr: 'error: --version is of use only when copying out of a box\n'
  })
})

test('"-" is a tar archive on stdin and stdout', async () => {
  const made = await runProgram('tar', ['-c', '-C', cwd, 'tree'])
  expect(await run(['cp', '-', 'box:in/here'], { input: made.bytes })).toMatchObject(done())
  expect(await inBox()).toEqual([
    'in',
    'in/here',
    'in/here/tree',
    'in/here/tree/link',
    'in/here/tree/sub',
    'in/here/tree/sub/file',
    'in/here/tree/two\nlines'
  ])
  const tar = await run(['cp', 'box:in/here/.', '-'])
  const listed = await runProgram('tar', ['-tv', '--quoting-style=escape'], { input: tar.bytes })
  expect(listed.stdout).toMatch(/^-rwsr-x--- .* tree\/sub\/file$/m)
  expect(listed.stdout).toMatch(/^l.* tree\/link -> ..\/up$/m)
})

test.each([
  ['box:tree', ['tree/', 'tree/link', 'tree/sub/', 'tree/sub/file', 'tree/two\\nlines']],
  ['box:tree/sub', ['sub/', 'sub/file']],
  ['box:tree/sub/.', ['file']],
  ['box:tree/sub/file', ['file']],
  ['box:tree/.', ['link', 'sub/', 'sub/file', 'two\\nlines']],
  ['box:', ['tree/', 'tree/link', 'tree/sub/', 'tree/sub/file', 'tree/two\\nlines']]
])(
  'cp %s - has the names that docker cp gives them, and goes in again as it came out',
  async (from, names) => {
    await run(['cp', 'tree', 'box:'], { cwd })
    const tar = await run(['cp', from, '-'])
    expect(tar).toMatchObject({ code: 0, stderr: '' })
    const listed = await runProgram('tar', ['-t', '--quoting-style=escape'], { input: tar.bytes })
    expect(listed.stdout.trim().split('\n').sort()).toEqual(names)
    await run(['create', 'again'])
    expect(await run(['cp', '-', 'again:'], { input: tar.bytes })).toMatchObject(done())
    const format = '{{.Mode}} {{.Path}} {{.Target}}'
    const came = (await run(['list', '-f', format, '-r', 'sub|file|link', 'again'])).stdout
    expect(came).toMatch(/^4750 .*file $|^ .*link \.\.\/up$/m)
    if (names.includes('sub/')) expect(came).toMatch(/^0500 sub $/m)
    await run(['destroy', 'again'])
  }
)

test('cp - of what is not there is an error', async () => {
  expect(await run(['cp', 'box:none', '-'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'error: cannot copy "box:none": no such file in the box\n'
  })
})

test('a cp that is told to end leaves nothing half-written', async () => {
  await run(['put', 'box', 'large'], { input: Buffer.alloc(64 << 20) })
  const out = join(cwd, 'out')
  await mkdir(out)
  const watcher = watch(out)
  const changed = once(watcher, 'change')
  const child = spawn(process.execPath, [program(), 'cp', 'box:large', out], {
    env: { SECRETBOX_SOCKET: daemon().adminSocket },
    stdio: 'ignore'
  })
  const ended = once(child, 'exit')
  expect(await changed).toEqual(['rename', expect.stringMatching(/^\.secretbox-/)])
  watcher.close()
  // No byte comes any more: the copy is in the middle for as long as it takes.
  process.kill(daemon().pid, 'SIGSTOP')
  try {
    child.kill('SIGINT')
    expect(await ended).toEqual([null, 'SIGINT'])
  } finally {
    process.kill(daemon().pid, 'SIGCONT')
  }
  expect(await readdir(out)).toEqual([])
})

test('names in an archive do not lead out of the directory', async () => {
  const made = await runProgram('tar', [
    '-c',
    '-P',
    '-C',
    join(cwd, 'tree/sub'),
    '../two\nlines',
    '--transform=s,^,../../,'
  ])
  expect(await run(['cp', '-', 'box:deep/er'], { input: made.bytes })).toMatchObject(done())
  expect(await inBox()).toEqual(['deep', 'deep/er', 'deep/er/two\nlines'])
})

test('what is no archive, and an archive to a terminal, are errors', async () => {
  expect(await run(['cp', '-', 'box:'], { input: 'no archive' })).toMatchObject({
    code: 1,
    stderr: 'error: cannot read a tar archive from standard input: Unexpected end of data\n'
  })
  expect(await run(['inspect', '-f', '{{.Version}}', 'box'])).toMatchObject(done('1\n'))
  const terminal = atTerminal(`"${process.execPath}" "${program()}" cp box: -`, {
    SECRETBOX_SOCKET: daemon().adminSocket
  })
  expect(await terminal.ended).toEqual({
    code: 2,
    screen: 'error: a tar archive is not written to a terminal\n'
  })
})

test('exactly one side is a box', async () => {
  const hint = 'hint: a path of yours with a colon in it begins with "./" or "/"\n'
  for (const [from = '', to = ''] of [
    ['a', 'b'],
    ['box:a', 'box:b'],
    ['./box:a', '-']
  ]) {
    expect(await run(['cp', from, to])).toMatchObject({
      code: 2,
      stderr: `error: cannot copy "${from}" to "${to}": one side must be "box:path", the other a path\n${hint}`
    })
  }
  expect(await run(['cp', '/', 'box:'])).toMatchObject({
    code: 1,
    stderr:
      'error: cannot copy "/": it has no name to be copied under\nhint: end it with "/." to copy what is in it\n'
  })
})
