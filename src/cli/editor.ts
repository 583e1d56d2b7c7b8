import { spawn } from 'node:child_process'
import { SecretboxError } from '../errors.ts'

const endingSignals = ['SIGTERM', 'SIGHUP'] as const

/**
 * Runs the user's editor ($VISUAL, $EDITOR, vi; a shell's command line) on a file, at our terminal. Throws
 * `invalid` when it fails. Signals end the editor, not us: what it leaves must still be wiped.
 */
export async function runEditor(env: NodeJS.ProcessEnv, file: string): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi'
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, editor, file], { stdio: 'inherit', env })
  const end = (signal: NodeJS.Signals) => child.kill(signal)
  // Ctrl-C at the terminal reaches the editor by itself, and most take it for a key.
  const stay = () => undefined
  process.on('SIGINT', stay)
  for (const signal of endingSignals) process.on(signal, end)
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
    process.off('SIGINT', stay)
    for (const signal of endingSignals) process.off(signal, end)
  }
}
