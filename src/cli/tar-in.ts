import { extract, type Extract } from 'tar-stream'
import { drained } from './drained.ts'

/** One entry of a tar: its header, and its bytes to be read. */
export type TarEntry = Extract extends AsyncIterable<infer Entry> ? Entry : never

/**
 * The entries of a tar, in its order. Each must be read to its end, or told to `resume()`, before the next one
 * comes. Throws what the tar's source throws, and for a tar that is cut short.
 */
export async function* entriesOf(tar: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const entries = extract()
  feed(tar, entries).catch((error: unknown) => entries.destroy(error as Error))
  for await (const entry of entries) yield entry
}

async function feed(tar: AsyncIterable<Buffer>, entries: Extract): Promise<void> {
  for await (const chunk of tar) {
    if (!entries.write(chunk)) await drained(entries)
    if (entries.destroyed) return
  }
  entries.end(null)
}
