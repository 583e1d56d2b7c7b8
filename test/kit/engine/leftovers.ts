import { remove } from 'fs-extra/esm'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { tryCommand } from './command.ts'

/** The mount points at or below `root`, innermost first. */
export async function mountsBelow(root: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  return table
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(point => point === root || point.startsWith(`${root}/`))
    .reverse()
}

async function pidsWhere(matches: (pid: string) => Promise<boolean>): Promise<number[]> {
  const pids: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    if (await matches(name).catch(() => false)) pids.push(Number(name))
  }
  return pids
}

async function childrenOf(pid: number): Promise<number[]> {
  const lists = await readdir(`/proc/${pid}/task`).then(
    tasks =>
      Promise.all(tasks.map(task => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => ''))),
    () => []
  )
  return lists.join(' ').split(' ').filter(Boolean).map(Number)
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}

/**
 * Ends what a killed Engine left running: the shims that serve the containerd socket below `root`, and the
 * containers and plugins under them. A shim is known by that socket's path on its command line.
 */
export async function killShims(root: string): Promise<void> {
  const shims = await pidsWhere(async pid => {
    const isShim = (await readlink(`/proc/${pid}/exe`)).includes('containerd-shim')
    return isShim && (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(`${root}/`)
  })
  for (const shim of shims) {
    for (const child of await childrenOf(shim)) killQuietly(child)
    killQuietly(shim)
  }
}

/** Unmounts everything below `root`, deletes it, and the plugin socket directories and runtime state that lie elsewhere. */
export async function removeTraces(root: string, namespaces: readonly string[]): Promise<void> {
  // On the host, whatever --exec-root says, a plugin's socket lies in /run/docker/plugins/<plugin id>. dockerd
  // leaves that directory, even of plugins that were removed; their ids are in its log.
  const log = await readFile(join(root, 'dockerd.log'), 'utf8').catch(() => '')
  for (const [, id = ''] of log.matchAll(/plugin=([0-9a-f]{64})/g)) {
    await remove(join('/run/docker/plugins', id))
  }
  for (const namespace of namespaces) {
    await remove(join('/run/docker/runtime-runc', namespace))
  }
  for (const point of await mountsBelow(root)) await tryCommand('umount', ['--lazy', point])
  await remove(root)
}
