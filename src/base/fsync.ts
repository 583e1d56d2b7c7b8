import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes renames and new names in a directory survive a power cut (fsync(2) of the directory itself). */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes a new file with `mode` and flushes it; the name itself is durable after `publishFile`. Throws EEXIST when it is there. */
export async function writeNewFile(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Renames within one directory and flushes the directory: after this the new name is there for good. */
export async function publishFile(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncDirectory(dirname(to))
}
