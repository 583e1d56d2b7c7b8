import { ensureDir } from 'fs-extra/esm'
import { spawnSync } from 'node:child_process'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { optionsFor, parseEditor } from '../../src/cli/input/editor-options.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done, runProgram } from '../kit/run-program.ts'
import { atTerminal } from '../kit/terminal.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()

beforeAll(async () => {
  await run(['create', 'box'])
})

const isThere = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0

/** Settings by which a vim keeps all that it can. */
const vimrc = `set nocompatible viminfo='100,<1000,:100,h undofile undodir=$HOME/undo backup backupdir=$HOME/backup
set swapfile directory=$HOME/swap updatecount=1 patchmode=.orig\n`
const emacsSettings = `(setq backup-directory-alist '(("." . "~/backup")) version-control t auto-save-interval 1
  auto-save-file-name-transforms '((".*" "~/backup/" t)) savehist-additional-variables '(kill-ring))
(savehist-mode 1)`

/** A home in which vim and emacs keep backups, histories and the like outside of the file's directory. nano takes root's own, whatever HOME says. */
async function hoardingHome(): Promise<string> {
  const home = temporaryDirectory()
  for (const name of ['undo', 'backup', 'swap']) await ensureDir(join(home, name))
  await ensureDir(join(home, '.config/nvim'))
  await writeFile(join(home, '.vimrc'), vimrc)
  await writeFile(join(home, '.config/nvim/init.vim'), vimrc)
  await writeFile(join(home, '.emacs'), emacsSettings)
  return home
}

const vimKeys = ':1d\r:0r !printf NEW-CANARY\r:w\r:wq\r'
const nanoKeys = '\u000b\u0017OLD\r\u000bNEW-CANARY\u000f\r\u0018'
const emacsKeys = '\u000bNEW-CANARY\u0018\u0013\u0018\u0003'

test.each([
  ['vim', 'vim', vimKeys],
  ['vi', 'vi', vimKeys],
  ['env= vim -X', 'vim', vimKeys],
  ['nvim', 'nvim', vimKeys],
  ['nano', 'nano', nanoKeys],
  ['emacs -nw', 'emacs', emacsKeys]
])('%s leaves nothing of what is edited anywhere', async (EDITOR, command, keys) => {
  if (!isThere(command)) {
    console.log(`skipped: there is no ${command}`)
    return
  }
  const home = await hoardingHome()
  await run(['put', 'box', 'pw'], { input: 'OLD-CANARY\n' })
  const env = { EDITOR, HOME: home, TERM: 'xterm', SECRETBOX_SOCKET: daemon().adminSocket }
  const terminal = atTerminal(`stty cols 80 rows 24; "${program}" edit box:pw`, env)
  await terminal.type('OLD-CANARY', keys)
  expect(await terminal.ended).toMatchObject({ code: 0 })
  expect((await run(['read', 'box:pw'])).stdout).toMatch(/^NEW-CANARY\n*$/)
  expect(await runProgram('grep', ['-rl', 'CANARY', home])).toMatchObject({ code: 1, stdout: '' })
})

test('without our options those editors would keep it', async () => {
  const file = join(temporaryDirectory(), 'pw')
  for (const [line, keys] of [
    ['vim', vimKeys],
    ['emacs -nw', emacsKeys]
  ] as const) {
    if (!isThere(line.split(' ')[0] ?? '')) continue
    const home = await hoardingHome()
    await writeFile(file, 'OLD-CANARY\n')
    const terminal = atTerminal(`stty cols 80 rows 24; ${line} ${file}`, { HOME: home, TERM: 'xterm' })
    await terminal.type('OLD-CANARY', keys)
    await terminal.ended
    expect((await runProgram('grep', ['-rl', 'CANARY', home])).stdout, line).not.toBe('')
  }
})

test('nano adds no line end of its own', async () => {
  const home = await hoardingHome()
  await run(['put', 'box', 'bare'], { input: '1234567' })
  const env = { EDITOR: 'nano', HOME: home, TERM: 'xterm', SECRETBOX_SOCKET: daemon().adminSocket }
  const terminal = atTerminal(`stty cols 80 rows 24; "${program}" edit box:bare`, env)
  await terminal.type('1234567', 'x\u000f\r\u0018')
  expect(await terminal.ended).toMatchObject({ code: 0 })
  expect(await run(['read', 'box:bare'])).toMatchObject(done('x1234567'))
})

test("an editor's options follow from what its name leads to, wherever the name lies", async () => {
  const bin = temporaryDirectory()
  const editor = join(bin, 'vim.nox')
  await writeFile(editor, '#!/bin/sh\necho "An Editor"', { mode: 0o755 })
  await symlink('vim.nox', join(bin, 'editor'))
  await writeFile(join(bin, 'vi'), '#!/bin/sh\necho "VIM - Vi IMproved 9.0"', { mode: 0o755 })
  await writeFile(join(bin, 'ex'), '#!/bin/sh\necho "ex of old"', { mode: 0o755 })
  const of = async (line: string) => {
    const command = parseEditor(line)
    return command === null ? null : (await optionsFor(command, { PATH: bin })).slice(0, 3)
  }
  const vim = ['-i', 'NONE', '-n']
  for (const line of ['editor', `"${editor}" -f`, ` A=1 ${editor} '+set nu'`, 'vi'])
    expect(await of(line)).toEqual(vim)
  for (const line of ['ex', 'nowhere', bin]) expect(await of(line)).toEqual([])
  for (const line of ['true && vi', 'vi; true', 'vi > x', '$EDITOR', 'vi `x`', 'vi $(x)'])
    expect(await of(line)).toBeNull()
})
