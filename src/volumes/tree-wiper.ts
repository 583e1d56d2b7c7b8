import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync
} from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Syscalls } from '../syscalls.ts'

const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const openFile = constants.O_WRONLY | constants.O_NOFOLLOW
const zeros = Buffer.alloc(64 << 10)
/** How many bytes are overwritten, or entries removed (as 4 KiB each), before other work gets its turn. */
const bytesPerTurn = 4 << 20

/**
 * Overwrites every regular file below `root` in place with zeros, then unlinks everything. Names are taken as
 * bytes, since a writable copy may hold any, and nothing is followed. A directory inside another is first moved
 * up to the root, so that no depth needs more than two descriptors. Throws the first error after trying all.
 */
export async function wipeTree(syscalls: Pick<Syscalls, 'nextData'>, root: string): Promise<void> {
  const failures: unknown[] = []
  let bytes = 0
  const attempt = (work: () => void): boolean => {
    try {
      work()
      return true
    } catch (error) {
      failures.push(error)
      return false
    }
  }
  const turn = async (done: number): Promise<void> => {
    bytes += done
    if (bytes < bytesPerTurn) return
    bytes = 0
    await setImmediate()
  }
  /** Wipes what lies directly in a directory; returns the paths of the directories in it. */
  const wipeEntries = async (directory: string): Promise<Buffer[]> => {
    const inside: Buffer[] = []
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([Buffer.from(`${directory}/`), entry.name])
      let written = 4096
      if (entry.isDirectory()) inside.push(path)
      else {
        if (entry.isFile()) attempt(() => (written += overwriteFile(syscalls, path)))
        attempt(() => unlinkSync(path))
      }
      await turn(written)
    }
    return inside
  }

  const top = openSync(root, openDirectory)
  try {
    const rootPath = `/proc/self/fd/${top}`
    const pending = await wipeEntries(rootPath)
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const directory = path
      let fd: number | null = null
      try {
        fd = openSync(directory, openDirectory)
        for (const inside of await wipeEntries(`/proc/self/fd/${fd}`)) {
          const moved = Buffer.from(`${rootPath}/${randomBytes(16).toString('hex')}`)
          if (attempt(() => renameSync(inside, moved))) pending.push(moved)
        }
      } catch (error) {
        failures.push(error)
      } finally {
        if (fd !== null) closeSync(fd)
      }
      attempt(() => rmdirSync(directory))
      await turn(4096)
    }
  } finally {
    closeSync(top)
  }
  if (failures.length > 0) throw failures[0]
}

/** Only stretches that hold data are written: a sparse file could otherwise outgrow the file system. Returns how many bytes. */
function overwriteFile(syscalls: Pick<Syscalls, 'nextData'>, path: Buffer): number {
  const fd = openSync(path, openFile)
  try {
    const { size } = fstatSync(fd)
    let written = 0
    for (let at = 0; at < size;) {
      const data = syscalls.nextData(fd, at)
      if (data === null) break
      for (at = data.start; at < data.end;) {
        const count = writeSync(fd, zeros, 0, Math.min(zeros.length, data.end - at), at)
        at += count
        written += count
      }
    }
    return written
  } finally {
    closeSync(fd)
  }
}
