import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A process that has a copy mounted as a container has. */
export interface Hold {
  /** A file's contents, as the process sees them now. */
  read(file: string): string
  end(): Promise<void>
}

/**
 * Binds a copy to another place in a mount namespace of its own, and holds it there until `end` or the end of the
 * test. `container`: the id of the container whose files the process has mounted beside it.
 */
export async function hold(copy: string, container = '0'.repeat(64)): Promise<Hold> {
  const home = mkdtempSync(join(tmpdir(), 'secretbox-hold-'))
  const hostname = join(home, 'containers', container, 'hostname')
  mkdirSync(join(home, 'containers', container), { recursive: true })
  for (const file of [hostname, join(home, 'hostname')]) writeFileSync(file, '')
  mkdirSync(join(home, 'secrets'))
  const script = 'mount --bind "$1" secrets && mount --bind "$2" hostname && echo held && exec cat'
  const holder = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', copy, hostname],
    {
      cwd: home,
      stdio: ['pipe', 'pipe', 'inherit']
    }
  )
  const ended = once(holder, 'exit')
  const end = async (): Promise<void> => {
    holder.kill('SIGKILL')
    await ended
    rmSync(home, { recursive: true, force: true })
  }
  onTestFinished(end)
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(([code]) => Promise.reject(new Error(`${copy} cannot be held: status ${String(code)}`)))
  ])
  return {
    read: file => readFileSync(`/proc/${holder.pid}/root${home}/secrets/${file}`, 'utf8'),
    end
  }
}
