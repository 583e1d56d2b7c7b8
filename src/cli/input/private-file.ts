import { constants, lstatSync } from 'node:fs'
import { open, readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { newBytes } from '../../base/secret.ts'
import { SecretboxError } from '../../base/errors.ts'
import { endingSignals } from './ending-signals.ts'
import { makeProcessDirectory } from './process-directory.ts'
import { isTrustedDirectory } from './trusted-path.ts'

// statfs(2): the file systems that live in memory.
const memoryFileSystems = new Set([0x0102_1994 /* tmpfs */, 0x8584_58f6 /* ramfs */])

/**
 * Runs `use` with a new directory in memory, mode 0700; afterwards everything in it is overwritten and removed, or, when
 * this process is killed outright, before the next one begins. It lies where nobody but root and this user can take it
 * away. The caller sees to signals. Throws `unavailable` when no such place is to be had.
 */
export async function withPrivateDirectory<T>(
  env: NodeJS.ProcessEnv,
  use: (path: string) => Promise<T>
): Promise<T> {
  const directory = await makeProcessDirectory(await memoryDirectory(env), 'secretbox', wipe)
  try {
    return await use(directory)
  } finally {
    await wipe(directory)
  }
}

/**
 * As `withPrivateDirectory`, with a file named `name` in it that holds `bytes`, mode 0600. A signal that would end
 * this process does so after the wiping. `bytes` stay the caller's.
 */
export async function withPrivateFile<T>(
  name: string,
  bytes: Buffer,
  env: NodeJS.ProcessEnv,
  use: (path: string) => Promise<T>
): Promise<T> {
  const release = holdSignals()
  try {
    return await withPrivateDirectory(env, async directory => {
      const path = join(directory, name)
      const handle = await open(path, 'wx', 0o600)
      try {
        await handle.writeFile(bytes)
      } finally {
        await handle.close()
      }
      return use(path)
    })
  } finally {
    release()
  }
}

function holdSignals(): () => void {
  let held: NodeJS.Signals | null = null
  const hold = (signal: NodeJS.Signals) => {
    held = signal
  }
  for (const signal of endingSignals) process.on(signal, hold)
  return () => {
    for (const signal of endingSignals) process.off(signal, hold)
    if (held !== null) process.kill(process.pid, held)
  }
}

async function memoryDirectory(env: NodeJS.ProcessEnv): Promise<string> {
  const given = env['XDG_RUNTIME_DIR'] ?? ''
  for (const path of [...(isOwnAlone(given) ? [given] : []), '/dev/shm', '/run']) {
    const { type } = await statfs(path).catch(() => ({ type: 0 }))
    if (memoryFileSystems.has(type) && isTrustedDirectory(path)) return path
  }
  throw new SecretboxError(
    'unavailable',
    'cannot keep a secret in memory: neither XDG_RUNTIME_DIR nor "/dev/shm" nor "/run" is a place in memory of your own',
    { hint: 'set XDG_RUNTIME_DIR to a directory on a tmpfs that belongs to you and has mode 0700' }
  )
}

/** As the XDG Base Directory Specification wants it. It stays somebody else's after su(1) and `sudo --preserve-env`. */
function isOwnAlone(path: string): boolean {
  if (!path.startsWith('/') || !isTrustedDirectory(path)) return false
  const { uid, mode } = lstatSync(path)
  return uid === process.geteuid?.() && (mode & 0o7777) === 0o700
}

// Editors leave backups and swap files beside the file: all that is there goes the same way.
async function wipe(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isFile()) await overwrite(path)
    else if (entry.isDirectory()) await wipe(path)
  }
  await rm(directory, { recursive: true, force: true })
}

async function overwrite(path: string): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW)
  try {
    const zeros = newBytes(64 * 1024)
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
