import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** A program that runs at a terminal of its own, made by script(1). */
export interface Terminal {
  /** Types, once the screen shows `prompt`. */
  type(prompt: string, keys: string): Promise<void>
  /** Resolves with the exit status when the program ends; `screen` is then all that was shown. */
  readonly ended: Promise<{ code: number | null; screen: string }>
}

/** Starts a shell command line at a terminal. */
export function atTerminal(commandLine: string, env: NodeJS.ProcessEnv): Terminal {
  const child = spawn(
    'script',
    ['--quiet', '--return', '--echo', 'always', '--command', commandLine, '/dev/null'],
    {
      env: { PATH: process.env['PATH'], TERM: 'dumb', SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'pipe']
    }
  )
  let screen = ''
  child.stdout.on('data', (text: Buffer) => (screen += text.toString()))
  child.stderr.on('data', (text: Buffer) => (screen += text.toString()))
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    screen: screen.replaceAll('\r\n', '\n')
  }))
  return {
    ended,
    async type(prompt, keys) {
      while (!screen.includes(prompt))
        await Promise.race([once(child.stdout, 'data'), ended.then(gone(() => screen))])
      child.stdin.write(keys)
    }
  }
}

function gone(screen: () => string): () => never {
  return () => {
    throw new Error(`the program ended without asking:\n${screen()}`)
  }
}
