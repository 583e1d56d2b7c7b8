import type { Cli } from './cli.ts'
import { startProgress } from './progress.ts'

/** Writes bytes to stdout, as fast as they are taken, and overwrites each chunk once it is written. */
export async function sendOut(cli: Cli, label: string, bytes: AsyncIterable<Buffer>): Promise<void> {
  // At a terminal the bytes themselves show how far it is.
  const progress = cli.stdout.isTTY === true ? null : startProgress(cli.stderr, label)
  try {
    for await (const chunk of progress === null ? bytes : progress.count(bytes)) {
      await new Promise<void>((resolve, reject) => {
        cli.stdout.write(chunk, error => (error ? reject(error) : resolve()))
      })
      chunk.fill(0)
    }
  } finally {
    progress?.end()
  }
}
