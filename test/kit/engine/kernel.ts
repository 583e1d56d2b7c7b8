import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from './engine.ts'

/** A mount of a copy, as a mount table shows it. */
export interface CopyMount {
  /** The key of the copy. */
  readonly copy: string
  readonly device: string
  readonly target: string
}

/** The mounts of copies that a mountinfo file names (proc_pid_mountinfo(5)). */
export function copyMountsIn(table: string): CopyMount[] {
  return table.split('\n').flatMap(line => {
    const match = /^\d+ \d+ (\S+) \S+ (\S+) .*? - \S+ secretbox:([0-9a-f]+) /.exec(line)
    return match === null ? [] : [{ device: match[1] ?? '', target: match[2] ?? '', copy: match[3] ?? '' }]
  })
}

/** The copies that a process has mounted; none when it is gone. */
export async function copiesOf(pid: number): Promise<CopyMount[]> {
  return copyMountsIn(await mountTable(pid))
}

/**
 * The first process of the container that has a directory of the host bound somewhere; null when none runs. `first`: one
 * to look at before all others.
 */
export async function containerThatBinds(
  directory: string,
  first: number | null = null
): Promise<number | null> {
  const isIt = async (pid: number): Promise<boolean> => {
    // Read at once, as there are hundreds of processes and this is asked often.
    if (!/^NSpid:\t\d+\t1$/m.test(readNow(`/proc/${pid}/status`))) return false
    return (await mountTable(pid)).split('\n').some(line => line.split(' ')[3] === directory)
  }
  for (const pid of [...(first === null ? [] : [first]), ...processes()]) if (await isIt(pid)) return pid
  return null
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .map(Number)
}

function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Everything that is there of the copies of one Engine's plugin, by the kernel's word alone. */
export interface Traces {
  /** Mounts below the Engine's root, in the host's own mount namespace. */
  readonly onHost: readonly CopyMount[]
  /** Mounts in the namespaces of this Engine's containers, by the pid of one process in each. */
  readonly inContainers: ReadonlyMap<number, readonly CopyMount[]>
  /** Names in the directory of copies. */
  readonly directories: readonly string[]
}

/** Looks at the mount tables of all processes and at the directory below the plugin's propagated mount. */
export async function tracesOf(engine: Engine): Promise<Traces> {
  const inContainers = new Map<number, readonly CopyMount[]>()
  const seen = new Set([namespaceOf('self')])
  for (const pid of processes()) {
    const namespace = namespaceOf(pid)
    if (namespace === null || seen.has(namespace)) continue
    seen.add(namespace)
    const table = await mountTable(pid)
    // The plugin's own namespace shows what it mounted, at the place where it did.
    if (!isContainerOf(engine, table) || table.includes(' /mnt/secretbox ')) continue
    const mounts = copyMountsIn(table)
    if (mounts.length > 0) inContainers.set(pid, mounts)
  }
  return {
    onHost: copyMountsIn(await mountTable(process.pid)).filter(({ target }) =>
      target.startsWith(`${engine.root}/`)
    ),
    inContainers,
    directories: await copyDirectories(engine)
  }
}

/**
 * A container's mounts come from below the Engine's root. Any other process with a namespace of its own has the
 * host's mounts, and so the Engine's in their places.
 */
function isContainerOf({ root }: Engine, table: string): boolean {
  const targets = table.split('\n').map(line => line.split(' ')[4] ?? '')
  return table.includes(root) && !targets.some(target => target.startsWith(`${root}/`))
}

async function copyDirectories(engine: Engine): Promise<string[]> {
  const plugins = join(engine.dataRoot, 'plugins')
  const found: string[] = []
  for (const id of (await readdir(plugins)).filter(name => /^[0-9a-f]{64}$/.test(name))) {
    found.push(...(await readdir(join(plugins, id, 'propagated-mount')).catch(() => [])))
  }
  return found
}

/** The mount namespace of a process, by its inode; null when the process is gone. */
function namespaceOf(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`)
  } catch {
    return null
  }
}

async function mountTable(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '')
}
