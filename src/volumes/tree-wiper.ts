import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
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
 * bytes, since a writable copy may hold any, and nothing is followed. Only stretches that hold data are
 * written: a sparse file could otherwise outgrow the file system. Throws the first error after trying all.
 */
export async function wipeTree(syscalls: Pick<Syscalls, 'nextData'>, root: string): Promise<void> {
  const failures: unknown[] = []
  let bytes = 0
  const attempt = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      failures.push(error)
    }
  }
  const wipeDirectory = async (fd: number): Promise<void> => {
    for (const entry of readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), entry.name])
      if (entry.isDirectory()) {
        const inside = openSync(path, openDirectory)
        try {
          await wipeDirectory(inside)
        } finally {
          closeSync(inside)
        }
        attempt(() => rmdirSync(path))
      } else {
        if (entry.isFile()) attempt(() => (bytes += overwriteFile(syscalls, path)))
        attempt(() => unlinkSync(path))
      }
      bytes += 4096
      if (bytes >= bytesPerTurn) {
        bytes = 0
        await setImmediate()
      }
    }
  }
  const fd = openSync(root, openDirectory)
  try {
    await wipeDirectory(fd)
  } finally {
    closeSync(fd)
  }
  if (failures.length > 0) throw failures[0]
}

/** Returns how many bytes were overwritten. */
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
