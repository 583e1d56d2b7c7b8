import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** The forms in which a secret text might be written down: as it is, in hex, in base64. */
export function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret)
  return [secret, bytes.toString('hex'), bytes.toString('base64')].map(form => Buffer.from(form))
}

/** The files below `root` that hold one of the byte strings. */
export async function filesHolding(root: string, needles: readonly Buffer[]): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && (await fileHolds(path, needles))) found.push(path)
  }
  return found
}

async function fileHolds(path: string, needles: readonly Buffer[]): Promise<boolean> {
  const overlap = Math.max(...needles.map(needle => needle.length)) - 1
  let tail = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 4 << 20 }) as AsyncIterable<Buffer>) {
    const seen = Buffer.concat([tail, chunk])
    if (needles.some(needle => seen.includes(needle))) return true
    tail = seen.subarray(Math.max(0, seen.length - overlap))
  }
  return false
}
