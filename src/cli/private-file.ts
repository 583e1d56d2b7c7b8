import { constants } from 'node:fs'
import { mkdtemp, open, readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { SecretboxError } from '../errors.ts'

// statfs(2): the file systems that live in memory.
const memoryFileSystems = new Set([0x0102_1994 /* tmpfs */, 0x8584_58f6 /* ramfs */])

/**
 * Runs `use` with a file named `name` that holds `bytes`, mode 0600, in a directory of its own, mode 0700, in
 * memory; afterwards, whatever happens, everything in that directory is overwritten and removed. Throws
 * `unavailable` when there is no file system in memory to be had. `bytes` stay the caller's.
 */
export async function withPrivateFile<T>(
  name: string,
  bytes: Buffer,
  env: NodeJS.ProcessEnv,
  use: (path: string) => Promise<T>
): Promise<T> {
  const directory = await mkdtemp(join(await memoryDirectory(env), 'secretbox-'))
  const path = join(directory, name)
  try {
    const handle = await open(path, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
    } finally {
      await handle.close()
    }
    return await use(path)
  } finally {
    await wipe(directory)
  }
}

async function memoryDirectory(env: NodeJS.ProcessEnv): Promise<string> {
  const candidates = [env['XDG_RUNTIME_DIR'], '/dev/shm', '/run'].filter(
    path => path !== undefined && path !== ''
  )
  for (const path of candidates as string[]) {
    const { type } = await statfs(path).catch(() => ({ type: 0 }))
    if (memoryFileSystems.has(type)) return path
  }
  throw new SecretboxError(
    'unavailable',
    `cannot edit: none of "${candidates.join('", "')}" is a file system in memory`,
    {
      hint: 'set XDG_RUNTIME_DIR to a directory on a tmpfs'
    }
  )
}

// Editors leave backups and swap files beside the file: all that is there goes the same way.
async function wipe(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) await overwrite(join(entry.parentPath, entry.name))
  }
  await rm(directory, { recursive: true, force: true })
}

async function overwrite(path: string): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW)
  try {
    const zeros = Buffer.alloc(64 * 1024)
    let left = (await handle.stat()).size
    for (let at = 0; left > 0;) {
      const { bytesWritten } = await handle.write(zeros, 0, Math.min(zeros.length, left), at)
      at += bytesWritten
      left -= bytesWritten
    }
  } finally {
    await handle.close()
  }
}
