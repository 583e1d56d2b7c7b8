import { ensureDir, remove } from 'fs-extra/esm'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, symlinkSync, watch } from 'node:fs'
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
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { done, runProgram } from '../kit/run-program.ts'
import { atTerminal } from '../kit/terminal.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'cp-'))
  await run(['create', 'box'])
  await ensureDir(join(cwd, 'tree/sub'))
  await writeFile(join(cwd, 'tree/sub/file'), 'contents')
  await writeFile(join(cwd, 'tree/two\nlines'), 'more')
  await chmod(join(cwd, 'tree/sub/file'), 0o4750)
  await chmod(join(cwd, 'tree/sub'), 0o500)
  await symlink('two\nlines', join(cwd, 'tree/link'))
})
afterEach(async () => {
  await run(['destroy', 'box'])
  await remove(cwd)
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
  ['tree/sub/file', 'box:a/', ['a', 'a/file']]
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
  expect(await run(['cp', '--keep-set-id', 'box:tree', 'out'], { cwd })).toMatchObject(done())
  const found = (await readdir(join(cwd, 'out'), { recursive: true })).sort()
  expect(found).toEqual(['empty', 'link', 'sub', 'sub/file', 'two\nlines'])
  expect(await readFile(join(cwd, 'out/sub/file'), 'utf8')).toBe('contents')
  expect((await lstat(join(cwd, 'out/sub/file'))).mode & 0o7777).toBe(0o4750)
  expect((await lstat(join(cwd, 'out/sub'))).mode & 0o7777).toBe(0o500)
  expect((await lstat(join(cwd, 'out'))).mode & 0o7777).toBe(0o755)
  expect(await readlink(join(cwd, 'out/link'))).toBe('two\nlines')
})

test('cp out goes where docker cp would', async () => {
  await chmod(join(cwd, 'tree/sub/file'), 0o640)
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
    stderr: 'error: no such box "none"\nhint: docker vault list --boxes shows those that there are\n'
  })
})

test('cp out never writes through a symlink nor over one, and goes on with the rest', async () => {
  await chmod(join(cwd, 'tree/sub/file'), 0o640)
  await writeFile(join(cwd, 'tree/z'), 'z')
  await run(['cp', 'tree', 'box:'], { cwd })
  await mkdir(join(cwd, 'out'))
  await mkdir(join(cwd, 'elsewhere'))
  await writeFile(join(cwd, 'victim'), 'untouched')
  await symlink('../elsewhere', join(cwd, 'out/sub'))
  await symlink('../victim', join(cwd, 'out/two\nlines'))
  await symlink('../victim', join(cwd, 'out/link'))
  expect(await copyOut('box:tree/.', 'out')).toMatchObject({
    code: 1,
    stderr:
      'error: cannot write "out/sub": a symlink has that name\n' +
      'error: cannot write "out/sub/file": a part of its path is not a directory\n' +
      'error: cannot write "out/two\\nlines": a symlink has that name\n'
  })
  expect(await readdir(join(cwd, 'elsewhere'))).toEqual([])
  expect(await readFile(join(cwd, 'victim'), 'utf8')).toBe('untouched')
  expect(await readlink(join(cwd, 'out/two\nlines'))).toBe('../victim')
  // A symlink of the box is no plaintext: it replaces one.
  expect(await readlink(join(cwd, 'out/link'))).toBe('two\nlines')
  expect(await readFile(join(cwd, 'out/z'), 'utf8')).toBe('z')
})

test('cp out replaces files and nothing else, and follows what was typed', async () => {
  await run(['put', 'box', 'p'], { input: 'secret' })
  const made = await runProgram(
    'sh',
    [
      '-c',
      'mkdir d e; mknod d/null c 1 3; mkfifo d/fifo; ln -s /proc/self/fd/1 d/stdout; ln -s nowhere d/dangling; ' +
        'ln -s d/null to-null; echo old > d/old; ln -s d/old to-old; ln -s e to-e; ln -s to-old to-to-old'
    ],
    { cwd, env: { PATH: process.env['PATH'] } }
  )
  expect(made).toMatchObject(done())
  const hint = 'hint: to write into it: read, with standard output led there\n'
  for (const [to = '', reason = '', more = ''] of [
    ['d/null', 'it is a device', hint],
    ['to-null', 'it is a device', hint],
    ['d/fifo', 'it is a fifo', hint],
    ['d/stdout', 'it is an open descriptor, not a file', hint],
    ['/dev/stdout', 'it is an open descriptor, not a file', hint],
    ['d/dangling', `it is a symlink to "${cwd}/d/nowhere", which is not there`],
    ['d/old/', 'it is not a directory']
  ]) {
    expect(await copyOut('box:p', to)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `error: cannot write "${to}": ${reason}\n${more}`
    })
  }
  expect((await lstat(join(cwd, 'd/null'))).isCharacterDevice()).toBe(true)
  expect((await lstat(join(cwd, 'd/fifo'))).isFIFO()).toBe(true)
  expect(await readFile(join(cwd, 'd/old'), 'utf8')).toBe('old\n')

  expect(await copyOut('box:p', 'to-to-old')).toMatchObject(done())
  expect(await readFile(join(cwd, 'd/old'), 'utf8')).toBe('secret')
  expect((await lstat(join(cwd, 'd/old'))).mode & 0o7777).toBe(0o600)
  expect(await readlink(join(cwd, 'to-to-old'))).toBe('to-old')
  expect(await copyOut('box:p', 'to-e')).toMatchObject(done())
  expect(await readFile(join(cwd, 'e/p'), 'utf8')).toBe('secret')
  // Below a directory it is the same.
  expect(await copyOut('box:', 'e')).toMatchObject(done())
  expect(await runProgram('mkfifo', [join(cwd, 'e/pipe')])).toMatchObject({ code: 0 })
  await run(['put', 'box', 'pipe'], { input: 'secret' })
  expect(await copyOut('box:/.', 'e')).toMatchObject({
    code: 1,
    stderr: 'error: cannot write "e/pipe": a fifo has that name\n'
  })
})

test('cp out makes no program that runs as its owner, unless it is told to', async () => {
  await run(['cp', 'tree', 'box:'], { cwd })
  const warning =
    'warning: "out" was copied without its set-user-ID or set-group-ID bit\nhint: --keep-set-id keeps it\n'
  expect(await copyOut('box:tree/sub/file', 'out')).toMatchObject({ code: 0, stderr: warning })
  expect((await lstat(join(cwd, 'out'))).mode & 0o7777).toBe(0o750)
  expect(await run(['cp', '--keep-set-id', 'box:tree/sub/file', 'out'], { cwd })).toMatchObject(done())
  expect((await lstat(join(cwd, 'out'))).mode & 0o7777).toBe(0o4750)
  expect(await run(['cp', '--keep-set-id', 'tree', 'box:'], { cwd })).toMatchObject({
    code: 2,
    stderr: 'error: --keep-set-id is of use only when copying out of a box\n'
  })
})

test('cp out into a directory that becomes a symlink meanwhile writes nothing where that leads', async () => {
  const names = Array.from({ length: 300 }, (_, i) => `f${1000 + i}`)
  await ensureDir(join(cwd, 'many/a'))
  await ensureDir(join(cwd, 'many/b'))
  for (const name of names) for (const d of 'ab') await writeFile(join(cwd, 'many', d, name), 'x')
  await run(['cp', 'many/.', 'box:'], { cwd })
  const [out, elsewhere] = [join(cwd, 'out'), join(cwd, 'elsewhere')]
  await ensureDir(join(out, 'a'))
  await mkdir(join(out, 'b'))
  await mkdir(elsewhere)
  const watcher = watch(join(out, 'a'), () => {
    watcher.close()
    for (const name of ['a', 'b']) {
      renameSync(join(out, name), join(cwd, `gone-${name}`))
      symlinkSync(elsewhere, join(out, name))
    }
  })
  await run(['cp', 'box:/.', 'out'], { cwd })
  expect(await readdir(elsewhere)).toEqual([])
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
  expect(listed.stdout).toMatch(/^l.* tree\/link -> two\\nlines$/m)
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
    expect(came).toMatch(/^4750 .*file $|^ .*link two\\nlines$/m)
    if (names.includes('sub/')) expect(came).toMatch(/^0500 sub $/m)
    await run(['destroy', 'again'])
  }
)

test('what a symlink leads to is copied with -L, with -H if it was named itself; else there is a warning', async () => {
  await runProgram(
    'sh',
    [
      '-c',
      'mkdir -p le/live/d le/archive/d; echo key > le/archive/d/k2; ln -s ../../archive/d/k2 le/live/d/k'
    ],
    { cwd, env: { PATH: process.env['PATH'] } }
  )
  const warning = (path: string) =>
    `warning: "${path}" is a symlink to "../../archive/d/k2", which leads out of the box\n` +
    'hint: -L stores what symlinks lead to in their place\n'
  expect(await run(['cp', 'le/live/d/k', 'box:key'], { cwd })).toMatchObject({
    code: 0,
    stderr: warning('key')
  })
  expect(await run(['cp', '-H', 'le/live/d', 'box:'], { cwd })).toMatchObject({
    code: 0,
    stderr: warning('d/k')
  })
  expect(await run(['cp', 'le', 'box:'], { cwd })).toMatchObject(done())
  expect(await run(['read', 'box:le/live/d/k'])).toMatchObject(done('key\n'))
  expect(await run(['cp', '-H', 'le/live/d/k', 'box:key'], { cwd })).toMatchObject(done())
  expect(await run(['cp', '-L', 'le/live/d', 'box:'], { cwd })).toMatchObject(done())
  expect(await run(['read', 'box:key', 'box:d/k'])).toMatchObject(done('key\nkey\n'))
  expect(
    (await runProgram('tar', ['-t'], { input: (await run(['cp', 'box:le/live/d/k', '-'])).bytes })).stdout
  ).toBe('k\n')
  expect(await run(['cp', '-L', 'box:key', 'out'], { cwd })).toMatchObject({
    code: 2,
    stderr: 'error: -H and -L are of use only when copying files into a box\n'
  })
})

test('a directory that is copied, and an archive, put nothing where a symlink of the box leads', async () => {
  await run(['put', 'box', 'other/file'], { input: 'old' })
  await symlink('other', join(cwd, 'd'))
  expect(await run(['cp', 'd', 'box:'], { cwd })).toMatchObject(done())
  await rm(join(cwd, 'd'))
  await mkdir(join(cwd, 'd'))
  await writeFile(join(cwd, 'd/file'), 'new')
  const refused = {
    code: 1,
    stderr:
      'error: cannot make directory "d": a symlink has that name\nerror: cannot put "d/file": "d" is a symlink\n'
  }
  expect(await run(['cp', 'd', 'box:'], { cwd })).toMatchObject(refused)
  expect(await run(['add', '-r', 'box', 'd'], { cwd })).toMatchObject(refused)
  const archive = await runProgram('tar', ['-c', '-C', cwd, 'd/file'])
  expect(await run(['cp', '-', 'box:'], { input: archive.bytes })).toMatchObject({
    code: 1,
    stderr: 'error: cannot put "d/file": "d" is a symlink\n'
  })
  expect(await run(['read', 'box:other/file'])).toMatchObject(done('old'))
  // But whoever types it means where it leads.
  expect(await run(['cp', '-', 'box:d'], { input: archive.bytes })).toMatchObject(done())
  expect(await run(['cp', 'd/.', 'box:d'], { cwd })).toMatchObject(done())
  expect(await run(['add', 'box', 'd/file'], { cwd })).toMatchObject(done())
  expect(await inBox()).toEqual(['d', 'other', 'other/d', 'other/d/file', 'other/file'])
  expect(await run(['read', 'box:other/file'])).toMatchObject(done('new'))
})

test('an archive may be compressed by gzip or zstd; other ways are named, and nothing of a damaged one is kept', async () => {
  const tar = (await runProgram('tar', ['-c', '-C', cwd, 'tree/sub/file'])).bytes
  for (const [compressed, directory] of [
    [gzipSync(tar), 'gz'],
    [zstdCompressSync(tar), 'zst']
  ] as const) {
    expect(await run(['cp', '-', `box:${directory}`], { input: compressed })).toMatchObject(done())
    expect(await run(['read', `box:${directory}/tree/sub/file`])).toMatchObject(done('contents'))
    const cut = await run(['cp', '-', 'box:cut'], { input: compressed.subarray(0, -20) })
    expect(cut).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'error: cannot read a tar archive from standard input: its compression'
      ) as string
    })
  }
  const xz = await runProgram('xz', ['-c'], { input: tar })
  expect(await run(['cp', '-', 'box:cut'], { input: xz.bytes })).toMatchObject({
    code: 1,
    stderr:
      'error: cannot read a tar archive from standard input: it is compressed (xz)\nhint: pipe it through "xz -dc" first\n'
  })
  expect(await run(['cp', '-', 'box:cut'], { input: tar.subarray(0, 700) })).toMatchObject({
    code: 1,
    stderr:
      'error: bad tar archive: it ends in the middle\nhint: it was cut short on its way, or is not finished\n'
  })
  expect((await inBox()).filter(path => path.startsWith('cut'))).toEqual([])
})

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
  const child = spawn(program, ['cp', 'box:large', out], {
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
    stderr: 'error: bad tar archive: it does not begin with a header of tar\n'
  })
  expect(await run(['inspect', '-f', '{{.Version}}', 'box'])).toMatchObject(done('1\n'))
  const terminal = atTerminal(`"${program}" cp box: -`, {
    SECRETBOX_SOCKET: daemon().adminSocket
  })
  expect(await terminal.ended).toEqual({
    code: 2,
    screen: 'error: a tar archive is not written to a terminal\n'
  })
})

test('one side at least is a box', async () => {
  const hint =
    'hint: a box is written with its colon, as "web:"; a path of yours with a colon begins with "./" or "/"\n'
  for (const [from = '', to = ''] of [
    ['a', 'b'],
    ['./box:a', '-']
  ]) {
    expect(await run(['cp', from, to])).toMatchObject({
      code: 2,
      stderr: `error: cannot copy "${from}" to "${to}": neither is BOX:PATH\n${hint}`
    })
  }
  expect(await run(['cp', '/', 'box:'])).toMatchObject({
    code: 1,
    stderr:
      'error: cannot copy "/": it has no name to be copied under\nhint: end it with "/." to copy what is in it\n'
  })
})
