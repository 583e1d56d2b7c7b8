import { lstat, mkdtemp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../base/errors.ts'

/**
 * Makes a directory for this process below `parent`, mode 0700; `kind` begins its name. Such directories of processes
 * that were killed before they could put theirs away are handed to `remove` first.
 */
export async function makeProcessDirectory(
  parent: string,
  kind: string,
  remove: (path: string) => Promise<void>
): Promise<string> {
  const owner = new RegExp(`^${kind}-(\\d+)-`)
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = owner.exec(name)?.[1]
    if (pid === undefined || isRunning(Number(pid))) continue
    const path = join(parent, name)
    const found = await lstat(path).catch(() => null)
    // Anybody can write a name like that into /tmp. What another process takes away meanwhile is gone, too.
    if (found?.isDirectory() === true && found.uid === process.geteuid?.())
      await remove(path).catch(() => undefined)
  }
  return mkdtemp(join(parent, `${kind}-${process.pid}-`))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}
