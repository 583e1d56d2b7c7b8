import { execFile } from 'node:child_process'
import { accessSync, constants, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'

/** A shell's command line that runs one program: what stands before it (variables), the program as it is written, what follows. */
export interface EditorCommand {
  readonly before: string
  readonly program: string
  readonly after: string
}

/** Options that keep an editor from writing what it edits, or what was typed, anywhere else; `names` are those of the program's file. */
interface KnownEditor {
  readonly names: RegExp
  readonly options: readonly string[]
}

// One by one: a small vim does not know all of them, and leaves out what follows the first.
const vimSettings = ['nobackup nowritebackup', 'patchmode=', 'noswapfile', 'noundofile', 'viminfo=']
const emacsSettings = `(progn
  (setq make-backup-files nil auto-save-default nil auto-save-list-file-prefix nil undo-tree-auto-save-history nil)
  (dolist (mode '(savehist-mode desktop-save-mode recentf-mode save-place-mode auto-save-visited-mode))
    (when (and (boundp mode) (symbol-value mode)) (funcall mode -1))))`

const knownEditors: readonly KnownEditor[] = [
  {
    // -i: what was deleted, copied and searched for; -n: swap files (vim(1), nvim(1)). Settings come after the user's own.
    names: /^(nvim|[egr]*vim|vimx|r?g?view)([.-].*)?$/,
    options: ['-i', 'NONE', '-n', ...vimSettings.flatMap(each => ['-c', `silent! set ${each}`])]
  },
  {
    // Backups and histories come from settings alone, and no option overrules these (nano(1)). -L: no line end of nano's own.
    names: /^r?nano([.-].*)?$/,
    options: ['-I', '-L']
  },
  { names: /^emacs([.-]?\d.*|-(nox|gtk|lucid|pgtk|x|snapshot).*)?$/, options: ['--eval', emacsSettings] }
]

/** Takes the user's command line apart; null when it is more than one program with its arguments. */
export function parseEditor(line: string): EditorCommand | null {
  const match = /^(\s*(?:\w+=[\w./:,@%+-]*\s+)*)("[^"$`\\]+"|'[^']+'|[\w./+-]+)((?:\s[^;&|<>()`\n]*)?)$/.exec(
    line
  )
  if (match === null) return null
  const [, before = '', program = '', after = ''] = match
  return { before, program, after }
}

/** The options for the program of a command line: by the file that it really is, since `vi` and `editor` may be any of them. */
export async function optionsFor(
  { program }: EditorCommand,
  env: NodeJS.ProcessEnv
): Promise<readonly string[]> {
  const file = fileOf(program.replace(/^(["'])(.*)\1$/, '$2'), env)
  if (file === null) return []
  const name = basename(file)
  const isVim = name === 'vi' && (await versionOf(file)).includes('Vi IMproved')
  return knownEditors.find(({ names }) => names.test(isVim ? 'vim' : name))?.options ?? []
}

function fileOf(program: string, env: NodeJS.ProcessEnv): string | null {
  const places = program.includes('/') ? [''] : (env['PATH'] ?? '/usr/bin:/bin').split(':')
  for (const place of places) {
    try {
      const path = program.includes('/') ? program : join(place || '.', program)
      accessSync(path, constants.X_OK)
      return realpathSync(path)
    } catch {
      continue
    }
  }
  return null
}

/** What it says of itself; an editor that knows no `--version` says something else, or waits for keys that do not come. */
function versionOf(file: string): Promise<string> {
  return new Promise(resolve => {
    const child = execFile(file, ['--version'], { timeout: 5000, killSignal: 'SIGKILL' }, (_, stdout) =>
      resolve(stdout)
    )
    child.stdin?.end()
  })
}
