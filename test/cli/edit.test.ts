import { remove } from 'fs-extra/esm'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, open, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { done, runProgram } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, runHere, daemon, program } = useCli()

let directory: string
/** Where files are edited: a directory of ours in memory. */
let memory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edit-'))
  memory = await mkdtemp('/dev/shm/edit-')
  await run(['create', 'box'])
})
afterAll(async () => {
  await remove(directory)
  await remove(memory)
})
beforeEach(async () => {
  await run(['put', '-m', '0640', 'box', 'dir/pw'], { input: 'old\n' })
})

/** An editor made of a shell script, whose first argument is the file to edit. */
async function editor(script: string): Promise<NodeJS.ProcessEnv> {
  const path = join(directory, 'an editor')
  await writeFile(path, `#!/bin/sh\nset -e\n${script}\n`)
  await chmod(path, 0o755)
  return { EDITOR: `"${path}"`, XDG_RUNTIME_DIR: memory }
}

async function leftOver(): Promise<string[]> {
  return readdir(memory)
}

test('what the editor saves is stored, with the mode kept', async () => {
  const env = await editor('echo new >> "$1"')
  expect(await runHere(['edit', 'box:dir/pw'], { env })).toMatchObject(done())
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done('old\nnew\n'))
  expect(await run(['list', '-f', '{{.Mode}}', '-r', 'pw', 'box'])).toMatchObject(done('0640\n'))
})

test('the file is private, in memory, named as in the box, and nothing of it is left', async () => {
  const seen = join(directory, 'seen')
  const env = await editor(
    `{ stat -c %a "$1"; stat -c %a "$(dirname "$1")"; stat -f -c %T "$1"; basename "$1"; } > "${seen}"\necho backup > "$1~"`
  )
  expect(await runHere(['edit', 'box:dir/pw'], { env })).toMatchObject({
    code: 0,
    stderr: 'nothing was changed\n'
  })
  expect(await readFile(seen, 'utf8')).toBe('600\n700\ntmpfs\npw\n')
  expect(await leftOver()).toEqual([])
})

test('the editor may be any command line of a shell', async () => {
  for (const [EDITOR, expected] of [
    ["sed -i 's/old/new one/'", 'new one\n'],
    ['TEXT=\'a b\' sh -c \'printf %s "$TEXT" > "$0"\'', 'a b'],
    ['true && printf x >', 'x']
  ]) {
    expect(await runHere(['edit', 'box:dir/pw'], { env: { EDITOR } })).toMatchObject(done())
    expect(await run(['read', 'box:dir/pw'])).toMatchObject(done(expected))
  }
})

test('VISUAL goes before EDITOR', async () => {
  const env = await editor('echo visual > "$1"')
  expect(
    await runHere(['edit', 'box:dir/pw'], { env: { VISUAL: env['EDITOR'], EDITOR: 'false' } })
  ).toMatchObject(done())
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done('visual\n'))
})

test('a file that does not exist begins empty; saved unchanged it is not made', async () => {
  expect(await runHere(['edit', 'box:none'], { env: { EDITOR: 'true' } })).toMatchObject({
    code: 0,
    stderr: 'nothing was changed\n'
  })
  const env = await editor('test ! -s "$1"\nprintf made > "$1"')
  expect(await runHere(['edit', 'box:made/here'], { env })).toMatchObject(done())
  expect(await run(['read', 'box:made/here'])).toMatchObject(done('made'))
  expect(await run(['read', 'box:none'])).toMatchObject({ code: 1 })
})

test('an emptied file is not stored, unless that is what is wanted', async () => {
  const env = await editor(': > "$1"')
  expect(await runHere(['edit', 'box:dir/pw'], { env })).toMatchObject({
    code: 1,
    stderr:
      'error: "box:dir/pw" was emptied, so nothing was stored\n' +
      'hint: store an empty file with --allow-empty, or take it out of the box with remove\n'
  })
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done('old\n'))
  expect(await runHere(['edit', '--allow-empty', 'box:dir/pw'], { env })).toMatchObject(done())
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done(''))
  expect(await leftOver()).toEqual([])
})

test('a newline that the editor adds is noted, or stripped when that is wished', async () => {
  await run(['put', 'box', 'bare'], { input: 'old' })
  const env = await editor('echo new > "$1"')
  expect(await runHere(['edit', '--strip-newline', 'box:bare'], { env })).toMatchObject(done())
  expect(await run(['read', 'box:bare'])).toMatchObject(done('new'))
  expect(await runHere(['edit', '-s', 'box:bare'], { env })).toMatchObject({
    code: 0,
    stderr: 'nothing was changed\n'
  })
  expect(await runHere(['edit', 'box:bare'], { env })).toMatchObject({
    code: 0,
    stderr: 'note: "box:bare" ends with a newline, which is a part of it; --strip-newline stores it without\n'
  })
  expect(await run(['read', 'box:bare'])).toMatchObject(done('new\n'))
  // It had one already.
  expect(await runHere(['edit', 'box:dir/pw'], { env })).toMatchObject(done())
})

test('an editor that fails, or leaves no file, changes nothing', async () => {
  const failing = await editor('echo new > "$1"\nexit 7')
  expect(await runHere(['edit', 'box:dir/pw'], { env: failing })).toMatchObject({
    code: 1,
    stderr:
      `error: the editor ${JSON.stringify(failing['EDITOR'])} ended with status 7, so nothing was stored\n` +
      'hint: set EDITOR to the editor you want\n'
  })
  const removing = await editor('rm "$1"')
  expect(await runHere(['edit', 'box:dir/pw'], { env: removing })).toMatchObject({
    code: 1,
    stderr: 'error: cannot read what the editor left: no such file or directory\n'
  })
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done('old\n'))
  expect(await leftOver()).toEqual([])
})

test('when the program is told to end, so is the editor, and nothing of the file is left', async () => {
  const begun = join(directory, 'begun')
  await runProgram('mkfifo', [begun])
  const env = await editor(`echo new > "$1"\necho > "${begun}"\nexec sleep 1000`)
  const child = spawn(program, ['edit', 'box:dir/pw'], {
    env: { PATH: process.env['PATH'], SECRETBOX_SOCKET: daemon().adminSocket, ...env },
    stdio: 'ignore'
  })
  await readFile(begun)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM'])
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done('old\n'))
  expect(await leftOver()).toEqual([])
})

test('what a program that was killed outright has left goes with the next one, and nothing else', async () => {
  const begun = join(directory, 'killed')
  await runProgram('mkfifo', [begun])
  const env = await editor(`echo > "${begun}"\nexec sleep 1000`)
  const child = spawn(program, ['edit', 'box:dir/pw'], {
    env: { PATH: process.env['PATH'], SECRETBOX_SOCKET: daemon().adminSocket, ...env },
    stdio: 'ignore',
    detached: true
  })
  await readFile(begun)
  const ended = once(child, 'exit')
  // The editor, too: it is of the same process group.
  process.kill(-(child.pid ?? 0), 'SIGKILL')
  await ended
  const [left = ''] = await leftOver()
  const secret = await open(join(memory, left, 'pw'))
  await mkdir(join(memory, `secretbox-${process.pid}-running`))
  await mkdir(join(memory, 'secretbox-other'))
  expect(await run(['edit', 'box:dir/pw'], { env: await editor('true') })).toMatchObject({ code: 0 })
  expect(await leftOver()).toEqual([`secretbox-${process.pid}-running`, 'secretbox-other'])
  // Who has it open sees that it was overwritten.
  expect((await secret.readFile()).toString()).toBe('\0\0\0\0')
  await secret.close()
  for (const name of await leftOver()) await remove(join(memory, name))
})

test('a file that was changed meanwhile stays as it is; a change elsewhere in the box does not matter', async () => {
  const vault = `SECRETBOX_SOCKET="${daemon().adminSocket}" "${program}"`
  const same = await editor(`printf other | ${vault} put box dir/pw\necho mine > "$1"`)
  expect(await runHere(['edit', 'box:dir/pw'], { env: same })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^error: "box:dir\/pw" was changed meanwhile, in version \d+ or before\nhint: nothing was stored; edit it again\n$/
    ) as string
  })
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done('other'))
  const elsewhere = await editor(`printf x | ${vault} put box elsewhere\necho mine > "$1"`)
  expect(await runHere(['edit', 'box:dir/pw'], { env: elsewhere })).toMatchObject({ code: 0 })
  expect(await run(['read', 'box:dir/pw'])).toMatchObject(done('mine\n'))
})

test('only a file can be edited, and only in memory', async () => {
  expect(await runHere(['edit', 'box'])).toMatchObject({
    code: 2,
    stderr: 'error: "box" names no file\nhint: write "box:PATH"\n'
  })
  expect(await runHere(['edit', 'box:dir'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot edit "dir": it is a directory\n'
  })
  await symlink('dir/pw', join(directory, 'link'))
  await run(['add', 'box', 'link'], { cwd: directory })
  expect(await runHere(['edit', 'box:link'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot edit "link": it is a symlink\nhint: edit the file that it leads to: "dir/pw"\n'
  })
  await run(['put', 'box', 'big'], { input: Buffer.alloc(16_000_001) })
  expect(await runHere(['edit', 'box:big'])).toMatchObject({
    code: 1,
    stderr: 'error: cannot edit "big": it is larger than 16MB\n'
  })
  expect(await runHere(['edit', 'none:pw'])).toMatchObject({
    code: 1,
    stderr: 'error: no such box "none"\nhint: create it with: docker vault create none\n'
  })
})
