import { createInterface } from 'node:readline'
import type { Cli } from '../declare/cli.ts'

/** Asks a question that is answered by a line of standard input, whoever writes it. True for `y` and `yes`. */
export async function confirm(
  { stdin, stderr }: Pick<Cli, 'stdin' | 'stderr'>,
  question: string
): Promise<boolean> {
  stderr.write(question)
  const lines = createInterface({ input: stdin })
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim())
    return false
  } finally {
    lines.close()
    stdin.pause()
  }
}
