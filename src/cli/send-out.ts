import type { Cli } from './cli.ts'
import { startProgress } from './progress.ts'

/**
 * Writes bytes to stdout, as fast as they are taken, and overwrites each chunk once it is written. At a terminal a
 * last line without an end gets one, lest the prompt be taken for a part of the secret.
 */
export async function sendOut(cli: Cli, label: string, bytes: AsyncIterable<Buffer>): Promise<void> {
  // At a terminal the bytes themselves show how far it is.
  const atTerminal = cli.stdout.isTTY === true
  const progress = atTerminal ? null : startProgress(cli.stderr, label)
  let lastByte = lineEnd
  try {
    for await (const chunk of progress === null ? bytes : progress.count(bytes)) {
      await new Promise<void>((resolve, reject) => {
        cli.stdout.write(chunk, error => (error ? reject(error) : resolve()))
      })
      lastByte = chunk.at(-1) ?? lastByte
      chunk.fill(0)
    }
    if (atTerminal && lastByte !== lineEnd) cli.stdout.write('\n')
  } finally {
    progress?.end()
  }
}

const lineEnd = 0x0a
