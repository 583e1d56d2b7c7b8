import type { Output } from './streams.ts'
import type { Body } from './body.ts'
import { humanSize } from './human.ts'
import { printable } from './printable.ts'

const quietMs = 1000
const everyMs = 200

/** Tells a user at a terminal how far a transfer is, from its second second on. */
export interface Progress {
  /** Hands the bytes through, unchanged, and counts them. */
  count(body: Body): AsyncGenerator<Buffer>
  /** Takes the line away again. */
  end(): void
}

/** Starts to show `label` and a count of bytes on `stderr`, if that is a terminal; of `totalBytes` where that is known. */
export function startProgress(stderr: Output, label: string, totalBytes: number | null = null): Progress {
  const startMs = performance.now()
  let bytes = 0
  let shown = false
  const show = () => {
    const elapsedMs = performance.now() - startMs
    if (elapsedMs < quietMs) return
    shown = true
    const speed = `${humanSize((bytes * 1000) / elapsedMs)}/s`
    stderr.write(`\r\u001b[K${printable(label)}: ${doneOf(bytes, totalBytes)}, ${speed}`)
  }
  const timer = stderr.isTTY === true ? setInterval(show, everyMs).unref() : undefined
  return {
    async *count(body) {
      for await (const chunk of body) {
        bytes += chunk.length
        yield chunk
      }
    },
    end() {
      clearInterval(timer)
      if (shown) stderr.write('\r\u001b[K')
    }
  }
}

/** `12kB`, or `45% of 27kB`; what turned out to be more than was said is told as it is. */
function doneOf(bytes: number, totalBytes: number | null): string {
  if (totalBytes === null || totalBytes === 0 || bytes > totalBytes) return humanSize(bytes)
  return `${Math.floor((100 * bytes) / totalBytes)}% of ${humanSize(totalBytes)}`
}
