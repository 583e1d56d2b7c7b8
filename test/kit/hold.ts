import { ensureDirSync, removeSync } from 'fs-extra/esm'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A process that has a copy mounted as a container has. */
export interface Hold {
  /** A file's contents, as the process sees them now. */
  read(file: string): string
  /** Where it has the copy. */
  readonly path: string
  readonly pid: number
  end(): Promise<void>
}

/**
 * Binds a copy to another place in a mount namespace of its own, and holds it there until `end` or the end of the
 * test. `container`: the id of the container whose files the process has mounted beside it. With `jail`, a directory,
 * the process then makes that its root.
 */
export async function hold(copy: string, container = '0'.repeat(64), jail?: string): Promise<Hold> {
  const home = mkdtempSync(join(tmpdir(), 'secretbox-hold-'))
  const hostname = join(home, 'containers', container, 'hostname')
  ensureDirSync(join(home, 'containers', container))
  for (const file of [hostname, join(home, 'hostname')]) writeFileSync(file, '')
  mkdirSync(join(home, 'secrets'))
  // The shell reads what comes, so that it needs no program in its new root.
  const stay =
    jail === undefined
      ? 'echo held && exec cat'
      : 'exec chroot "$3" /bin/busybox sh -c "echo held; read line"'
  if (jail !== undefined) installBusybox(jail)
  // An Engine that copies out of a container has that one's files mounted meanwhile, which the new namespace has, too.
  const others = `grep -Eo '^\\S+ \\S+ \\S+ \\S*/containers/[0-9a-f]{64}/\\S+ \\S+' /proc/self/mountinfo | cut -d ' ' -f 5`
  const script = `for point in $(${others}); do umount --lazy "$point"; done
    mount --rbind "$1" secrets && mount --bind "$2" hostname && ${stay}`
  const holder = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', copy, hostname, jail ?? ''],
    {
      cwd: home,
      stdio: ['pipe', 'pipe', 'inherit']
    }
  )
  const ended = once(holder, 'exit')
  const end = async (): Promise<void> => {
    holder.kill('SIGKILL')
    await ended
    removeSync(home)
  }
  onTestFinished(end)
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(([code]) => Promise.reject(new Error(`${copy} cannot be held: status ${String(code)}`)))
  ])
  return {
    read: file => readFileSync(`/proc/${holder.pid}/root${home}/secrets/${file}`, 'utf8'),
    path: `${home}/secrets`,
    pid: holder.pid ?? 0,
    end
  }
}

function installBusybox(jail: string): void {
  ensureDirSync(join(jail, 'bin'))
  copyFileSync(execFileSync('sh', ['-c', 'command -v busybox']).toString().trim(), join(jail, 'bin/busybox'))
}
