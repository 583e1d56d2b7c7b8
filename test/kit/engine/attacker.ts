import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freshName } from './shared-engine.ts'

const nobody = 65534

/**
 * Has a user of the host, who has no right at all, make `count` mounts with this name in namespaces of its own. Resolves
 * when they are there, with what takes them away. `program`: the attacker, in directories that everybody may enter.
 */
export async function mountAsNobody(
  program: string,
  name: string,
  count: number
): Promise<() => Promise<void>> {
  const home = join('/var/tmp', freshName('nobody'))
  await mkdir(home, { mode: 0o755 })
  await chown(home, nobody, nobody)
  const as = ['--reuid', String(nobody), '--regid', String(nobody), '--clear-groups', '--no-new-privs']
  const child = spawn('setpriv', [...as, program, 'mounts', home, name, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    execFileSync('rmdir', [home])
  }
  try {
    await Promise.race([
      once(child.stdout, 'data'),
      ended.then(() => Promise.reject(new Error('there are no mounts')))
    ])
  } catch (error) {
    await end()
    throw error
  }
  return end
}
