import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

/** A process that has a read lease on a file (fcntl(2), F_SETLEASE): to open it for writing is to wait for that. */
const holder = `
  const libc = require('koffi').load(null)
  const fd = require('node:fs').openSync(process.argv[1], 'r')
  const [setLease, readLease, sigio, ignore] = [1024, 0, 29, 1]
  libc.func('intptr_t signal(int, intptr_t)')(sigio, ignore)
  if (libc.func('int fcntl(int, int, int)')(fd, setLease, readLease) !== 0) throw new Error('no lease')
  process.stdout.write('held')
  setInterval(() => {}, 1 << 30)
`

/** Takes a read lease on a file, by a process of its own, until `end` or the end of the test. */
export async function leaseOn(path: string): Promise<{ end(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', holder, path], {
    cwd: new URL('../..', import.meta.url).pathname,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(end)
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('no lease')))])
  return { end }
}
