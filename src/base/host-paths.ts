import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { quote } from './errors.ts'

/*
 * A managed plugin has its own mount namespace, where the Engine shows it the host's directories under fixed names:
 * /etc/secretbox, whatever `key.source` says. Messages are read on the host, so they name paths as the host has them.
 */

/** One line of a mountinfo file (proc_pid_mountinfo(5)): the file system, which directory of it is mounted, and where. */
interface Mount {
  readonly device: string
  readonly root: string
  readonly target: string
}

let nameOnHost = (path: string): string => path

/** Has paths named as process 1 has them, from now on. To be called once, at the start; without it they stay as they are. */
export function nameHostPaths(): void {
  try {
    const [own, host] = ['self', '1'].map(pid => readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))
    nameOnHost = hostNames(own ?? '', host ?? '')
  } catch {
    // Where the host cannot be looked at, a path as this process has it is the best that there is.
  }
}

/** The path as the host has it. */
export function hostPath(path: string): string {
  return nameOnHost(path)
}

/** The path as the host has it, as messages show it. */
export function quotePath(path: string): string {
  return quote(hostPath(path))
}

/**
 * Translates absolute paths of a process whose mountinfo file is `own` to those of one whose is `host`; a path that the
 * other one does not see stays as it is.
 */
export function hostNames(own: string, host: string): (path: string) => string {
  const [ownMounts, hostMounts] = [own, host].map(mountsIn)
  return path => {
    const here = mountAt(ownMounts ?? [], path)
    if (here === null) return path
    const inFileSystem = posix.join(here.root, path.slice(here.target.length))
    const names = (hostMounts ?? [])
      .filter(mount => mount.device === here.device && isAtOrBelow(inFileSystem, mount.root))
      // Where the most of the file system is mounted is where people look for it.
      .sort((a, b) => a.root.length - b.root.length)
      .map(mount => ({ mount, name: posix.join(mount.target, inFileSystem.slice(mount.root.length)) }))
      .filter(({ mount, name }) => mountAt(hostMounts ?? [], name) === mount)
      .map(({ name }) => name)
    return names.includes(path) ? path : (names[0] ?? path)
  }
}

function mountsIn(text: string): Mount[] {
  return text.split('\n').flatMap(line => {
    const [, , device, root, target] = line.split(' ')
    if (device === undefined || root === undefined || target === undefined) return []
    return [{ device, root: unescaped(root), target: unescaped(target) }]
  })
}

/** The mount that a path lies on: the last one of those nearest to it, which covers those before it. */
function mountAt(mounts: readonly Mount[], path: string): Mount | null {
  return mounts.reduce<Mount | null>((best, mount) => {
    const isNearer = best === null || mount.target.length >= best.target.length
    return isNearer && isAtOrBelow(path, mount.target) ? mount : best
  }, null)
}

function isAtOrBelow(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`)
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
