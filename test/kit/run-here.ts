import { createRequire } from 'node:module'
import { Readable, Writable } from 'node:stream'
import type { begin as beginType } from '../../src/cli/begin.ts'
import { builtCliModule } from './built.ts'
import type { Conditions, Outcome } from './run-program.ts'

/** Commands that give their own streams to programs which they start. */
const passStreamsOn = ['run', 'create-container', 'build', 'compose', 'edit']
/** What start.c answers itself. */
const withoutNode = 'docker-cli-plugin-metadata'
/** Standard input and descriptors by name are those of a process. */
const namesDescriptor = /^\/(dev|proc)\//

let isRunning = false

/** Whether a command line does the same in this process as in one of its own; to complete one does. One runs at a time. */
export function canRunHere(args: readonly string[]): boolean {
  const apart = [...passStreamsOn, withoutNode]
  if (isRunning) return false
  return (
    args[0]?.startsWith('__complete') === true ||
    !args.some(arg => apart.includes(arg) || namesDescriptor.test(arg))
  )
}

/** Runs the command line in this process, as `runProgram` does in another; no terminal is there. */
export async function runHere(
  program: string,
  args: readonly string[],
  { input = '', cwd = process.cwd(), env = {} }: Conditions = {}
): Promise<Outcome> {
  // Loaded when a test first needs it, and by Node itself: it is bundled.
  const { begin } = createRequire(import.meta.url)(builtCliModule) as { begin: typeof beginType }
  // It zeroes what it has read.
  const bytes = Buffer.from(input as Buffer)
  const stdin = Readable.from(bytes.length === 0 ? [] : [bytes])
  const [stdout, stderr] = [collector(), collector()]
  const known = Object.entries(env).filter(([, value]) => value !== undefined)
  const before = process.cwd()
  isRunning = true
  process.chdir(cwd)
  try {
    const start = { argv: [program, ...args], env: Object.fromEntries(known), descriptors: [] }
    const code = await begin(() => start, { stdin, stdout: stdout.stream, stderr: stderr.stream })
    return {
      code,
      stdout: stdout.written().toString(),
      stderr: stderr.written().toString(),
      bytes: stdout.written()
    }
  } finally {
    process.chdir(before)
    isRunning = false
  }
}

/** A stream that keeps what is written to it, which the writer may zero then. */
function collector(): { readonly stream: Writable; readonly written: () => Buffer } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk))
      done()
    }
  })
  return { stream, written: () => Buffer.concat(chunks) }
}
