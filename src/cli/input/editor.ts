import { spawn } from 'node:child_process'
import { SecretboxError } from '../../base/errors.ts'
import { withDescriptors } from './descriptors.ts'
import { optionsFor, parseEditor } from './editor-options.ts'

// Ctrl-C at the terminal reaches the editor by itself.
const forwarded = ['SIGTERM', 'SIGHUP'] as const

/**
 * Runs the user's editor ($VISUAL, $EDITOR, vi; a shell's command line) on a file, at our terminal. One that we know
 * gets the options by which it leaves nothing of the file elsewhere. Throws `invalid` when it fails. A signal to end
 * ends the editor, too.
 */
export async function runEditor(
  { env, descriptors }: { readonly env: NodeJS.ProcessEnv; readonly descriptors: readonly number[] },
  file: string
): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi'
  const { script, args } = await commandFor(editor, file, env)
  const child = spawn('/bin/sh', ['-c', script, editor, ...args], {
    stdio: withDescriptors(['inherit', 'inherit', 'inherit'], descriptors),
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

/** A script for sh, of nothing but the user's own words, and its arguments: ours. */
async function commandFor(
  editor: string,
  file: string,
  env: NodeJS.ProcessEnv
): Promise<{ script: string; args: readonly string[] }> {
  const command = parseEditor(editor)
  // "exec", so that a signal reaches the editor, not a shell that waits for it; only a simple command can take its place.
  if (command === null) {
    const exec = /[;&|\n]|^\s*\w+=/.test(editor) ? '' : 'exec '
    return { script: `${exec}${editor} "$1"`, args: [file] }
  }
  // Options go before what may be operands.
  const options = await optionsFor(command, env)
  const { before, program, after } = command
  const variables = before.trim() === '' ? '' : `export ${before.trim()}; `
  const script = `secretbox_file=$1; shift; ${variables}exec ${program} "$@"${after} "$secretbox_file"`
  return { script, args: [file, ...options] }
}
