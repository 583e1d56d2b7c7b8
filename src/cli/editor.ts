import { spawn } from 'node:child_process'
import { SecretboxError } from '../errors.ts'

// Ctrl-C at the terminal reaches the editor by itself.
const forwarded = ['SIGTERM', 'SIGHUP'] as const

/**
 * Runs the user's editor ($VISUAL, $EDITOR, vi; a shell's command line) on a file, at our terminal. Throws
 * `invalid` when it fails. A signal to end ends the editor, too.
 */
export async function runEditor(env: NodeJS.ProcessEnv, file: string): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi'
  const child = spawn('/bin/sh', ['-c', `${execWord(editor)}${editor} "$1"`, editor, file], {
    stdio: 'inherit',
    env
  })
  const end = (signal: NodeJS.Signals) => child.kill(signal)
  for (const signal of forwarded) process.on(signal, end)
  try {
    const failure = await new Promise<string | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        resolve(code === 0 ? null : signal === null ? `status ${code ?? 0}` : signal)
      })
    })
    if (failure !== null) {
      throw new SecretboxError(
        'invalid',
        `the editor ${JSON.stringify(editor)} ended with ${failure}, so nothing was stored`,
        {
          hint: 'set EDITOR to the editor you want'
        }
      )
    }
  } finally {
    for (const signal of forwarded) process.off(signal, end)
  }
}

// So that a signal reaches the editor, not a shell that waits for it; only a simple command can take the shell's place.
function execWord(editor: string): string {
  return /[;&|\n]|^\s*\w+=/.test(editor) ? '' : 'exec '
}
