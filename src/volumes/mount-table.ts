import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { errnoOf } from '../errors.ts'
import type { MountId } from '../vault/names.ts'

/** One line of a mountinfo file (proc_pid_mountinfo(5)), as far as it matters here. */
export interface MountEntry {
  /** `major:minor` of the file system: the same wherever it is mounted. */
  readonly device: string
  /** The directory of the file system that is mounted. */
  readonly root: string
  /** Where it is mounted, as the process sees it. */
  readonly target: string
  readonly type: string
  readonly source: string
}

/** Reads the text of a mountinfo file. Lines that are not understood are left out. */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = []
  for (const line of text.split('\n')) {
    const dash = line.indexOf(' - ')
    if (dash === -1) continue
    const [, , device, root, target] = line.slice(0, dash).split(' ')
    const [type, source] = line.slice(dash + 3).split(' ')
    if (device === undefined || root === undefined || target === undefined) continue
    entries.push({
      device,
      root: unescapeOctal(root),
      target: unescapeOctal(target),
      type: type ?? '',
      source: unescapeOctal(source ?? '')
    })
  }
  return entries
}

const sourcePrefix = 'secretbox:'

/**
 * The source under which a copy is mounted. The kernel shows it in every mount table the copy is in, so that a
 * mount tells by itself which copy it is.
 */
export function mountSourceOf(id: MountId): string {
  return sourcePrefix + id
}

/** A device number as mountinfo writes it, from the `st_dev` of stat(2) (makedev(3), as glibc encodes it). */
export function deviceNumber(dev: number): string {
  const major = Math.floor(dev / 0x100) % 0x1000
  const minor = (dev % 0x100) + Math.floor(dev / 0x100000) * 0x100
  return `${major}:${minor}`
}

/** The mounts of one mount namespace and the process through which they were seen. */
export interface MountView {
  readonly pid: number
  readonly mounts: readonly MountEntry[]
}

/** How many processes are looked at before other work gets its turn. */
const processesPerTurn = 128

/**
 * The mount tables, of all processes that can be seen, that show a copy; each mount namespace once. A namespace is
 * known by its first mount: mount IDs are unique among all mounts that exist (proc_pid_mountinfo(5)), so one short
 * read per process tells whether its table was read already. Processes that end meanwhile are passed over. Files in
 * /proc are read synchronously: that is a few microseconds each, a tenth of a turn of the thread pool.
 */
export async function allMountViews(): Promise<MountView[]> {
  const views: MountView[] = []
  const seen = new Set<string>()
  const head = Buffer.alloc(512)
  let looked = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    for (const text of mountTablesOf(name, head, seen)) {
      // Most tables show none, and are not worth taking apart.
      if (text.includes(sourcePrefix)) views.push({ pid: Number(name), mounts: parseMountInfo(text) })
    }
    if (++looked % processesPerTurn === 0) await setImmediate()
  }
  return views
}

/**
 * The tables of a process that were not seen before. When its main thread has ended, the process has none of
 * its own any more, but its other threads have, and go on using what is mounted there.
 */
function mountTablesOf(pid: string, head: Buffer, seen: Set<string>): string[] {
  const own = readMountInfo(`/proc/${pid}/mountinfo`, head, seen)
  if (own !== 'gone') return own === 'seen' ? [] : [own.text]
  const tables = threadsOf(pid).map(thread =>
    readMountInfo(`/proc/${pid}/task/${thread}/mountinfo`, head, seen)
  )
  return tables.flatMap(table => (typeof table === 'string' ? [] : [table.text]))
}

function threadsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch (error) {
    if (goneCodes.has(errnoOf(error) ?? '')) return []
    throw error
  }
}

/** What reading about a process says when it ended after readdir; EINVAL is what the mountinfo of a dead thread says. */
const goneCodes: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EINVAL', 'EACCES'])

/** The text of a mountinfo file, unless its namespace was seen before or its thread is gone. `head` is used for reading. */
function readMountInfo(path: string, head: Buffer, seen: Set<string>): { text: string } | 'seen' | 'gone' {
  try {
    const file = openSync(path, 'r')
    try {
      const bytesRead = readSync(file, head, 0, head.length, 0)
      const first = head.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? ''
      if (first === '') return 'gone'
      if (seen.has(first)) return 'seen'
      const text = readFileSync(file, 'utf8')
      seen.add(first)
      return { text }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (goneCodes.has(errnoOf(error) ?? '')) return 'gone'
    throw error
  }
}

/** mountinfo writes space, tab, newline and backslash as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
