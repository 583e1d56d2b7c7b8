import { SecretboxError } from '../../base/errors.ts'
import type { Speaker } from './streams.ts'
import { startProgress } from './progress.ts'
import { followText } from './showable.ts'

/**
 * Writes bytes to stdout, as fast as they are taken, and overwrites each chunk once it is written. At a terminal a
 * last line without an end gets one, lest the prompt be taken for a part of the secret. What is no text is not shown
 * there: throws `invalid` before the first piece that is none.
 */
export async function sendOut(
  { stdout, stderr }: Pick<Speaker, 'stdout' | 'stderr'>,
  label: string,
  bytes: AsyncIterable<Buffer>,
  totalBytes: number | null = null
): Promise<void> {
  // At a terminal the bytes themselves show how far it is.
  const atTerminal = stdout.isTTY === true
  const progress = atTerminal ? null : startProgress(stderr, label, totalBytes)
  const text = followText()
  let lastByte = lineEnd
  try {
    for await (const chunk of progress === null ? bytes : progress.count(bytes)) {
      if (atTerminal && !text.isText(chunk)) {
        chunk.fill(0)
        throw notShown(label)
      }
      await new Promise<void>((resolve, reject) => {
        stdout.write(chunk, error => (error ? reject(error) : resolve()))
      })
      lastByte = chunk.at(-1) ?? lastByte
      chunk.fill(0)
    }
    if (atTerminal && lastByte !== lineEnd) stdout.write('\n')
    if (atTerminal && !text.isWhole()) throw notShown(label)
  } finally {
    progress?.end()
  }
}

const lineEnd = 0x0a

function notShown(label: string): SecretboxError {
  return new SecretboxError('invalid', `stopped ${label}: it is no text, and would steer your terminal`, {
    hint: 'send it to a file or a program, as in: … > FILE; or to see it all the same: … | cat'
  })
}
